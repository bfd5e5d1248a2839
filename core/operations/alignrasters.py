# SPDX-License-Identifier: GPL-2.0-or-later
"""Bring images to the same pixel size and onto one grid, without matching them."""

from __future__ import annotations

from collections.abc import Sequence

from ..alike import file_name
from ..image import Image
from ..placement import agree_on_crs, is_resampled
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_image, open_listed, output_paths, refuse_overwriting
from ..registration.corrected import declared
from ..registration.gridding import Lattices, aligned, pixel_in
from ..requests.alignrasters import Request as Request
from ..requests.alignrasters import Result as Result
from ..requests.alignrasters import parsed
from ..requests.shared.moving import MovedWriting
from ..transform.warped import COARSER
from ..write import write_all

NEEDS = ()

FROM_REFERENCE = ("resolution", "tap", "crs", "phase")
"""Options that a reference makes idle."""


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
