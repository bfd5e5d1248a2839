# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run of the pipeline refuses before any work, that would end it, or spoil its files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from tempfile import TemporaryFile

from ...errors import ImageIOError, InvalidOption
from ...image import Image
from ...raster import RasterImage
from ...raster.create import Format
from ...requests.leastcostseamlines import Request as Costing
from ...requests.mosaicpipeline import Request
from ...room import needed_bytes, refuse_full_disk
from .. import mergerasters
from ..seam.areas import area_of_interest
from ..seam.costs import bands_of, obstacles_of, ranks_of
from ..seam.masks import mask_files
from .plan import Plan
from .scene import Scene

MODELS = 1_000_000
"""Bytes that models, pictures and reports of a few images take in the work folder."""


def refuse_places(output: str, report: str, folder: str, models: Sequence[str]) -> None:
    """Raise InvalidOption when a path cannot be written or would be written twice.

    `models` are names in the work folder.
    """
    for title, path in (("Mosaic", output), ("Report", report)):
        if os.path.isdir(path):
            raise InvalidOption(f"{title}: {path} is a folder. Give the name of a file.")
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise InvalidOption(f"Work folder: {folder} is a file. Give the name of a folder.")
    if os.path.realpath(folder) == os.path.realpath(output):
        raise InvalidOption(f"Work folder: {folder} is the mosaic too. Choose another folder.")
    if "|" in folder:
        raise InvalidOption(
            f"Work folder: {folder} has a |, which stands before the name of a layer in paths of "
            "vector files. Choose another folder."
        )
    taken = {os.path.realpath(os.path.join(folder, name)): name for name in models}
    for title, path in (("Mosaic", output), ("Report", report)):
        used = taken.setdefault(os.path.realpath(path), title)
        if used != title:
            what = "the mosaic" if used == "Mosaic" else f"{used} in the work folder"
            raise InvalidOption(f"{title}: {path} is {what} too. Choose another name.")


def refuse_unwritable(*folders: str) -> None:
    """Raise ImageIOError for a folder in which no file can be written; all of them are there."""
    for folder in dict.fromkeys(folders):
        try:
            with TemporaryFile(dir=folder, prefix=".orthoweave"):
                pass
        except OSError as error:
            reason = error.strerror or str(error)
            raise ImageIOError(f"No file can be written in {folder}: {reason}.") from error


def refuse_plan(plan: Plan, images: Sequence[RasterImage]) -> None:
    """Raise InvalidOption for masks, layers, bands and ranks that the steps could not use."""
    how = plan.merging
    Format.parse(how.creation_options, images[0].dtype, cog=how.cog)
    mask_files(images, plan.masks)
    for path in dict.fromkeys(_layers(plan)):
        file = path.partition("|")[0]
        if file and not os.path.exists(file):
            raise InvalidOption(f"There is no file {file}.")
    if plan.seaming is not None:
        area_of_interest(plan.seaming, images[0].grid.crs)
    if isinstance(plan.seaming, Costing):
        bands_of(images, plan.seaming)
        obstacles_of(plan.seaming, images[0].grid.crs)
        _refuse_rank(images, plan.seaming)


def refuse_small_disk(scene: Scene, plan: Plan, request: Request, output: str) -> None:
    """Raise ImageIOError when the mosaic, images in between and models find no room on disk."""
    how = plan.merging
    whole = mergerasters.assemble(
        scene.images, scene.grid, replace(how, rule="last"), nodata=request.nodata
    )
    kept = MODELS + len(request.save_steps) * needed_bytes(scene.images, how)
    needed = {output: needed_bytes([whole], how), scene.path("report.json"): kept}
    disks: dict[int, list[str]] = {}
    for path in needed:
        disks.setdefault(os.stat(os.path.dirname(path)).st_dev, []).append(path)
    for paths in disks.values():
        refuse_full_disk(sum(needed[path] for path in paths), *paths)


def _layers(plan: Plan) -> list[str]:
    found = list(plan.read_by(plan.matching)) if plan.matches else []
    return [*found, *(plan.read_by(plan.seaming) if plan.seaming is not None else ())]


def _refuse_rank(images: Sequence[Image], how: Costing) -> None:
    """Raise InvalidOption for a rank that cannot be read; what images tell decides nothing yet."""
    if how.priority:
        ranks_of(images, [{"valid_fraction": 1.0}] * len(images), how)
