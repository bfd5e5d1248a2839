# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that are decoded once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest


@pytest.fixture
def counted():
    """An image of 1100 x 700 px that counts the windows it is asked for, with a hole in it."""
    from orthoweave.core.grid import Grid
    from orthoweave.core.image import ArrayImage, View

    rng = np.random.default_rng(1)
    values = rng.integers(1, 4000, (1, 700, 1100)).astype(np.uint16)
    valid = np.ones((700, 1100), bool)
    valid[520:600, 30:90] = False
    grid = Grid(1100, 700, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "EPSG:32631")

    @dataclass(frozen=True)
    class Counted(View):
        asked: list = field(default_factory=list)

        def read(self, window, bands=None, rounded=True):
            self.asked.append(window)
            return self.source.read(window, bands, rounded)

    return Counted(ArrayImage("a", grid, values, valid))


def pair_with(image):
    from orthoweave.core.displacements.pair import Pair

    return Pair(image, image, image.grid)


def test_windows_are_those_of_the_image_and_every_pixel_is_decoded_once(counted):
    from orthoweave.core.displacements.kept import kept
    from orthoweave.core.windows import Window

    with kept(pair_with(counted)) as pair:
        for window in (
            Window(0, 0, 1100, 700),
            Window(500, 490, 40, 60),
            Window(20, 500, 90, 200),
            Window(600, 30, 500, 100),
        ):
            found = pair.reference.read(window, (1,), rounded=False)
            wanted = counted.source.read(window, (1,), rounded=False)
            assert np.array_equal(found.values, wanted.values)
            assert found.values.dtype == wanted.values.dtype
            assert np.array_equal(found.valid, wanted.valid)
        assert sum(window.pixels for window in counted.asked) == 1100 * 700


def test_a_full_disk_leaves_the_image_to_be_decoded_again(counted, monkeypatch):
    from orthoweave.core.displacements.kept import kept
    from orthoweave.core.displacements.spooled import Tiles
    from orthoweave.core.windows import Window

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Tiles, "write", full)
    window = Window(3, 3, 50, 40)
    with kept(pair_with(counted)) as pair:
        found = pair.moving.read(window)
    assert np.array_equal(found.values, counted.source.read(window).values)


def test_an_image_that_is_seen_as_averages_is_not_kept(counted):
    from orthoweave.core.displacements.crossing import coarsened
    from orthoweave.core.displacements.kept import kept
    from orthoweave.core.displacements.pair import Pair

    pair = Pair(counted, counted, coarsened(counted.grid, 4), 4.0)
    with kept(pair) as same:
        assert same == pair
