# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.landcover import tidying
from orthoweave.core.landcover.merging import Merging
from orthoweave.core.landcover.sieving import regions_of
from orthoweave.core.windows import Window
from orthoweave.core.workflow import segmenting
from orthoweave.core.workflow.segmenting import Segmenting, superpixels


def seen_in(cols):
    """Return an image with values in some columns only."""
    grid = Grid(2000, 40, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "")
    valid = np.zeros((40, 2000), bool)
    valid[:, cols] = True
    values = np.random.default_rng(0).integers(1, 900, (2, 40, 2000)).astype(np.int16)
    return ArrayImage("swath", grid, np.where(valid, values, 0), valid, 0.0, ("one", "two"))


def speckled(side, spots=True):
    """Return an image of fields with strong noise; where it is not valid, seldom a lone pixel."""
    random = np.random.default_rng(4)
    row, col = np.mgrid[:side, :side]
    fields = random.normal(size=(3, side // 30 + 1, side // 30 + 1))[:, row // 30, col // 30]
    values = (500 + 100 * fields + 60 * random.normal(size=fields.shape)).astype(np.float32)
    valid = (row - col) % 90 > 6
    if spots:
        valid &= random.random(valid.shape) < 0.95
    grid = Grid(side, side, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "")
    return ArrayImage("noise", grid, values, valid, None, ("a", "b", "c"))


def segmented(image, folder, **how):
    folder.mkdir()
    found = superpixels(image, Segmenting(**how), str(folder))
    return found.read(image.grid.window).values[0]


def few_squares(monkeypatch, side=48, band=16):
    monkeypatch.setattr(tidying, "SQUARE", side)
    monkeypatch.setattr(tidying, "BAND", band)


@pytest.mark.parametrize("side", [32, 48, 512])
def test_superpixels_hold_together_and_none_is_too_small_however_small_the_squares(
    tmp_path, monkeypatch, side
):
    few_squares(monkeypatch, side, side // 3)
    image = speckled(200)
    numbers = segmented(image, tmp_path / "a", step=8, compactness=0.3)
    np.testing.assert_array_equal(numbers > 0, image.valid)
    regions = regions_of(numbers)
    sizes = np.bincount(numbers.ravel())[1:]
    # each number is one region
    assert len(np.unique(regions[numbers > 0])) == len(sizes) == numbers.max()
    first = np.unique(numbers[numbers > 0], return_index=True)[1]
    assert (np.diff(first) > 0).all()
    # what is smaller has no neighbor: there is nothing but it on its valid ground
    grounds = regions_of((numbers > 0).astype(np.uint8))
    ground = np.bincount(grounds.ravel())
    place = np.flatnonzero(numbers.ravel() > 0)[first]
    alone = ground[grounds.ravel()[place]] == sizes
    assert ((sizes >= 16) | alone).all()


def test_superpixels_are_the_same_for_any_window_and_any_number_of_threads(tmp_path, monkeypatch):
    few_squares(monkeypatch)
    image = speckled(160)
    first = segmented(image, tmp_path / "a", step=8, threads=1)
    again = segmented(image, tmp_path / "b", step=8, threads=3, side=40)
    np.testing.assert_array_equal(first, again)


def unexplained(image, numbers):
    """Return the variance of values inside superpixels as a share of the whole."""
    inside = numbers > 0
    ids, values = numbers[inside], image.values[:, inside].astype(float)
    count = np.maximum(np.bincount(ids), 1)
    means = [np.bincount(ids, band)[ids] / count[ids] for band in values]
    return ((values - means) ** 2).mean() / values.var(1).mean()


def test_superpixels_are_as_good_in_squares_as_in_one(tmp_path, monkeypatch):
    image = speckled(200, spots=False)
    whole = segmented(image, tmp_path / "a", step=8, compactness=0.3)
    few_squares(monkeypatch)
    parted = segmented(image, tmp_path / "b", step=8, compactness=0.3)
    # a third of the parts touch a line between squares this small; in squares of 512 px hardly any
    assert unexplained(image, parted) < unexplained(image, whole) * 1.02
    assert abs(int(parted.max()) - int(whole.max())) < 0.02 * whole.max()


def test_what_is_held_of_all_parts_at_once_is_little_more_than_the_superpixels(
    tmp_path, monkeypatch
):
    held = []

    class Told(Merging):
        def __init__(self, graph, limit):
            held.append((len(graph.labels), graph.pairs.shape[1]))
            super().__init__(graph, limit)

    monkeypatch.setattr(segmenting, "Merging", Told)
    few_squares(monkeypatch, 96, 32)
    image = speckled(300, spots=False)
    found = segmented(image, tmp_path / "a", step=8, compactness=0.3).max()
    ((parts, pairs),) = held
    # without squares these are all parts, many times as many; some lie at corners of squares
    assert parts < 1.1 * found
    # strips cut superpixels, which look small then
    assert pairs < 1.5 * found


def test_a_strip_between_the_squares_that_are_looked_at_first_has_superpixels(tmp_path):
    # squares of 16 px stand 132 px apart
    found = superpixels(seen_in(slice(40, 60)), Segmenting(step=8), str(tmp_path))
    numbers = found.read(Window(0, 0, 2000, 40)).values[0]
    assert (numbers[:, 40:60] > 0).all()
    assert not numbers[:, :40].any() and not numbers[:, 60:].any()


def test_an_image_without_valid_pixels_is_refused(tmp_path):
    with pytest.raises(InvalidOption, match="no pixels that are valid in every band"):
        superpixels(seen_in(slice(0, 0)), Segmenting(step=8), str(tmp_path))
