# SPDX-License-Identifier: GPL-2.0-or-later
"""Merge overlapping images into one mosaic, on one grid, with an overlap rule or along seams."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..alike import file_name, refuse_other_bands, refuse_other_unit
from ..errors import IncompatibleImages, InvalidOption
from ..grid import Grid
from ..image import Image, representable
from ..options import Kind, option, redefault, result
from ..placement import agree_on_crs, is_resampled, onto, output_grid
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import bytes_read, open_listed, refuse_overwriting
from ..requests import ImageField, Images, OneMosaic, Writing
from ..seams.holes import Holes
from ..seams.mosaic import Mosaic, Overlap, Seams, mosaic
from ..seams.rules import RULES, SEAM_RULES
from ..vector import Burned, files_of, polygons_for, read_polygons
from ..write import write


@dataclass(frozen=True)
class Merging(OneMosaic, Writing):
    """What a mosaic is made like; shared with the pipeline."""

    rule: str = option(
        Kind.CHOICE,
        "Overlap rule",
        "last",
        choices=tuple(RULES),
        help="What becomes of ground that several images see. first, last: the image that comes "
        "first or last in the list, or the seam cell's. minimum, maximum, mean, count: of all "
        "images. feather: images fade into each other",
    )
    blend_width: int = option(
        Kind.INTEGER,
        "Blend width",
        32,
        unit="px",
        minimum=2,
        maximum=512,
        help="Full width of the zone in which feather mixes two images.",
    )
    fill_gaps: bool = option(
        Kind.FLAG,
        "Fill gaps",
        True,
        advanced=True,
        help="Where a seam cell's image is not valid, take the next valid image.",
    )
    build_overviews: bool = redefault(Writing, "build_overviews", True)


@dataclass(frozen=True)
class Request(ImageField, Merging, Images):
    """Options of the run."""

    seamlines: str | None = option(
        Kind.VECTOR,
        "Seam cells",
        None,
        help="Polygons with the image's name, as the seamline tools write them; empty: none.",
    )
    output: str = option(Kind.RASTER_OUT, "Mosaic", help="The mosaic, a GeoTIFF.")

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        refuse_seamless_rule(self.rule, bool(self.seamlines))


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Mosaic")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    covered: float | None = result(Kind.NUMBER, "Covered fraction of the mosaic")
    hole_pixels: int | None = result(Kind.INTEGER, "Invalid pixels inside the seam cells")
    read_bytes: int | None = result(Kind.INTEGER, "Bytes of pixels read")
    written_bytes: int | None = result(Kind.INTEGER, "Bytes written")


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Merge the images of the request and write the mosaic."""
    started = bytes_read()
    images, skipped = open_listed(request, progress)
    inputs = [*(image.path for image in images), *files_of(request.seamlines)]
    output = refuse_overwriting(request.output, inputs)
    merged = apply(images, request, progress)
    progress.phase("Writing the mosaic")
    holes = Holes(merged)
    written = write(merged, output, request, progress, (holes,))
    covered = written.valid_pixels / merged.grid.window.pixels
    progress.info(
        f"The mosaic has {merged.grid.width} × {merged.grid.height} px from {len(images)} images; "
        f"{100 * covered:.1f} % of it are covered. It is {output}."
    )
    return Result(
        output,
        images_used=len(images),
        images_skipped=skipped,
        covered=covered,
        hole_pixels=holes.found,
        read_bytes=bytes_read() - started,
        written_bytes=written.bytes,
    )


def apply(images: Sequence[Image], request: Request, progress: Progress = SILENT) -> Mosaic:
    """Return the mosaic of the images as a view: nothing is computed yet."""
    grid = common_grid(images, request, progress)
    seams = None
    if request.seamlines:
        cells = cells_of(request.seamlines, images, grid, request.image_field_name, progress)
        seams = Seams(cells)
    return assemble(images, grid, request, seams=seams, nodata=request.nodata, progress=progress)


def common_grid(images: Sequence[Image], how: Merging, progress: Progress = SILENT) -> Grid:
    """Return the grid of the mosaic.

    Raises IncompatibleImages or InvalidOption when the images cannot become one mosaic.
    """
    refuse_different(images, how.rule)
    crs = agree_on_crs(images, how.crs, progress)
    return output_grid(images, crs, resolution=how.resolution, extent=how.extent, tap=how.tap)


def assemble(
    images: Sequence[Image],
    grid: Grid,
    how: Merging,
    *,
    seams: Seams | None = None,
    nodata: float | None = None,
    progress: Progress = SILENT,
) -> Mosaic:
    """Return images as one mosaic on a grid, with the type and nodata value that hold all."""
    seen = [onto(image, grid, how.resampling) for image in images]
    moved = sum(map(is_resampled, seen))
    if moved:
        progress.info(
            f"{moved} of {len(images)} images do not lie on the mosaic's pixels and are resampled "
            f"({how.resampling})."
        )
    if how.resampling != "nearest" and moved and images[0].details.color_table:
        progress.warn("Images with a color table are resampled with nearest neighbors.")
    kind = _type_of(images, how.output_type, progress)
    return mosaic(
        seen,
        grid,
        Overlap(how.rule, seams, how.blend_width, how.fill_gaps),
        dtype=kind,
        nodata=_nodata_of(images, how.output_nodata, nodata, kind, progress),
    )


def cells_of(
    source: str, images: Sequence[Image], grid: Grid, field: str, progress: Progress
) -> Burned:
    """Return the seam cells of a vector layer as labels of the images, on the grid.

    Raises InvalidOption when the layer lacks the field.
    """
    features = read_polygons(source, grid.crs, progress)
    title = os.path.basename(source.split("|")[0])
    if features and field not in features[0].values:
        known = ", ".join(features[0].values) or "none"
        raise InvalidOption(f"{title} has no field {field!r}; its fields are: {known}.")
    shapes, without, used = [], [], set()
    for number, image in enumerate(images, 1):
        mine = polygons_for(image.name, features, field, [i.name for i in images])
        shapes += [(feature.geometry, number) for feature in mine]
        used |= {str(feature.values[field]) for feature in mine}
        if not mine:
            without.append(image.name)
    unknown = sorted({str(f.values[field]) for f in features} - used)
    if unknown:
        progress.warn(f"{title}: no image has the name of these cells: {', '.join(unknown)}.")
    if without:
        progress.warn(f"Without a seam cell, used only to fill gaps: {', '.join(without)}.")
    return Burned(grid, tuple(shapes))


def refuse_seamless_rule(rule: str, seams: bool) -> None:
    """Raise InvalidOption when there are seams and the rule cannot follow them."""
    if seams and rule not in SEAM_RULES:
        raise InvalidOption(
            f"Overlap rule: {rule} does not follow seams. Rules that do: {', '.join(SEAM_RULES)}."
        )


def refuse_different(images: Sequence[Image], rule: str) -> None:
    """Raise IncompatibleImages when images differ in what cannot be reconciled."""
    first = images[0]
    for other in images[1:]:
        refuse_other_bands(first, other)
        refuse_other_unit(first, other)
        if other.details.color_table != first.details.color_table:
            both = f"{file_name(first)} and {file_name(other)}"
            raise IncompatibleImages(
                f"{both} have different color tables. Convert them to the same classes or to RGB "
                "first."
            )
    if first.details.color_table and rule in ("mean", "feather"):
        raise IncompatibleImages(
            f"{file_name(first)} has a color table; class values cannot be mixed. Choose the "
            "overlap rule first or last."
        )


def _type_of(images: Sequence[Image], wanted: str, progress: Progress) -> np.dtype[np.generic]:
    if wanted != "same":
        return np.dtype(wanted)
    kind = np.result_type(*[image.dtype for image in images])
    if kind.kind == "i" and kind.itemsize > max(image.dtype.itemsize for image in images):
        kind = kind if kind.itemsize < 8 else np.dtype(np.float64)
    names = sorted({image.dtype.name for image in images})
    if len(names) > 1:
        progress.info(f"The images are {', '.join(names)}; the mosaic is {kind.name}.")
    return np.dtype(kind)


def _nodata_of(
    images: Sequence[Image],
    wanted: float | None,
    given: float | None,
    kind: np.dtype[np.generic],
    progress: Progress,
) -> float | None:
    """Return what is asked for, else NODATA, else the first declared value, else None."""
    declared = [image.nodata for image in images if image.nodata is not None]
    chosen = next((v for v in (wanted, given, *declared) if v is not None), None)
    if chosen is not None and representable(chosen, kind) is None:
        raise InvalidOption(
            f"Nodata {chosen:g} cannot be stored as {kind.name}. Give another OUTPUT_NODATA or "
            "OUTPUT_TYPE."
        )
    if kind.kind == "f" and all(image.details.validity == "all" for image in images):
        # NaN is how decimal numbers say so; nothing is invented
        chosen = float("nan") if chosen is None else chosen
    if len({f"{value}" for value in declared}) > 1:
        listed = ", ".join(sorted({f"{value:g}" for value in declared}))
        progress.info(f"Declared nodata values: {listed}; the mosaic uses {chosen:g}.")
    return chosen
