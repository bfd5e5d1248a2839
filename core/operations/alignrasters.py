# SPDX-License-Identifier: GPL-2.0-or-later
"""Bring images to the same pixel size and onto one grid, without matching them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..alike import file_name
from ..errors import InvalidOption
from ..image import Image
from ..options import Kind, option, redefault, result
from ..placement import agree_on_crs, is_resampled
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_image, open_listed, output_paths, refuse_overwriting
from ..registration.corrected import MovedWriting, declared
from ..registration.gridding import EXTENTS, RESOLUTIONS, Lattices, Pixel, aligned, pixel_in
from ..requests import RESAMPLINGS, Images, ManyOutputs, Writing
from ..transform.warped import COARSER
from ..write import write_all

NEEDS = ()

FROM_REFERENCE = ("resolution", "tap", "crs", "phase")
"""Options that a reference makes idle."""


@dataclass(frozen=True)
class Request(Writing, ManyOutputs, Images):
    """Options of the run."""

    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_Align.tif")
    resolution: Any = option(
        Kind.TEXT,
        "Resolution (highest, average, lowest, native, or one or two numbers)",
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


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """See every image on the common pixels and write it."""
    images, skipped = open_listed(request, progress)
    paths = output_paths(images, request.output_folder, request.name_pattern)
    views = apply(images, request, progress)
    for path in paths if request.reference else ():
        refuse_overwriting(path, [str(request.reference)])
    progress.phase("Writing the aligned images")
    write_all(views, paths, request, progress)
    return Result(paths, len(images), skipped, sum(map(is_resampled, views)))


def apply(
    images: Sequence[RasterImage], request: Request, progress: Progress = SILENT
) -> list[Image]:
    """Return every image on the common pixels, as a view; itself where it needs no change.

    Raises IncompatibleImages and InvalidOption with the reason why that cannot be.
    """
    lattices = _lattices(images, request, progress).of(images)
    seen = aligned(images, lattices, request.resampling, request.extent_rule)
    _tell(images, seen, request, progress)
    how = MovedWriting(output_type=request.output_type, output_nodata=request.output_nodata)
    as_they_are = request.output_type == "same" and request.output_nodata is None
    changed = [
        image if as_they_are and view.details == image.details else declared(image, how)
        for image, view in zip(images, seen)
    ]
    return aligned(changed, lattices, request.resampling, request.extent_rule)


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


def _lattices(images: Sequence[RasterImage], request: Request, progress: Progress) -> Lattices:
    if request.reference is None:
        if request.tap and request.phase == "own":
            progress.warn("TAP puts all outputs on multiples of the pixel size; PHASE is ignored.")
        return Lattices(
            agree_on_crs(images, request.crs, progress),
            parsed(request.resolution),
            tap=request.tap,
            own_phase=request.phase == "own",
        )
    defaults = Request.__dataclass_fields__
    idle = [
        name.upper() for name in FROM_REFERENCE if getattr(request, name) != defaults[name].default
    ]
    if idle:
        progress.warn(
            f"REFERENCE gives CRS, pixel size and pixel edges; {', '.join(idle)} "
            f"{'is' if len(idle) == 1 else 'are'} ignored."
        )
    reference = open_image(request.reference)
    crs = agree_on_crs([reference, *images], None, progress)
    return Lattices(crs, reference=reference.grid)


def _tell(
    images: Sequence[RasterImage], seen: Sequence[Image], request: Request, progress: Progress
) -> None:
    """Say which images are resampled, and how."""
    moved = [(image, view) for image, view in zip(images, seen) if is_resampled(view)]
    progress.info(
        f"{len(images) - len(moved)} of {len(images)} images lie on the pixels already and keep "
        f"their values; {len(moved)} are resampled ({request.resampling})."
    )
    if request.resampling == "nearest":
        return
    labeled = [image for image, _ in moved if image.details.color_table]
    if labeled:
        progress.warn(
            f"{file_name(labeled[0])}"
            + (f" and {len(labeled) - 1} more images have" if labeled[1:] else " has")
            + " a color table, so nearest neighbors are used."
        )
    averaged = sum(_grows(image, view) for image, view in moved if image not in labeled)
    if averaged and request.resampling != "average":
        progress.info(f"{averaged} of them get larger pixels and are averaged.")


def _grows(image: RasterImage, view: Image) -> bool:
    """Whether pixels become so much larger that they are averaged."""
    own = pixel_in(image, view.grid.crs)
    return any(new >= COARSER * old for new, old in zip(view.grid.pixel_size, own))
