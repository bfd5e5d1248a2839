# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import Details, Pixels
from orthoweave.core.landcover import spooling
from orthoweave.core.windows import Window, tiling

BANDS, WIDTH, HEIGHT = 6, 150, 170


@dataclass(frozen=True)
class Noise:
    """An image whose reads are noted; pixels of the first column are missing in bands 1 to 3."""

    asked: tuple = ()
    name: str = "noise"
    grid: Grid = Grid(WIDTH, HEIGHT, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "")
    bands: int = BANDS
    dtype: np.dtype = np.dtype(np.int16)
    nodata: float = -1.0
    band_names: tuple = ("",) * BANDS
    details: Details = Details()
    reads: list = None

    def read(self, window, bands=None, rounded=True):
        wanted = list(range(1, BANDS + 1)) if bands is None else list(bands)
        if self.reads is not None:
            self.reads.append((window, tuple(wanted)))
        row, col = np.mgrid[window.row : window.bottom, window.col : window.right]
        values = np.stack([1000 * b + 7 * row + col for b in wanted]).astype(np.int16)
        valid = (col > 0) | (max(wanted) > 3)
        return Pixels(values, valid)


@pytest.fixture
def areas(monkeypatch):
    monkeypatch.setattr(spooling, "AREA", 64)
    monkeypatch.setattr(spooling, "TILE", 16)
    monkeypatch.setattr(spooling, "WORTH", 0)


@pytest.mark.parametrize("side", [16, 33, 64, 100])
def test_every_window_is_as_read_and_every_date_read_once(areas, tmp_path, side):
    reads = []
    image = Noise(reads=reads)
    found = spooling.spooled(image, 2, str(tmp_path))
    for window in tiling(image.grid.window, side, side):
        pixels, plain = found.read(window), Noise().read(window)
        np.testing.assert_array_equal(pixels.values, plain.values)
        np.testing.assert_array_equal(np.broadcast_to(pixels.valid, window.shape), plain.valid)
    assert len(reads) == len(set(reads)) == 9 * 3
    assert not list(tmp_path.iterdir())
    assert not found.areas.known


def test_threads_share_the_areas(areas, tmp_path):
    reads = []
    image = Noise(reads=reads)
    found = spooling.spooled(image, 1, str(tmp_path))
    windows = list(tiling(image.grid.window, 32, 32))
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(found.read, windows))
    for window, pixels in zip(windows, parts):
        np.testing.assert_array_equal(pixels.values, Noise().read(window).values)
    assert len(reads) == len(set(reads)) == 9 * BANDS


def test_a_failed_read_is_told_to_every_thread(areas, tmp_path):
    class Broken(Noise):
        def read(self, window, bands=None, rounded=True):
            if 4 in bands:
                raise OSError("torn")
            return super().read(window, bands, rounded)

    found = spooling.spooled(Broken(), 2, str(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        parts = [pool.submit(found.read, Window(0, 0, 16, 16)) for _ in range(4)]
    assert all(isinstance(part.exception(), OSError) for part in parts)


def test_small_series_are_read_directly_and_large_ones_can_be_sent(areas, tmp_path, monkeypatch):
    found = spooling.spooled(Noise(), 2, str(tmp_path))
    again = pickle.loads(pickle.dumps(found))
    window = Window(3, 5, 20, 30)
    np.testing.assert_array_equal(again.read(window).values, Noise().read(window).values)
    np.testing.assert_array_equal(
        again.read(window, (5,)).values, Noise().read(window, (5,)).values
    )
    monkeypatch.setattr(spooling, "WORTH", 1 << 30)
    assert spooling.spooled(image := Noise(), 2, str(tmp_path)) is image
