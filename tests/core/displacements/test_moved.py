# SPDX-License-Identifier: GPL-2.0-or-later
"""Sampling along a route: whole parts at one offset are what pixel by pixel would be."""

from __future__ import annotations

import numpy as np
import pytest

SIZE = 300


@pytest.fixture
def scene():
    from orthoweave.core.displacements.crossing import Crossing
    from orthoweave.core.grid import Grid
    from orthoweave.core.image import ArrayImage, constant

    rng = np.random.default_rng(3)
    grid = Grid(SIZE, SIZE, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "EPSG:32631")
    values = rng.integers(1, 4000, (1, SIZE, SIZE)).astype(np.float32)
    return ArrayImage("a", grid, values, constant(True, (SIZE, SIZE))), Crossing(grid, grid)


FIELDS = {
    "one offset": lambda x, y: (2.37 + 0 * x, -1.62 + 0 * y),
    "whole pixels": lambda x, y: (3.0 + 0 * x, -2.0 + 0 * y),
    "a slow wave": lambda x, y: (2.3 + x / 3000, -1.6 + np.sin(y / 200) / 9),
    "a rotation": lambda x, y: (0.026 * y, -0.026 * x),
}


@pytest.mark.parametrize("name", FIELDS)
def test_whole_parts_are_what_pixel_by_pixel_would_be(scene, name):
    from orthoweave.core.displacements.crossing import route
    from orthoweave.core.displacements.moved import displaced
    from orthoweave.core.displacements.tones import Tone
    from orthoweave.core.transform.sampling import lanczos
    from orthoweave.core.windows import Window

    image, crossing = scene
    window = Window(8, 4, 290, 280)
    way = route(crossing, FIELDS[name], window)
    found, good = displaced(image, crossing, Tone(), way)
    row, col = np.mgrid[window.row : window.bottom, window.col : window.right].astype(np.float32)
    off = way.offsets(window)
    # the offset is rounded before the position is known, as displaced does
    at = [np.rint(v * 32) / 32 for v in off]
    wanted = lanczos(image.values[0], image.valid, col + at[0], row + at[1])
    assert np.array_equal(good, wanted.valid)
    # float32 sums of 64 products of values up to 4000, in another order
    assert np.abs(found - wanted.values)[good].max() < 0.01


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("spoiled", [False, True])
def test_a_pixel_has_the_same_digits_in_every_window(scene, name, spoiled):
    from orthoweave.core.displacements.crossing import route
    from orthoweave.core.displacements.moved import displaced
    from orthoweave.core.displacements.tones import Tone
    from orthoweave.core.windows import Window

    image, crossing = scene
    if spoiled:
        image = spoil(image)
    whole = Window(0, 0, SIZE, SIZE)
    values, valid = displaced(image, crossing, Tone(), route(crossing, FIELDS[name], whole))
    # some reach the edge of the image or what is spoiled, others not
    for window in (Window(0, 0, 128, 192), Window(64, 20, 77, 130), Window(100, 100, 200, 200)):
        way = route(crossing, FIELDS[name], window)
        found, good = displaced(image, crossing, Tone(), way)
        assert np.array_equal(good, valid[window.slices])
        assert np.array_equal(found, values[window.slices])


def spoil(image):
    """Return an image with a hole and a strip that are not valid."""
    from dataclasses import replace

    valid = np.ones((SIZE, SIZE), bool)
    valid[180:190, 150:170] = False
    valid[:, :9] = False
    return replace(image, valid=valid)


@pytest.mark.parametrize("name", FIELDS)
def test_what_sampling_adds_is_told_as_means_over_blocks(scene, name):
    from orthoweave.core.displacements.added import added
    from orthoweave.core.displacements.crossing import route
    from orthoweave.core.displacements.front import Level
    from orthoweave.core.windows import Window

    image, crossing = scene
    level = Level(image, image, crossing, delays=tuple(np.linspace(0, 0.01, 32)))
    window = Window(8, 4, 289, 280)
    way = route(crossing, FIELDS[name], window)
    for found, off in zip(added(level, way), way.offsets(window)):
        at = np.rint(off * 32)
        plain = at / 32 - off + np.asarray(level.delays)[at.astype(int) & 31]
        whole = plain[:, :288].reshape(70, 4, 72, 4).mean((1, 3))
        assert found[:, :72] == pytest.approx(whole, abs=2e-6)
        assert found[:, 72] == pytest.approx(plain[:, 288].reshape(70, 4).mean(1), abs=2e-6)
