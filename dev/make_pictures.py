#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw the demo before and after: make_pictures.py build/demo docs/images/demo.png."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from osgeo import gdal
from PIL import Image

WIDTH = 420
"""Pixels across one half of the picture."""

COLORS = 256
"""Colors of the file: enough for these images, and half of the bytes."""


def grid_of(path: Path) -> tuple[list[float], tuple[int, int]]:
    """Return the bounds of an image and the size at which it is drawn."""
    dataset = gdal.Open(str(path))
    x, pixel, _, y, _, height = dataset.GetGeoTransform()
    wide, high = dataset.RasterXSize, dataset.RasterYSize
    bounds = [x, y + height * high, x + pixel * wide, y]
    return bounds, (WIDTH, round(WIDTH * high / wide))


def painted(
    paths: list[Path], bounds: list[float], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return values[band, row, col] and valid of images laid on each other, the last on top."""
    values = np.zeros((3, size[1], size[0]))
    valid = np.zeros(values.shape[1:], bool)
    for path in paths:
        canvas = gdal.Warp(
            "",
            str(path),
            format="MEM",
            outputBounds=bounds,
            width=size[0],
            height=size[1],
            resampleAlg="average",
            dstAlpha=True,
        )
        bands = canvas.ReadAsArray()
        seen = bands[-1] > 0
        values[:, seen] = bands[2::-1][:, seen]
        valid |= seen
    return values, valid


def picture(folder: Path) -> Figure:
    """Return the raw images and their mosaic, side by side with one stretch."""
    mosaic = folder / "mosaic.tif"
    bounds, size = grid_of(mosaic)
    halves = {
        "Before: the images laid on each other": sorted((folder / "sample").glob("image_*.tif")),
        "After: one mosaic": [mosaic],
    }
    drawn = {title: painted(paths, bounds, size) for title, paths in halves.items()}
    pooled = np.concatenate([values[:, valid] for values, valid in drawn.values()], axis=1)
    low, high = np.percentile(pooled, (1, 99), axis=1)[..., None, None]
    figure = Figure(figsize=(2 * size[0] / 100, (size[1] + 30) / 100), dpi=100)
    FigureCanvasAgg(figure)
    for index, (title, (values, valid)) in enumerate(drawn.items()):
        axes = figure.add_axes((index * 0.5 + 0.005, 0, 0.49, size[1] / (size[1] + 30)))
        colors = np.clip((values - low) / (high - low), 0, 1)
        colors[:, ~valid] = 1
        axes.imshow(colors.transpose(1, 2, 0), interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG with few colors."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(stream).convert("RGB").quantize(COLORS).save(path, optimize=True)


def main(arguments: list[str]) -> int:
    """Draw the outputs of dev/demo."""
    if len(arguments) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 1
    gdal.UseExceptions()
    save(picture(Path(arguments[0])), Path(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
