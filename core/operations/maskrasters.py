# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the pixels of images invalid outside polygons, or inside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..alike import file_name
from ..displacements.pair import Part
from ..image import Image
from ..masks.edges import Trimmed
from ..masks.restricted import Restricted
from ..masks.validbox import ValidBox
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_listed, output_paths
from ..registration.corrected import declared
from ..requests.maskrasters import Request as Request
from ..requests.maskrasters import Result as Result
from ..requests.shared.moving import MovedWriting
from ..survey import survey
from ..vector import Burned, Feature, polygons_for, read_polygons
from ..write import Written, paths_of, together, write
from .expression.computing import warn_of_empty

NEEDS = ()


@dataclass
class _Polygons:
    """The polygons of the run in the CRS of each image.

    Those that lie on some image are noted, and the images of which nothing is kept.
    """

    request: Request
    names: tuple[str, ...]
    progress: Progress
    missed: list[str] = field(default_factory=list)
    known: dict[str, tuple[Feature, ...]] = field(default_factory=dict)
    reached: set[int] = field(default_factory=set)

    def burned(self, image: Image) -> Burned | None:
        """Return the polygons that count for an image, None where there are none."""
        crs, request = image.grid.crs, self.request
        if crs not in self.known:
            self.known[crs] = read_polygons(request.vector_mask, crs, self.progress)
        mine = everything = self.known[crs]
        if request.mask_field:
            mine = polygons_for(image.name, everything, request.mask_field, self.names)
        if not mine:
            return None
        shapes = tuple((feature.geometry, 1) for feature in mine)
        found = Burned(image.grid, shapes, touched=request.include_touched_pixels)
        places = {id(feature): place for place, feature in enumerate(everything)}
        self.reached |= {places[id(one)] for one, near in zip(mine, found.reached) if near}
        if not any(found.reached) and request.mask_mode == "include":
            self.missed.append(file_name(image))
        return found

    @property
    def outside(self) -> int:
        """How many polygons lie on no image."""
        count = max((len(features) for features in self.known.values()), default=0)
        return count - len(self.reached)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """See every image without what is not kept, and write it."""
    found, unreadable = open_listed(replace(request, nodata=None), progress)
    output_paths(found, request.output_folder, request.name_pattern)
    polygons = _Polygons(request, tuple(image.name for image in found), progress)
    masks = [polygons.burned(image) for image in found]
    leave = [m is None and request.mask_mode == "include" for m in masks]
    images = [image for image, left in zip(found, leave) if not left]
    skipped = tuple(image.name for image, left in zip(found, leave) if left)
    views = [
        masked(image, mask, request) for image, mask, left in zip(found, masks, leave) if not left
    ]
    _warn(request, skipped, polygons, progress)
    paths = output_paths(images, request.output_folder, request.name_pattern) if images else ()
    progress.phase("Writing the masked images")
    counted = [Trimmed(image) for image in images]
    written: list[Written] = []
    with together(written, request):
        for view, path, counter, part in zip(views, paths, counted, progress.split(len(paths))):
            written.append(_written(view, path, counter, request, part))
    warn_of_empty(images, written, counted, progress)
    _warn_of_nothing(images, written, counted, polygons, progress)
    return Result(
        paths_of(written),
        len(images),
        unreadable + len(skipped),
        sum(one.valid_pixels for one in written),
        sum(one.found for one in counted),
        sum(one.moved_from_nodata for one in written),
        polygons.outside,
        skipped,
    )


def masked(image: RasterImage, mask: Burned | None, request: Request) -> Image:
    """Return the image without what is not kept, as a view; without mask all of it is kept.

    Raises InvalidOption for a nodata value that the type cannot hold.
    """
    view: Image = image
    if mask is not None:
        keep = "valid" if request.mask_mode == "include" else "invalid"
        view = Restricted(image, mask, keep)
    if request.nodata is None and request.output_type == "same":
        return view
    how = MovedWriting(output_type=request.output_type, output_nodata=request.nodata)
    return declared(view, how)


def _written(
    view: Image, path: str, counter: Trimmed, request: Request, progress: Progress
) -> Written:
    """Write a view, cropped to what is kept when that is asked for."""
    if not request.crop:
        return write(view, path, request, progress, (counter,))
    box, part = ValidBox(), progress.part(0.0, 0.3)
    survey([view], own=[box, counter], canvas=view.grid, threads=request.threads, progress=part)
    if box.found is not None:
        view = Part(view, box.found)
    return write(view, path, request, progress.part(0.3, 1.0))


def _warn(
    request: Request, skipped: Sequence[str], polygons: _Polygons, progress: Progress
) -> None:
    if skipped:
        progress.warn(
            f"No polygon has the name of {', '.join(skipped)} in its field "
            f"{request.mask_field!r}; nothing is written for it."
        )
    if polygons.missed:
        progress.warn(
            f"No polygon lies on {', '.join(polygons.missed)}, so nothing of it is kept. Check "
            "MASK_MODE and the CRS of the polygons."
        )
    if polygons.outside and request.mask_field:
        where = f"no image that their {request.mask_field!r} names"
        progress.warn(f"Polygons on {where}: {polygons.outside}.")
    elif polygons.outside:
        progress.warn(f"Polygons outside all images: {polygons.outside}.")


def _warn_of_nothing(
    images: Sequence[Image],
    written: Sequence[Written],
    lost: Sequence[Trimmed],
    polygons: _Polygons,
    progress: Progress,
) -> None:
    """Warn of images whose box polygons reach, while nothing of them is kept."""
    found = [
        file_name(image)
        for image, one, gone in zip(images, written, lost)
        if one.state == "written" and not one.valid_pixels and gone.found
    ]
    where = "inside" if polygons.request.mask_mode == "include" else "outside"
    unsaid = ", ".join(name for name in found if name not in polygons.missed)
    if unsaid:
        progress.warn(f"No valid pixel of {unsaid} lies {where} the polygons; nothing is kept.")
