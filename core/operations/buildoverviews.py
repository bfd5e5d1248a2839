# SPDX-License-Identifier: GPL-2.0-or-later
"""Add overviews (pyramids) to images, so that they open fast at every scale."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_listed, output_paths
from ..raster.create import Format
from ..raster.overviews import Pyramid, Stored, build_overviews, copy_raster, stored
from ..requests import RESAMPLINGS, Images, ManyOutputs, Planned, Writing

NEEDS = ()


@dataclass(frozen=True)
class Request(Planned, Images):
    """Options of the run."""

    levels: tuple[float, ...] | None = option(
        Kind.NUMBERS,
        "Levels",
        None,
        help="How many times smaller each overview is, for example 2,4,8,16,32; empty: halving "
        "until the long side is below 256 px",
    )
    resampling: str = option(
        Kind.CHOICE,
        "Resampling",
        "average",
        choices=(*RESAMPLINGS, "mode"),
        help="How pixels are put together. Images with a color table or classes take nearest "
        "unless mode is chosen",
    )
    external: bool = option(
        Kind.FLAG,
        "Beside the file",
        False,
        advanced=True,
        help="Write overviews into a file .ovr beside the image instead of into the image.",
    )
    clean: bool = option(
        Kind.FLAG,
        "Remove existing ones",
        False,
        advanced=True,
        help="Remove the overviews that an image has before new ones are built.",
    )
    creation_options: str | None = redefault(
        Writing,
        "creation_options",
        None,
        help="GDAL creation options, KEY=VALUE separated by |, for the overviews and for copies; "
        "empty: as the image has them.",
    )
    output_folder: str | None = option(
        Kind.FOLDER_OUT,
        "Output folder",
        None,
        help="Folder for copies that get the overviews; empty: the images themselves get them.",
    )
    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$")
    load_outputs: bool = redefault(ManyOutputs, "load_outputs", False)

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        wrong = [level for level in self.levels or () if level < 2 or level != int(level)]
        if wrong:
            raise InvalidOption(f"Levels: {wrong[0]:g} is not a whole number of 2 or more.")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_layers: tuple[str, ...] | None = result(Kind.RASTERS, "Images with overviews")
    output_folder: str | None = result(Kind.FOLDER_OUT, "Output folder")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    images_kept: int | None = result(Kind.INTEGER, "Images that had them already")
    external_count: int | None = result(Kind.INTEGER, "Images with overviews beside them")


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
        f"{len(images) - states.count('kept')} images have new overviews, {beside} of them in a "
        "file beside the image."
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
    how = Pyramid(
        levels, _resampling(request, found, name, progress), request.external, request.clean, form
    )
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
