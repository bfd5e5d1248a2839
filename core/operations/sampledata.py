# SPDX-License-Identifier: GPL-2.0-or-later
"""Make small images with known shifts, gains, offsets and clouds, for trying the tools."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from ..image import ArrayImage
from ..options import redefault
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import open_image, parse_crs
from ..requests import Writing
from ..requests.sampledata import Request as Request
from ..requests.sampledata import Result as Result
from ..sample.landscape import Real
from ..sample.scenes import CRS, Scene, canvas_of, exposed, mosaic, painted, pair, truth
from ..stage import write_text
from ..write import style, write


@dataclass(frozen=True)
class _Files(Writing):
    """How the images are written: by one thread, so that the same seed gives the same bytes."""

    threads: int = redefault(Writing, "threads", 1)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Make the images of the request and write down what is known about them."""
    folder = os.path.abspath(request.output_folder)
    scenes = _asked(request)
    progress.phase("Painting the landscape")
    canvas = _canvas(scenes[0], progress.part(0.0, 0.4))
    progress.phase("Writing the images")
    paths: list[str] = []
    for scene, part in zip(scenes, progress.part(0.4, 1.0).split(len(scenes))):
        images = _images(scene, canvas, part)
        paths += _write(images, folder, len(scene.frames), part)
    known = json.dumps(truth(scenes), indent=2, ensure_ascii=False) + "\n"
    where = write_text(os.path.join(folder, "truth.json"), known)
    progress.info(f"{len(paths)} images are in {folder}; {where} holds what is known about them.")
    return Result(folder, tuple(paths), where)


def _asked(request: Request) -> tuple[Scene, ...]:
    shift = (request.shift_x, request.shift_y)
    made = (pair(request.size, request.seed, shift), mosaic(request.size, request.seed))
    return tuple(scene for scene in made if request.scene in (scene.name, "all"))


def _canvas(scene: Scene, progress: Progress) -> Real:
    """Return the ground of the scenes, which all have the same."""
    canvas = canvas_of(scene)
    for window, values in painted(scene):
        progress.check()
        canvas[:, window.row : window.bottom] = values
        progress.advance(window.bottom / canvas.shape[1])
    return canvas


def _images(scene: Scene, canvas: Real, progress: Progress) -> Iterator[ArrayImage]:
    crs = parse_crs(CRS)
    for frame in scene.frames:
        progress.check()
        yield exposed(frame, canvas, scene, crs)


def _write(
    images: Iterator[ArrayImage], folder: str, count: int, progress: Progress
) -> tuple[str, ...]:
    """Write images that share one stretch, so that their differences can be seen."""
    written = [
        write(image, os.path.join(folder, f"{image.name}.tif"), _Files(), part)
        for image, part in zip(images, progress.split(count))
    ]
    paths = tuple(one.path for one in written)
    style([open_image(path) for path in paths], written)
    return paths
