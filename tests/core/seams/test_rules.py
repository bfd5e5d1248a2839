# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.image import Pixels, constant
from orthoweave.core.seams.rules import RULES, SEAM_RULES, covers

EVERY = (slice(None), slice(None))
VALUES = ([[[5, 5, 5]]], [[[2, 9, 7]]], [[[4, 4, 8]]])
VALID = ([[True, False, False]], [[True, True, False]], [[True, True, False]])


def fed(name, dtype=np.uint8, places=(EVERY, EVERY, EVERY)):
    rule = RULES[name](1, (1, 3), np.dtype(dtype))
    for values, valid, place in zip(VALUES, VALID, places):
        rule.feed(place, Pixels(np.array(values, dtype), np.array(valid)))
    return rule.result()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first", [5, 9]),
        ("minimum", [2, 4]),
        ("maximum", [5, 9]),
        ("mean", [4, 6]),  # 11 / 3 and 6.5, half to even
        ("feather", [5, 9]),
    ],
)
def test_rules_take_valid_images_only(name, expected):
    found = fed(name)
    assert found.values[0, 0, :2].tolist() == expected
    assert found.valid.tolist() == [[True, True, False]]


def test_count_is_valid_where_nothing_is():
    found = fed("count")
    assert found.values[0, 0].tolist() == [3, 2, 0] and found.values.dtype == np.uint16
    assert found.all_valid


def test_the_mean_of_large_numbers_does_not_overflow():
    rule = RULES["mean"](1, (1, 1), np.dtype(np.uint16))
    for _ in range(3):
        rule.feed(EVERY, Pixels(np.array([[[65535]]], np.uint16), np.array([[True]])))
    assert rule.result().values.item() == 65535


def test_nan_of_invalid_pixels_does_not_spread():
    for name in ("minimum", "maximum", "mean", "first"):
        rule = RULES[name](1, (1, 1), np.dtype(np.float32))
        rule.feed(EVERY, Pixels(np.array([[[np.nan]]], np.float32), np.array([[False]])))
        rule.feed(EVERY, Pixels(np.array([[[3]]], np.float32), np.array([[True]])))
        rule.feed(EVERY, Pixels(np.array([[[np.nan]]], np.float32), np.array([[False]])))
        assert rule.result().values.item() == 3


def test_parts_are_placed_in_the_window():
    rule = RULES["maximum"](1, (2, 3), np.dtype(np.uint8))
    place = (slice(1, 2), slice(1, 3))
    rule.feed(place, Pixels(np.array([[[7, 8]]], np.uint8), np.array([[True, True]])))
    found = rule.result()
    assert found.values[0].tolist() == [[0, 0, 0], [0, 7, 8]]
    assert found.valid.tolist() == [[False] * 3, [False, True, True]]


def test_only_a_full_window_is_enough():
    rule = RULES["first"](1, (1, 2), np.dtype(np.uint8))
    rule.feed(EVERY, Pixels(np.array([[[1, 0]]], np.uint8), np.array([[True, False]])))
    assert not rule.enough
    rule.feed(EVERY, Pixels(np.array([[[3, 4]]], np.uint8), np.array([[True, True]])))
    assert rule.enough and rule.result().values.tolist() == [[[1, 4]]]
    assert not RULES["mean"](1, (1, 1), np.dtype(np.uint8)).enough


def test_covering_is_known_without_looking():
    values = np.zeros((1, 2, 2))
    assert covers(Pixels(values, constant(True, (2, 2))))
    assert not covers(Pixels(values, np.ones((2, 2), bool)))
    assert set(SEAM_RULES) <= set(RULES)
