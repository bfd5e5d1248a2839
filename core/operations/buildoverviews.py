# SPDX-License-Identifier: GPL-2.0-or-later
"""Add overviews (pyramids) to images, so that they open fast at every scale."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ..image import representable
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_listed, output_paths
from ..raster.create import Format
from ..raster.overviews import Pyramid, Stored, build_overviews, copy_raster, stored
from ..requests.buildoverviews import Request as Request
from ..requests.buildoverviews import Result as Result

NEEDS = ()


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Build the overviews of the images of the request."""
    images, skipped = open_listed(request, progress)
    paths = _destinations(request, images)
    progress.phase("Building overviews")
    states = [
        _one(image, path, request, part)
        for image, path, part in zip(images, paths, progress.split(len(images)))
    ]
    beside = states.count("beside")
    if request.dry_run:
        return Result(images_used=len(images), images_skipped=skipped)
    progress.info(
        f"New overviews: {len(images) - states.count('kept')} of {len(images)} images, {beside} "
        "in a file beside the image."
    )
    progress.advance(1.0)
    folder = request.output_folder and os.path.abspath(request.output_folder)
    return Result(
        tuple(paths),
        folder,
        images_used=len(images),
        images_skipped=skipped,
        images_kept=states.count("kept"),
        external_count=beside,
    )


def _destinations(request: Request, images: Sequence[RasterImage]) -> Sequence[str]:
    if not request.output_folder:
        return [image.path for image in images]
    return output_paths(images, request.output_folder, request.name_pattern)


def _one(image: RasterImage, path: str, request: Request, progress: Progress) -> str:
    """Build the overviews of an image; return where they are now."""
    name, found = os.path.basename(path), stored(image.path)
    levels = tuple(int(level) for level in request.levels or ()) or found.levels
    if request.resume != "no" and os.path.isfile(path) and set(levels) <= set(stored(path).known):
        progress.info(f"{name} has these overviews already.")
        return "kept"
    if request.dry_run:
        listed = ", ".join(map(str, levels)) or "none, it is small"
        progress.info(f"Planned: overviews of {path}, levels {listed}.")
        return "planned"
    form = Format.parse(request.creation_options, np.dtype(image.dtype))
    resampling = _resampling(request, found, name, progress)
    # nearest pixels are what they are
    nodata = None if resampling == "nearest" else representable(request.nodata, image.dtype)
    marker = None if nodata is None else float(nodata)
    how = Pyramid(levels, resampling, request.external, request.clean, form, marker)
    if path != image.path:
        copy_raster(image.path, path, form, progress.part(0.0, 0.4))
    where = build_overviews(path, how, progress.part(0.4, 1.0))
    if where == "beside" and not request.external:
        progress.info(f"{name} cannot be changed or hold overviews: they are in {name}.ovr.")
    return where


def _resampling(request: Request, found: Stored, name: str, progress: Progress) -> str:
    if found.classes and request.resampling not in ("nearest", "mode"):
        progress.warn(f"{name} holds classes: its overviews take nearest pixels.")
        return "nearest"
    return request.resampling
