# SPDX-License-Identifier: GPL-2.0-or-later
"""Bring images to the same pixel size and onto one grid, without matching them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import RESAMPLINGS, Images, ManyOutputs, Writing
from .shared.moving import MovedWriting

RESOLUTIONS = ("highest", "average", "lowest", "native")

EXTENTS = ("own", "union", "intersection")

Pixel = tuple[float, float]


@dataclass(frozen=True)
class Request(Writing, ManyOutputs, Images):
    """Options of the run."""

    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_Align.tif")
    resolution: Any = option(
        Kind.TEXT,
        "Resolution (highest, average, lowest, native, numbers)",
        "highest",
        help="Pixel size, separately along x and y: highest: the smallest of all images. average, "
        "lowest: their mean, the largest. native: each keeps its own. Or a number in map units of "
        "the output, or two, for x and y",
    )
    resampling: str = option(
        Kind.CHOICE,
        "Resampling",
        "bilinear",
        choices=RESAMPLINGS,
        help="For images that do not lie on the pixels already. Where pixels become much larger, "
        "all but nearest average. Images with a color table always use nearest",
    )
    tap: bool = option(
        Kind.FLAG,
        "Snap to pixel multiples",
        False,
        help="Put the edges of the outputs, outward, on multiples of the pixel size.",
    )
    reference: str | None = option(
        Kind.RASTER,
        "Reference",
        None,
        help="Raster whose CRS, pixel size and pixel edges are used; RESOLUTION, TAP, CRS and "
        "PHASE are ignored then.",
    )
    extent_rule: str = option(
        Kind.CHOICE,
        "Extents",
        "own",
        choices=EXTENTS,
        advanced=True,
        help="own: each image keeps its extent. union, intersection: all get that of all, or what "
        "all have in common, and so one size",
    )
    crs: str | None = option(
        Kind.CRS,
        "CRS",
        None,
        advanced=True,
        help="CRS of the outputs; empty: of the first image. Others are reprojected.",
    )
    phase: str = option(
        Kind.CHOICE,
        "Pixel edges",
        "shared",
        choices=("shared", "own"),
        advanced=True,
        help="shared: all outputs share the pixel edges of the first image, so that they differ by "
        "whole pixels. own: each keeps its corner",
    )
    output_nodata: float | None = redefault(
        MovedWriting,
        "output_nodata",
        None,
        help="Empty: each image's own, else NaN for decimal numbers; whole numbers get an internal "
        "mask where an output reaches beyond its image, and no value is declared.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        object.__setattr__(self, "resolution", _text(self.resolution))
        super().__post_init__()
        parsed(self.resolution)


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Aligned images")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    images_resampled: int | None = result(Kind.INTEGER, "Images resampled")


def parsed(resolution: str) -> str | Pixel:
    """Return a rule for the pixel size, or the pixel size along x and y.

    Raises InvalidOption for anything else.
    """
    if resolution in RESOLUTIONS:
        return resolution
    try:
        sizes = [float(piece) for piece in resolution.replace(",", " ").split()]
    except ValueError:
        sizes = []
    if len(sizes) not in (1, 2):
        raise InvalidOption(
            f"Resolution: {resolution!r} is not one of {', '.join(RESOLUTIONS)}, and not one or "
            "two numbers."
        )
    for size in sizes:
        if not 1e-12 < size < 1e12:
            raise InvalidOption(f"Resolution: {size:g} is not a pixel size above 0.")
    return sizes[0], sizes[-1]


def _text(resolution: Any) -> Any:
    """A pixel size given as number or numbers, as text."""
    if isinstance(resolution, (list, tuple)):
        return " ".join(map(str, resolution))
    return str(resolution) if isinstance(resolution, (int, float)) else resolution
