# SPDX-License-Identifier: GPL-2.0-or-later
"""Compute spectral indices and expressions of every date of a time series."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..landcover.indices import NAMES
from ..landcover.userfunctions import checked_arguments
from ..options import Kind, option, result
from . import Writing


def _role(label: str, what: str, example: str) -> str | None:
    found: str | None = option(
        Kind.TEXT,
        label,
        None,
        advanced=True,
        help=f"Name of the {what} band, such as {example}; empty: as the sensor's table says.",
    )
    return found


@dataclass(frozen=True)
class Describing:
    """Which features are computed; shared with the workflow."""

    indices: tuple[str, ...] = option(
        Kind.NAMES,
        "Indices",
        ("ndvi", "ndwi", "brightness"),
        clearable=True,
        help=f"With commas, in the order of the output: {', '.join(NAMES)}.",
    )
    expressions: str | None = option(
        Kind.TEXT,
        "Expressions",
        None,
        help="Band maths over b1, b2 …, with commas between, computed for every date and rounded "
        "to whole numbers: 1000*(b8-b4)/(b8+b4). OTB's ^, &&, ||, ! and ?: are understood",
    )
    keep_bands: bool = option(
        Kind.FLAG, "Keep bands", True, help="The bands come first in the output."
    )
    red: str | None = _role("Red", "red", "b4")
    nir: str | None = _role("Near infrared", "near infrared", "b8")
    swir: str | None = _role("Shortwave infrared", "shortwave infrared (1.6 µm)", "b11")
    swir2: str | None = _role("Shortwave infrared 2", "shortwave infrared (2.2 µm)", "b12")
    green: str | None = _role("Green", "green", "b3")
    blue: str | None = _role("Blue", "blue", "b2")
    relative: bool = option(
        Kind.FLAG,
        "Relative reflectance",
        False,
        advanced=True,
        help="Every band but red becomes its normalized difference with red (iota2's relrefl).",
    )
    corrected: bool = option(
        Kind.FLAG,
        "Correct ratios",
        False,
        advanced=True,
        help="Make ratios less sensitive to the atmosphere, on reflectance × 10000 (iota2's "
        "acorfeat).",
    )
    keep_duplicates: bool = option(
        Kind.FLAG,
        "Keep duplicates",
        True,
        advanced=True,
        help="No: leave out ndvi where relative reflectance holds it already.",
    )
    scale: float = option(
        Kind.NUMBER,
        "Scale",
        1000.0,
        minimum=1e-6,
        advanced=True,
        help="Factor on normalized indices, which are stored as whole numbers.",
    )
    python_module: str | None = option(
        Kind.FILE,
        "Python file (runs code)",
        None,
        advanced=True,
        help="File with functions of yours. Its code is run with all your rights: give only files "
        "that you trust. Empty: no code is run",
    )
    functions: str | None = option(
        Kind.TEXT,
        "Functions",
        None,
        advanced=True,
        help="Names of functions in the Python file, with blanks between; they are run.",
    )
    arguments: str | None = option(
        Kind.TEXT,
        "Arguments",
        None,
        advanced=True,
        help='Keyword arguments of the functions as JSON, such as {"k": 2}.',
    )
    function_rows: int = option(
        Kind.INTEGER,
        "Rows for functions",
        50,
        unit="px",
        minimum=1,
        advanced=True,
        help="Height of the windows that functions see.",
    )
    function_columns: int = option(
        Kind.INTEGER,
        "Columns for functions",
        50,
        unit="px",
        minimum=1,
        advanced=True,
        help="Width of the windows that functions see.",
    )


@dataclass(frozen=True)
class Request(Describing, Writing):
    """Options of the run."""

    image: str = option(
        Kind.RASTER, "Series", help="Bands named <sensor>_<band>_<YYYYMMDD>, normally gap-filled."
    )
    output: str = option(Kind.RASTER_OUT, "Features", help="GeoTIFF.")

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        check(self)


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Features")
    feature_count: int | None = result(Kind.INTEGER, "Features, number")
    clipped_samples: int | None = result(Kind.INTEGER, "Samples cut to ±32767")


def check(request: Describing) -> None:
    """Raise InvalidOption for options that do not go together."""
    for index in request.indices:
        if index not in NAMES:
            raise InvalidOption(f"Indices: {index!r} is not one of {', '.join(NAMES)}.")
    if len(set(request.indices)) < len(request.indices):
        raise InvalidOption(f"Indices: {', '.join(request.indices)} hold a name twice.")
    checked_arguments(request.arguments or "")
    if bool(request.python_module) != bool(request.functions):
        raise InvalidOption("Functions and the Python file they stand in must be given together.")
    if not (request.indices or request.expressions or request.keep_bands or request.functions):
        raise InvalidOption("No features: give indices or expressions, or keep the bands.")
