# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, constant
from orthoweave.core.radiometry.agreement import Agreement, PairAgreement
from orthoweave.core.radiometry.moments import Whole
from orthoweave.core.radiometry.regression import FixedGain, Solution
from orthoweave.core.radiometry.remarks import listed, pixel_remarks, range_remarks, remarks
from orthoweave.core.radiometry.statistics import ImageSums

NONE = np.zeros((4, 1))
WHOLE = Whole(("a", "b", "c", "d"), np.full(4, 100.0), NONE, NONE, NONE, NONE)
SOLUTION = Solution(
    NONE + 1, NONE, np.array([1, 1, 1, 1]), (), np.array([True]), np.ones((1, 1)), ()
)
PAIR = PairAgreement("a", "b", 100, True, 9.0, 1.0, (0.0,), (1.0,), (1.0,), 0.1)
FOUND = Agreement(9.0, 1.0, (PAIR,))


def test_nothing_is_said_when_all_is_well():
    assert list(remarks(WHOLE, SOLUTION, FOUND)) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (dict(groups=np.array([1, 1, 1, 2])),
         "Too few pixels in common with any other image, kept unchanged: d."),
        (dict(groups=np.array([1, 2, 1, 2])),
         "The images form 2 groups without common ground; each keeps its own level."),
        (dict(unanchored=(1,)),
         "No model image shares ground with a, b, c, d; these images keep their own common level."),
        (dict(fixed=(FixedGain(2, 0, 17.0), FixedGain(2, 1, np.nan))),
         "c keeps gain 1 in 2 bands, where only its offset is solved (band 1: gain 17 out of 0.1 "
         "to 10, band 2: no texture)."),
        (dict(used=np.array([False])),
         "None of the 4 images share valid pixels; nothing to solve."),
    ],
)  # fmt: skip
def test_what_a_user_should_know_is_one_sentence(change, sentence):
    assert list(remarks(WHOLE, replace(SOLUTION, **change), FOUND)) == [sentence]


def test_a_single_image_has_nothing_to_be_compared_with():
    alone = replace(WHOLE, size=np.array([0, 9.0, 0, 0]))
    assert list(remarks(alone, SOLUTION, FOUND)) == [
        "Only one image has valid pixels; there is nothing to compare it with."
    ]


def test_images_without_pixels_have_been_told_already():
    assert list(remarks(replace(WHOLE, size=np.zeros(4)), SOLUTION, FOUND)) == []


def test_overlaps_that_changed_are_named():
    changed = replace(FOUND, pairs=(replace(PAIR, down_weighted=0.9),))
    (sentence,) = remarks(WHOLE, SOLUTION, changed)
    assert sentence.startswith("Most of the common ground changed and was down-weighted in a and b")


def test_long_lists_are_cut():
    assert listed("abcde") == "a, b, c, d, e"
    assert listed("abcdefg") == "a, b, c, d, e and 2 more"


def test_pixels_that_cannot_be_used_are_told():
    image = ArrayImage("a", Grid(1, 1, (0, 1, 0, 0, 0, -1)), NONE, constant(True, (1, 1)))
    nothing = ImageSums(0, 0, (), (), (), ())
    cases = {
        nothing: ["a has no valid pixels; it was copied unchanged."],
        replace(nothing, valid=5): ["a has only saturated pixels; it was copied unchanged."],
        replace(nothing, valid=5, used=5, border=100, black_border=2): [
            "a declares no nodata but its border is 0. Set NODATA=0 if that is a collar."
        ],
        replace(nothing, valid=5, used=5, border=100, black_border=1): [],
    }
    for sums, expected in cases.items():
        assert list(pixel_remarks([image], [sums])) == expected
    (sentence,) = pixel_remarks([image], [nothing], masked=("a",))
    assert sentence.startswith("a has no valid pixels outside its mask, so nothing of it was comp")


def test_corrected_values_beyond_the_type_are_foretold():
    grid = Grid(2, 2, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    images = [
        ArrayImage(n, grid, np.ones((1, 2, 2), np.uint8), constant(True, (2, 2))) for n in "ab"
    ]
    whole = Whole(("a", "b"), np.ones(2), *(np.full((2, 1), v) for v in (100.0, 9.0, 10.0, 250.0)))
    solution = replace(SOLUTION, gains=np.array([[1.0], [1.2]]), offsets=np.array([[0.0], [-20.0]]))
    (sentence,) = range_remarks(images, whole, solution)
    assert sentence.startswith("Corrected values reach from -8 to 280; in 1 of 2 images some lie")
    calm = replace(solution, gains=np.ones((2, 1)), offsets=np.zeros((2, 1)))
    assert list(range_remarks(images, whole, calm)) == []
