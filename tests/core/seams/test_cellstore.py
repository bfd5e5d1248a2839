# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.seams import cellstore
from orthoweave.core.seams.cellstore import CellSums, cell_grid, reduced
from orthoweave.core.survey import survey
from orthoweave.core.windows import Window


@pytest.fixture
def images():
    """Make two images of a type; the second begins at column 50, row 7, and has invalid pixels."""

    def make(dtype, high=200):
        rng = np.random.default_rng(2)
        found = []
        for name, col, row in (("a", 0, 0), ("b", 50, 7)):
            values = rng.uniform(1, high, (3, 150, 170)).astype(dtype)
            valid = np.ones((150, 170), bool)
            valid[40:61, 20:33] = name == "a"
            grid = Grid(170, 150, (float(col), 1.0, 0.0, float(-row), 0.0, -1.0))
            found.append(ArrayImage(name, grid, values, valid))
        return found

    return make


def expected(image, window, col, row, side):
    """Means of cells, straight from the array; NaN where less than half is valid."""
    big = np.full((image.bands, 400, 400), np.nan)
    big[:, row : row + 150, col : col + 170] = np.where(image.valid, image.values, np.nan)
    rows, cols = (
        slice(window.row * side, window.bottom * side),
        slice(window.col * side, window.right * side),
    )
    part = big[:, rows, cols].reshape(image.bands, window.height, side, window.width, side)
    known = np.isfinite(part[0]).sum((1, 3)) * 2 >= side * side
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = np.nansum(part, (2, 4)) / np.isfinite(part).sum((2, 4))
    return np.where(known, sums, np.nan), known


@pytest.mark.parametrize(
    ("dtype", "high", "tolerance"),
    [
        ("u1", 250, 0.5 / 257),  # half a step of the stored numbers
        ("u2", 60000, 0.51),
        ("i2", 30000, 0.51),
        ("f4", 1, 1e-6),
        ("f8", 1, 1e-6),
        ("i4", 1e6, 0.5),  # the spacing of float32
    ],
)
@pytest.mark.parametrize("side", [1, 2, 8])
def test_means_of_cells_are_those_of_their_valid_pixels(images, dtype, high, tolerance, side):
    both = images(dtype, high)
    canvas = Grid(220, 157, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    with CellSums(both, canvas, side) as sums:
        survey(both, joint=(sums,), canvas=canvas, threads=2)
        window = Window(56 // side, 16 // side, 100 // side, 120 // side)
        for index, (col, row) in enumerate(((0, 0), (50, 7))):
            wanted, known = expected(both[index], window, col, row, side)
            found, valid = sums.read(index, window, (1, 2, 3))
            np.testing.assert_array_equal(valid, known)
            np.testing.assert_allclose(found[:, known], wanted[:, known], atol=tolerance)
            assert not found[:, ~known].any()
            seen = sums.image(index)
            assert seen.name == both[index].name and seen.bands == 3
            again = seen.read(window.shifted(-seen.cells.col, -seen.cells.row), (2,))
            np.testing.assert_array_equal(again.values[0], found[1])
            # the grid of the cells is that of the canvas
            assert cell_grid(canvas, side).placed(seen.grid) == seen.cells


def test_only_the_bands_that_are_compared_are_kept(images):
    both = images("u1")
    canvas = Grid(220, 157, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    with CellSums(both, canvas, 4, (3,)) as sums:
        survey(both, joint=(sums,), canvas=canvas)
        found, _ = sums.read(0, Window(20, 10, 5, 5), (3,))
        wanted, _ = expected(both[0], Window(20, 10, 5, 5), 0, 0, 4)
        np.testing.assert_allclose(found[0], wanted[2], atol=0.01)


def test_means_may_lie_in_a_file_and_leave_nothing(images, monkeypatch, tmp_path):
    monkeypatch.setattr(cellstore, "IN_MEMORY", 1000)
    monkeypatch.setattr(cellstore, "_RECENT", 1000)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    both = images("u2")
    canvas = Grid(220, 157, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    with CellSums(both, canvas, 2) as sums:
        survey(both, joint=(sums,), canvas=canvas)
        window = Window(30, 10, 40, 40)
        first = sums.read(1, window, (1,))[0]
        np.testing.assert_array_equal(sums.read(1, window, (1,))[0], first)
        assert first.any()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4", "f8", "?"])
def test_sums_of_pieces_do_not_overflow(dtype):
    values = np.full((2, 6, 9), 1 if dtype == "?" else np.dtype(dtype).type(100)).astype(dtype)
    if dtype == "u2":
        values[:] = 65535
    found = reduced(values, 3)
    assert found.shape == (2, 2, 3)
    np.testing.assert_array_equal(found, 9.0 * values[0, 0, 0])
