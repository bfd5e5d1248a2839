# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, constant
from orthoweave.core.landcover.objects import joined_moments, moments_of
from orthoweave.core.workflow import objecttable
from orthoweave.core.workflow.objecttable import Files, Given, Pooled, read_table, write_table

NODATA = -10000.0
STATISTICS = ("std", "min", "max")


def image(values, nodata=None):
    values = np.asarray(values)
    height, width = values.shape[1:]
    grid = Grid(width, height, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
    names = tuple(f"f{n}" for n in range(len(values)))
    return ArrayImage("made", grid, values, constant(True, (height, width)), nodata, names)


def files(folder, name):
    return Files(*(str(folder / f"{name}{end}") for end in (".npy", "_s.npy", ".json")))


@pytest.fixture
def given():
    """Three features of float32 and 40 objects in blocks of all sizes; some pixels are missing."""
    random = np.random.default_rng(1)
    values = random.normal(100, 30, (3, 50, 70)).astype(np.float32)
    values[1, random.random((50, 70)) < 0.1] = NODATA
    rows, cols = np.sort(random.integers(0, 50, 4)), np.sort(random.integers(0, 70, 7))
    numbers = np.searchsorted(rows, np.arange(50))[:, None] * 8
    numbers = numbers + np.searchsorted(cols, np.arange(70))[None] + 1
    numbers[:5, :9] = 0
    found, numbers = np.unique(numbers, return_inverse=True)
    numbers = numbers.reshape(50, 70).astype(np.int32)
    keys = np.arange(1, len(found)) * 1000
    return Given(image(values, NODATA), image(numbers[None], 0.0), keys), values, numbers


@pytest.mark.parametrize("side", [8, 512])
def test_the_table_holds_the_statistics_of_the_pixels(given, tmp_path, monkeypatch, side):
    monkeypatch.setattr(objecttable, "SIDE", side)
    what, values, numbers = given
    where = files(tmp_path, "one")
    listed = write_table(what, ("f0", "f1", "f2"), STATISTICS, where, threads=2)
    table = read_table(where)
    assert (table.objects == listed).all()
    assert table.kinds == ("mean", *STATISTICS)
    found = Pooled((table,), 0).rows(np.arange(len(listed)), ("mean", *STATISTICS))
    for number in range(1, len(listed) + 1):
        mine = (numbers == number) & (values[1] != NODATA)
        pixels = values[:, mine].astype(np.float64)
        assert listed[number - 1].tolist() == [1000 * number, (numbers == number).sum(), mine.sum()]
        wanted = [pixels.mean(1), pixels.std(1), pixels.min(1), pixels.max(1)]
        # float32 holds seven digits
        np.testing.assert_allclose(found[number - 1], np.concatenate(wanted), rtol=1e-5, atol=1e-4)


def test_tiles_that_share_objects_agree_and_know_all_pixels(given, tmp_path):
    what, values, numbers = given
    tables = []
    for name, cols in (("west", slice(0, 33)), ("east", slice(33, 70))):
        there = np.unique(numbers[:, cols])
        there = there[there > 0]
        local = np.searchsorted(there, numbers[:, cols]) + 1
        local[numbers[:, cols] == 0] = 0
        half = Given(
            image(values[..., cols], NODATA), image(local[None].astype(np.int32)), there * 1000
        )
        where = files(tmp_path, name)
        write_table(half, ("f0", "f1", "f2"), STATISTICS, where)
        tables.append(read_table(where))
    where = files(tmp_path, "whole")
    write_table(what, ("f0", "f1", "f2"), STATISTICS, where)
    whole = Pooled((read_table(where),), 0)
    kinds, shared = ("mean", *STATISTICS), {}
    for place, table in enumerate(tables):
        half = Pooled(tuple(tables), place)
        at = np.searchsorted(whole.own.objects[:, 0], table.objects[:, 0])
        assert (half.pixels == whole.pixels[at]).all()
        rows = half.rows(np.arange(len(table.objects)), kinds)
        # halves are kept in float32 before they are put together
        np.testing.assert_allclose(rows, whole.rows(at, kinds), rtol=2e-5, atol=2e-3)
        for key, row in zip(table.objects[:, 0].tolist(), rows):
            shared.setdefault(key, []).append(row.tobytes())
    assert any(len(found) == 2 for found in shared.values())
    assert all(len(set(found)) == 1 for found in shared.values())


def test_a_window_without_objects_does_not_hide_the_statistics_of_others():
    none, some = np.zeros((4, 4), np.int32), np.ones((4, 4), np.int32)
    values = np.arange(16.0).reshape(1, 4, 4)
    known = np.ones((4, 4), bool)
    parts = [moments_of(one, values, known, STATISTICS) for one in (none, some, some)]
    found = joined_moments(parts)
    assert found.statistic("std") == pytest.approx(values.std())
    assert (found.lows, found.highs) == (0.0, 15.0)


def test_an_object_without_a_known_pixel_has_no_statistics(tmp_path):
    values = np.full((1, 4, 4), NODATA, np.float32)
    what = Given(image(values, NODATA), image(np.ones((1, 4, 4), np.int32)), np.array([7]))
    where = files(tmp_path, "none")
    assert write_table(what, ("f0",), (), where).tolist() == [[7, 16, 0]]
    assert np.isnan(Pooled((read_table(where),), 0).rows(np.arange(1), ("mean",))).all()
