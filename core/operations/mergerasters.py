# SPDX-License-Identifier: GPL-2.0-or-later
"""Merge overlapping images into one mosaic, on one grid, with an overlap rule or along seams."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ..alike import file_name, refuse_other_bands, refuse_other_unit
from ..errors import IncompatibleImages, InvalidOption
from ..executor import each
from ..grid import Grid
from ..image import Image, representable
from ..mosaicking.hardcut import BLENDING
from ..placement import agree_on_crs, is_resampled, onto, output_grid, revisited
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, bytes_read, open_image, open_listed, refuse_overwriting
from ..requests import Calculated
from ..requests.mergerasters import Merging
from ..requests.mergerasters import Request as Request
from ..requests.mergerasters import Result as Result
from ..seams.mosaic import Mosaic, Overlap, Seams, mosaic
from ..seams.rules import MIXING
from ..seams.sources import Sources
from ..seams.visibility import TILE, visibility
from ..vector import files_of
from ..write import Beside, write
from .mosaic.cells import cells_of as cells_of
from .mosaic.cells import center_cells
from .mosaic.tiles import tile_folder, write_tiles, write_whole


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Merge the images of the request and write the mosaic."""
    started = bytes_read()
    images, skipped = open_listed(request, progress)
    output = _destination(request, images)
    searching = request.rule == "multiband" and not request.seamlines
    merged = apply(images, request, progress.part(0.0, 0.15) if searching else progress)
    progress.phase("Writing the mosaic")
    writing = progress.part(0.15 if searching else 0.0, 0.85)
    beside = _sources(merged, request)
    if request.tiles:
        done = write_tiles(merged, output, request, writing)
        for one in () if done.planned else beside:
            write(one.image, one.path, one.request, progress.part(0.85, 0.92))
    else:
        done = write_whole(merged, output, request, writing, beside)
    if done.planned:
        return Result(images_used=len(images), images_skipped=skipped)
    if not done.valid_pixels:
        progress.warn(
            "The mosaic has no valid pixel: the images have none in its extent, or its pixels of "
            f"{merged.grid.pixel_size[0]:g} map units are too large for them. Choose a smaller "
            "RESOLUTION or another EXTENT, and see whether NODATA is right."
        )
    if merged.overlap.seams is not None:
        progress.phase("Measuring the seams")
    seen = seam_visibility(merged, done.path, request.threads, progress.part(0.92, 1.0))
    covered = done.valid_pixels / merged.grid.window.pixels
    progress.info(
        f"The mosaic has {merged.grid.width} × {merged.grid.height} px from {len(images)} images; "
        f"{100 * covered:.1f} % of it are covered. It is {done.path}."
    )
    progress.advance(1.0)
    return Result(
        done.path,
        beside[0].path if beside else None,
        images_used=len(images),
        images_skipped=skipped,
        covered=covered,
        hole_pixels=done.holes,
        seam_visibility=seen,
        read_bytes=bytes_read() - started,
        written_bytes=done.bytes,
    )


def _destination(request: Request, images: Sequence[RasterImage]) -> str:
    """Check what is written before any work; return the file, or the folder of tiles."""
    inputs = [*(image.path for image in images), *files_of(request.seamlines)]
    if request.save_sources:
        refuse_overwriting(request.save_sources, inputs)
    if request.tiles:
        return tile_folder(request.output, inputs)
    return refuse_overwriting(request.output, inputs)


def _sources(merged: Mosaic, request: Request) -> list[Beside]:
    """Return the image that tells which image each pixel is of, when it is asked for."""
    if not request.save_sources:
        return []
    # means of numbers mean nothing
    plain = replace(request, output_type="same", build_overviews=False, cog=False)
    return [Beside(Sources(merged), os.path.abspath(request.save_sources), plain)]


def seam_visibility(
    merged: Mosaic, path: str, threads: int = 0, progress: Progress = SILENT
) -> float | None:
    """Return how much the seams show in a mosaic that was written (1: not); None without seams."""
    seams = merged.overlap.seams
    if seams is None:
        return None
    windows = math.ceil(merged.grid.width / TILE) * math.ceil(merged.grid.height / TILE)
    walk = partial(each, threads=threads, progress=progress, total=windows)
    return visibility(open_image(path), seams.labels, walk)


def apply(images: Sequence[RasterImage], request: Request, progress: Progress = SILENT) -> Mosaic:
    """Return the mosaic of the images as a view: nothing is computed but seams that are missing."""
    grid = common_grid(images, request, progress)
    seams = None
    if request.seamlines:
        cells = cells_of(request.seamlines, images, grid, request.image_field_name, progress)
        seams = Seams(cells)
    elif request.rule == "multiband" and len(images) > 1:
        seams = Seams(center_cells(images, grid, request.threads, progress))
    again = bool(request.save_sources) or (seams is not None and request.rule in BLENDING)
    return assemble(
        # what is read around seams, or for two files, is decoded once
        [revisited(image) for image in images] if again else images,
        grid,
        request,
        seams=seams,
        nodata=request.nodata,
        progress=progress,
    )


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
    precision = how.calculation_type if isinstance(how, Calculated) else "auto"
    return mosaic(
        seen,
        grid,
        Overlap(how.rule, seams, how.blend_width, how.fill_gaps, precision),
        dtype=kind,
        nodata=_nodata_of(images, how.output_nodata, nodata, kind, progress),
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
    if first.details.color_table and rule in MIXING:
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
