# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.placement import common_canvas
from orthoweave.core.radiometry.blocksums import BlockSums, SharedCounts, block_means
from orthoweave.core.radiometry.cells import blocks_of
from orthoweave.core.survey import survey

TRANSFORMS = {
    "on the canvas": (0.0, 1.0, 0.0, 100.0, 0.0, -1.0),
    "off by part of a pixel": (0.3, 1.0, 0.0, 99.6, 0.0, -1.0),
    "south-up": (0.0, 1.0, 0.0, 20.0, 0.0, 1.0),
    "rotated": (10.0, 0.8, 0.6, 80.0, 0.6, -0.8),
    "columns run south": (20.0, 0.0, 1.0, 95.0, -1.0, 0.0),
}


def made(transform, seed=1, shape=(70, 80), name="a"):
    rng = np.random.default_rng(seed)
    grid = Grid(shape[1], shape[0], transform)
    values = rng.integers(1, 60000, (2, *shape)).astype("uint16")
    return ArrayImage(name, grid, values, rng.random(shape) > 0.3, 0)


def reference(image, blocks):
    """Count and mean[band] of valid pixels per block, pixel by pixel."""
    rows, cols = np.nonzero(image.valid)
    x, y = blocks.to_pixel(*image.grid.to_map(cols + 0.5, rows + 0.5))
    col, row = np.floor(np.round(x, 9)).astype(int), np.floor(np.round(y, 9)).astype(int)
    inside = (col >= 0) & (col < blocks.width) & (row >= 0) & (row < blocks.height)
    at = row[inside] * blocks.width + col[inside]
    size = blocks.window.pixels
    values = image.values[:, rows, cols][:, inside].astype(float)
    count = np.bincount(at, minlength=size)
    total = np.array([np.bincount(at, band, size) for band in values])
    shape = (blocks.height, blocks.width)
    return count.reshape(shape), total.reshape(-1, *shape)


@pytest.mark.parametrize("kind", TRANSFORMS)
@pytest.mark.parametrize("center", [0.0, 30000.5])
def test_means_over_blocks_equal_a_count_pixel_by_pixel(kind, center):
    other = made(TRANSFORMS["on the canvas"], 2, (100, 120), "b")
    images = [made(TRANSFORMS[kind]), other]
    canvas = common_canvas([other])
    blocks = blocks_of(canvas, 5, 6)
    sums = BlockSums(images, canvas, blocks, np.full(2, center))
    survey(images, own=(sums,), canvas=common_canvas(images), threads=2)
    for image, means in zip(images, block_means(sums, None, np.ones(2))):
        count, total = reference(image, blocks)
        rows, cols = means.window.slices
        assert (means.count == count[rows, cols]).all() and means.count.sum() == count.sum()
        filled = means.count > 0
        expected = total[:, rows, cols][:, filled] / means.count[filled]
        np.testing.assert_allclose(means.mean[:, filled], expected, rtol=1e-12)


def test_pixels_that_others_see_too_are_counted_once():
    step = 40.0
    images = [
        made((east, 1.0, 0.0, 0.0, 0.0, -1.0), seed, (60, 100), name)
        for name, east, seed in (("a", 0.0, 1), ("b", step, 2), ("c", step, 3))
    ]
    canvas = common_canvas(images)
    blocks = blocks_of(canvas, 3, 7)
    sums = BlockSums(images, canvas, blocks, np.zeros(2))
    shared = SharedCounts(images, canvas, blocks)
    survey(images, own=(sums,), joint=(shared,), canvas=canvas, threads=2)
    a, b, c = (image.valid for image in images)
    both = a[:, 40:] & (b | c)[:, :60]
    found = block_means(sums, shared, np.ones(3))[0]
    total = (found.shared * found.count).sum()
    assert total == pytest.approx(both.sum())
    rows, cols = found.window.slices
    expected = np.array(
        [[both[r * 20 : r * 20 + 20, max(0, k * 20 - 40) : max(0, k * 20 - 20)].sum()
          for k in range(blocks.width)] for r in range(3)]
    )  # fmt: skip
    np.testing.assert_allclose((found.shared * found.count), expected[rows, cols], rtol=1e-12)
