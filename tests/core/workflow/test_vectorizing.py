# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import re
from functools import reduce

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.landcover import tidying
from orthoweave.core.landcover.generalizing import Generalizing
from orthoweave.core.progress import SILENT, Recorder
from orthoweave.core.room import size_text
from orthoweave.core.vector.rings import area_of, wkb_of
from orthoweave.core.vector.shaping import is_valid
from orthoweave.core.workflow import vectorizing
from orthoweave.core.workflow.vectorizing import Vectorizing, vectorized
from osgeo import ogr

ndimage = pytest.importorskip("scipy.ndimage")


def image_of(labels):
    grid = Grid(labels.shape[1], labels.shape[0], (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    return ArrayImage("map", grid, labels[None].astype(np.uint8), labels > 0, 0.0)


def shapes(found):
    return [(one.label, one.polygon) for one in found.polygons()]


@pytest.mark.parametrize("seed", range(24))
def test_polygons_are_valid_and_cover_the_classes_once(seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, random.integers(1, 60, 2))
    labels = ndimage.median_filter(labels, 3) if seed % 4 else labels
    lines = Generalizing((0.6, 2.0, 6.0)[seed % 3], (0.0, 0.5)[seed % 2], seed % 5 > 0)
    how = Vectorizing(lines, 1.0, (0.0, 4.0)[seed % 2], 16 + seed)
    found = vectorized(image_of(labels), how, {})
    assert found.broken == 0
    polygons = [polygon for _, polygon in shapes(found)]
    assert all(is_valid(polygon) for polygon in polygons)
    covered = np.count_nonzero(labels)
    # sums of products of multiples of 1/256
    assert area_of(polygons) == pytest.approx(covered, abs=1e-6)
    whole = ogr.CreateGeometryFromWkb(wkb_of(polygons))
    assert whole.UnionCascaded().GetArea() == pytest.approx(covered, abs=1e-6)


def test_a_hole_stays_inside_its_polygon_when_the_border_would_pass_over_it():
    row, col = np.mgrid[:60, :60]
    labels = np.where(col > 30 + 4 * np.sin(row / 4.0), 1, 2)
    labels[np.abs(row - 19) + np.abs(col - 32) < 2] = 3
    found = vectorized(image_of(labels), Vectorizing(Generalizing(12.0, 0.0), 1.0), {})
    assert all(is_valid(polygon) for _, polygon in shapes(found))
    assert found.broken == 0


def test_small_polygons_are_gone_also_when_drawing_made_them_small():
    random = np.random.default_rng(5)
    labels = ndimage.median_filter(random.integers(1, 5, (60, 60)), 3)
    how = Vectorizing(Generalizing(2.0, 0.0), 1.0, 9.0)
    found = vectorized(image_of(labels), how, {})
    areas = [area_of([polygon]) for _, polygon in shapes(found)]
    assert min(areas) >= 9.0
    there = np.flatnonzero(found.areas() > 0)
    assert sorted(areas) == pytest.approx(sorted(found.areas()[there].tolist()))


def test_blocks_change_nothing():
    random = np.random.default_rng(8)
    labels = ndimage.median_filter(random.integers(0, 4, (70, 90)), 3)
    lines = Generalizing(1.0, 0.5)
    found = [
        vectorized(
            image_of(labels), Vectorizing(lines, 1.0, 4.0, block), {"rate": image_of(labels)}
        )
        for block in (1, 12, 16, 2000)
    ]
    expected = shapes(found[-1])
    for other in found[:-1]:
        for (label, polygon), (mine, ours) in zip(shapes(other), expected):
            assert label == mine
            assert reduce(bool.__and__, map(np.array_equal, polygon, ours))
        tables = [one.shares["rate"].table(one.owners) for one in (other, found[-1])]
        for one, two in zip(*tables):
            np.testing.assert_array_equal(one, two)


def test_noise_is_gone_before_all_regions_are_held(monkeypatch):
    monkeypatch.setattr(tidying, "SQUARE", 48)
    monkeypatch.setattr(tidying, "BAND", 16)
    held = []

    class Told(vectorizing.Regions):
        def known(self):
            found = super().known()
            held.append(len(found.graph.labels))
            return found

    monkeypatch.setattr(vectorizing, "Regions", Told)
    random = np.random.default_rng(8)
    row, col = np.mgrid[:150, :170]
    labels = 1 + (row // 25 * 3 + col // 25 * 5) % 7
    noisy = random.random(labels.shape) < 0.3
    labels[noisy] = random.integers(1, 8, int(noisy.sum()))
    labels[60:80, 40:60] = 0
    lines = Generalizing(0.0, 0.0, False)
    # block, smallest polygon
    cases = ((2000, 6.0), (16, 6.0), (2000, 0.0))
    found = [vectorized(image_of(labels), Vectorizing(lines, 1.0, s, b), {}) for b, s in cases]
    assert min(area_of([polygon]) for _, polygon in shapes(found[0])) >= 6.0
    for (label, polygon), (mine, ours) in zip(shapes(found[0]), shapes(found[1])):
        assert label == mine
        assert reduce(bool.__and__, map(np.array_equal, polygon, ours))
    assert held[0] == held[1] < held[2] / 10
    # no class neither takes nor gives
    assert area_of([polygon for _, polygon in shapes(found[0])]) == np.count_nonzero(labels)


def test_borders_that_take_much_memory_are_told_and_too_much_is_refused(monkeypatch):
    # a chessboard: every edge of its 1600 pixels is a piece
    labels = 1 + np.indices((40, 40)).sum(0) % 2
    how = Vectorizing(Generalizing(0.0, 0.0, False), 1.0)
    heard = Recorder(SILENT)
    vectorized(image_of(labels), how, {}, heard)
    assert heard.warnings == []
    monkeypatch.setattr(vectorizing, "MUCH", 1_000_000)
    vectorized(image_of(labels), how, {}, heard)
    (told,) = heard.warnings
    needed = size_text(vectorizing.EACH * 2 * 40 * 41)
    assert f"take about {needed} of memory. A larger smallest polygon (MMU)" in told
    monkeypatch.setattr(vectorizing, "whole_memory", lambda: 1_000_000)
    there = re.escape(f"This machine has {size_text(1_000_000)}. Give a larger smallest")
    with pytest.raises(InvalidOption, match=there):
        vectorized(image_of(labels), how, {})
    monkeypatch.setattr(vectorizing, "whole_memory", lambda: None)
    vectorized(image_of(labels), how, {})
