# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply a saved correction to an image, a mask or another resolution of the same scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import Images
from .shared.moving import MovedWriting


@dataclass(frozen=True)
class Request(MovedWriting):
    """Options of the run."""

    image: str = option(
        Kind.RASTER,
        "Image",
        help="Any raster placed as the moving image was: other bands, a mask, another resolution.",
    )
    transform: str = option(
        Kind.FILE, "Transform", help="The JSON file that a co-registration has saved."
    )
    output_grid: str = option(
        Kind.CHOICE,
        "Output grid",
        "image",
        choices=("image", "reference", "template"),
        help="image: the pixels of IMAGE. reference: those of the image it is moved onto, at the "
        "pixel size of IMAGE. template: those of TEMPLATE",
    )
    template: str | None = option(
        Kind.RASTER, "Template", None, help="Raster whose grid is used with OUTPUT_GRID=template."
    )
    direction: str = option(
        Kind.CHOICE,
        "Direction",
        "forward",
        choices=("forward", "inverse"),
        advanced=True,
        help="inverse moves a raster that lies on the reference onto the uncorrected image",
    )
    strength: float = option(
        Kind.NUMBER,
        "Strength",
        1.0,
        advanced=True,
        help="Multiplies all displacements.",
    )
    allow_refused: bool = option(
        Kind.FLAG,
        "Allow a refused transform",
        False,
        advanced=True,
        help="Apply a transform that was refused when it was made.",
    )
    nodata: float | None = redefault(
        Images, "nodata", None, help="Replaces the declared nodata value of IMAGE; empty keeps it."
    )
    output: str = option(Kind.RASTER_OUT, "Corrected image", help="GeoTIFF.")

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if (self.output_grid == "template") != bool(self.template):
            raise InvalidOption(
                "OUTPUT_GRID=template and a raster in TEMPLATE belong together; give both or none."
            )
        if self.correction == "geotransform":
            _refuse_changes(self)


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Corrected image")
    moved_from_nodata: int | None = result(Kind.INTEGER, "Values moved away from nodata")


def _refuse_changes(request: Request) -> None:
    """Raise InvalidOption for options that would change pixels, which a geotransform leaves."""
    changes: tuple[tuple[str, Callable[[Request], bool]], ...] = (
        ("OUTPUT_GRID", lambda one: one.output_grid != "image"),
        ("OUTPUT_TYPE", lambda one: one.output_type != "same"),
        ("OUTPUT_NODATA", lambda one: one.output_nodata is not None),
        ("NODATA", lambda one: one.nodata is not None),
    )
    for name, changed in changes:
        if changed(request):
            raise InvalidOption(
                f"{name}: CORRECTION=geotransform leaves all pixels as they are. Use "
                "CORRECTION=resample."
            )
