# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from orthoweave.core.image import Pixels, constant
from orthoweave.core.radiometry.selection import Selection, used_pixels
from orthoweave.core.windows import Window

WINDOW = Window(0, 0, 4, 3)


@dataclass(frozen=True)
class LeftHalf:
    """A polygon over the left columns of everything."""

    edge: int = 2

    def labels(self, window):
        cols = np.arange(window.col, window.right)
        return np.broadcast_to((cols < self.edge).astype(np.int32), window.shape)

    def only(self, window):
        return 1 if window.right <= self.edge else 0 if window.col >= self.edge else None


@pytest.mark.parametrize("window", [WINDOW, Window(0, 0, 2, 3), Window(2, 0, 2, 3)])
def test_inside_and_outside_are_exact_complements(window):
    chosen = [Selection((LeftHalf(),), include).chosen(0, window) for include in (True, False)]
    inside, outside = (np.ones(window.shape, bool) if c is None else c for c in chosen)
    assert (inside != outside).all()
    assert inside.sum() == 3 * max(0, min(window.right, 2) - window.col)


def test_an_image_without_polygon_uses_nothing_inside_and_everything_outside():
    assert not Selection((None,), True).chosen(0, WINDOW).any()
    assert Selection((None,), False).chosen(0, WINDOW) is None


@pytest.mark.parametrize(
    ("dtype", "value", "used"),
    [("uint8", 255, 10), ("uint16", 65535, 10), ("int16", 32767, None), ("float32", np.inf, 10)],
)
def test_saturated_and_infinite_pixels_are_not_used_in_any_band(dtype, value, used):
    values = np.ones((2, 3, 4), dtype)
    values[0, 0, 0] = values[1, 2, 3] = value
    mask = used_pixels(Pixels(values, constant(True, (3, 4))))
    assert (None if mask is None else mask.sum()) == used


def test_pixels_that_are_not_valid_may_hold_anything():
    values = np.full((1, 3, 4), np.nan, np.float32)
    values[:, 1:] = 1
    valid = np.isfinite(values[0])
    assert (used_pixels(Pixels(values, valid)) == valid).all()
    assert used_pixels(Pixels(values[:, 1:], constant(True, (2, 4)))) is None


def test_chosen_pixels_must_be_valid_too():
    valid = np.zeros((3, 4), bool)
    valid[0] = True
    chosen = Selection((LeftHalf(),)).chosen(0, WINDOW)
    mask = used_pixels(Pixels(np.ones((1, 3, 4), np.uint8), valid), chosen)
    assert mask.sum() == 2


@dataclass(frozen=True)
class TopRow:
    """A raster that marks the first row."""

    def marked(self, window):
        rows = np.arange(window.row, window.bottom)[:, None]
        return np.broadcast_to(rows == 0, window.shape)


def test_masks_and_polygons_must_both_agree():
    both = Selection((LeftHalf(),), masks=(TopRow(),)).chosen(0, WINDOW)
    assert both.sum() == 2 and both[0, :2].all()
    assert Selection(masks=(TopRow(),)).chosen(0, WINDOW).sum() == 4
    assert Selection(masks=(None,)).chosen(0, WINDOW) is None
    outside = Selection((LeftHalf(),), masks=(TopRow(),)).chosen(0, Window(2, 0, 2, 3))
    assert not outside.any()


def test_saturated_pixels_are_used_when_asked_for():
    values = np.full((1, 3, 4), 255, "uint8")
    pixels = Pixels(values, constant(True, (3, 4)))
    assert not Selection().used(0, WINDOW, pixels).any()
    assert Selection(saturated=True).used(0, WINDOW, pixels) is None
    assert used_pixels(pixels, saturated=True) is None


@pytest.mark.parametrize(("dtype", "first"), [("uint8", 255), ("uint16", 65280)])
def test_saturated_and_wrapped_values_are_at_the_top_of_the_range(dtype, first):
    values = np.array([[[0, first - 1, first, np.iinfo(dtype).max]]], dtype)
    found = used_pixels(Pixels(values, constant(True, (1, 4))))
    assert found.tolist() == [[True, True, False, False]]
