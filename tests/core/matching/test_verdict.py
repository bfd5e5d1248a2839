# SPDX-License-Identifier: GPL-2.0-or-later
"""Each class of verdict from a made pair, and the sentences users read."""

from __future__ import annotations

import re

import numpy as np
import pytest
from orthoweave.core.matching.accuracy import Situation, accuracy
from orthoweave.core.matching.altitude import altitude
from orthoweave.core.matching.keypoints import LOW_SCORE, OUT_OF_RANGE, OUTLIER, USED, KeyPoints
from orthoweave.core.matching.verdict import (
    CLASSES,
    Finding,
    Judging,
    directions,
    grouped,
    judge,
    short,
)
from orthoweave.core.matching.zones import zones
from orthoweave.core.transform.models import Linear
from orthoweave.core.windows import Window

AREA = Window(0, 0, 900, 900)


def field(dx=0.0, dy=0.0, *, n=900, noise=0.03, altitude=None, seed=0):
    """Points all over the area; dx, dy are numbers or functions of (x, y)."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 899, (2, n))
    heights = np.full(n, np.nan) if altitude is None else altitude(x, y)
    given = [v(x, y, heights) if callable(v) else np.full(n, v) for v in (dx, dy)]
    dx, dy = (v + rng.normal(0, noise, n) for v in given)
    columns = {"east": 10 * dx, "north": -10 * dy, "altitude": heights}
    sigma = np.full((2, n), 0.02)
    return KeyPoints(x, y, dx, dy, np.full(n, 0.9), *sigma, np.zeros(n), **columns)


def verdict(points, how=Judging()):  # noqa: B008
    numbers = accuracy(points, Situation(AREA, len(points), 10**6, unit="m"))
    return judge(points, Finding(numbers, zones(points, AREA), altitude(points, AREA)), how)


def linear(matrix, shift=(0.0, 0.0)):
    model = Linear("affine", matrix, shift, (450.0, 450.0))
    return tuple(lambda x, y, _, axis=axis: model.predict(x, y)[axis] for axis in (0, 1))


MADE = {
    "not measured": field(n=19),
    "agrees": field(0.1, -0.2),
    "constant shift": field(0.37, -0.62),
    "rotation and scale": field(*linear(((1.002, -0.005), (0.005, 1.002)))),
    "linear distortion": field(*linear(((1.006, 0.004), (0.0, 0.994)))),
    "height dependent": field(
        lambda x, y, h: (h - 250) / 100, 0.0, altitude=lambda x, y: 250 + 250 * np.sin(x / 40)
    ),
    "local distortion": field(lambda x, y, _: 2 * np.sin(x / 40), lambda x, y, _: np.cos(y / 40)),
}


def test_a_map_whose_rows_run_upwards_turns_up_and_down_around():
    points = field(0.37, -0.62)
    up = verdict(points).sentence
    down = verdict(points, Judging(seen=((1.0, 0.0), (0.0, -1.0)))).sentence
    assert "right 0.37 and up 0.62" in up
    assert "right 0.37 and down 0.62" in down


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_is_recognized(kind):
    found = verdict(MADE[kind])
    assert found.kind == kind
    assert found.passed == (kind == "agrees")


def test_the_sentence_follows_the_pattern():
    points = field(0.37, -0.62, n=4812)
    text = verdict(points).sentence
    numbers = accuracy(points, Situation(AREA)).pixels
    assert text == (
        "The moving image does not meet 0.5 px: 90 % of 4 812 key points lie within "
        f"{numbers.ce90:.2f} px ({10 * numbers.ce90:.1f} m). It is shifted by 0.72 px, right 0.37 "
        "and up 0.62 (uncertainty below 0.01); without that shift 0.04 px would remain. Rotation "
        "and scale: none found."
    )


def test_a_pair_that_agrees_meets_the_requirement():
    found = verdict(MADE["agrees"])
    assert found.sentence.startswith("The moving image meets 0.5 px: 90 % of 900 key points")
    assert "right 0.10 and up 0.20" in found.sentence
    assert found.doubts == ()


def test_identical_images_show_no_shift():
    found = verdict(field(noise=0.0))
    assert found.passed
    assert "No shift was found" in found.sentence
    assert found.sentence.endswith("Rotation and scale: none found.")
    assert "without that shift" not in found.sentence


def test_what_moves_less_than_its_uncertainty_is_no_shift():
    # waves over the image leave the median uncertain by more than what is left of it
    found = verdict(field(lambda x, y, _: 3 * np.sin(x / 140), 0.0))
    assert "No shift was found (uncertainty 0." in found.sentence


def test_a_turn_that_moves_nothing_is_none():
    found = verdict(field(*linear(((1 + 2e-6, -2e-6), (2e-6, 1 + 2e-6)), (0.3, 0.0)), noise=1e-5))
    # 2e-6 over 450 px from the center are 0.0009 px
    assert found.sentence.endswith("Rotation and scale: none found.")


def test_no_number_has_an_exponent():
    turn = ((1.0, -3e-5), (3e-5, 1.0))
    points = field(*linear(turn, (1e-6, 0.0)), noise=1e-6)
    points = points.with_columns(sigma_x=np.full(900, 1e-6), sigma_y=np.full(900, 1e-6))
    found = verdict(points, Judging(tolerance=1e-5))
    assert "does not meet 0.00001 px: " in found.sentence
    assert "0.0017" in found.sentence
    assert not re.search(r"\de[-+]\d", found.text)


def test_a_limit_that_is_just_missed_is_told_with_the_digits_that_show_it():
    found = verdict(field(0.5016, 0.0, noise=0.0))
    assert "does not meet 0.5 px: 90 % of 900 key points lie within 0.502 px" in found.sentence
    found = verdict(field(0.4996, 0.0, noise=0.0))
    assert "meets 0.5 px: 90 % of 900 key points lie within 0.50 px" in found.sentence


def test_a_turn_is_told_with_side_and_uncertainty():
    text = verdict(MADE["rotation and scale"]).sentence
    assert "It is turned by 0.286° clockwise (uncertainty below 0.001°)" in text
    assert "and 0.201 % larger" in text
    assert "without that 0.04 px would remain" in text
    back = verdict(field(*linear(((0.998, 0.005), (-0.005, 0.998)))))
    assert "0.287° counter-clockwise" in back.sentence
    assert "% smaller" in back.sentence


def test_a_small_turn_is_told_beside_a_shift():
    found = verdict(field(*linear(((1.0, -0.0003), (0.0003, 1.0)), (2.0, 0.0))))
    assert found.kind == "constant shift"
    assert "Rotation and scale: turned by 0.017" in found.sentence


def test_the_other_causes_say_what_would_remain():
    bent = verdict(MADE["linear distortion"]).sentence
    assert "% longer along x, 0.59" in bent
    assert "% shorter along y and sheared by 0.2" in bent
    climb = verdict(MADE["height dependent"]).sentence
    assert "changes with height: dx by +1.00 px" in climb
    assert "without that 0.04 px would remain" in climb
    local = verdict(MADE["local distortion"]).sentence
    assert "It is distorted locally, most in the zone" in local


@pytest.mark.parametrize("kind", CLASSES)
def test_every_verdict_holds_its_number_of_points_and_the_ce90(kind):
    text = verdict(MADE[kind]).sentence
    assert f"{len(MADE[kind])} key points" in text
    assert " px" in text
    assert " m)" in text


def test_the_tolerance_decides():
    assert verdict(MADE["constant shift"], Judging(tolerance=1)).kind == "agrees"
    wide = verdict(MADE["agrees"].with_columns(sigma_x=np.full(900, 0.9)))
    assert wide.kind == "not measured"
    assert "a key point is known to 0.90 px only" in wide.sentence


def test_points_in_one_corner_are_not_enough():
    points = MADE["agrees"]
    found = verdict(points.chosen((points.x0 < 290) & (points.y0 < 800)))
    assert found.kind == "not measured"
    assert "key points lie in 3 of 9 zones" in found.sentence


def test_no_points_tell_the_best_score():
    points = field(n=30).with_columns(score=np.full(30, 0.31), status=np.full(30, LOW_SCORE))
    found = verdict(points)
    assert found.kind == "not measured"
    assert "no key point reaches a score of 0.4 (the best has 0.31)." in found.sentence
    assert verdict(KeyPoints.none()).sentence.endswith("no key point was found in both images.")
    lost = points.with_columns(status=np.full(30, OUTLIER))
    assert "all 30 key points were rejected" in verdict(lost).sentence


def test_one_point_is_told_and_not_judged():
    found = verdict(field(0.3, 0.4, n=1, noise=0))
    assert "only 1 key point could be used, and 20 are needed" in found.sentence
    assert "it lies within 0.50 px (5.0 m)" in found.sentence


def test_doubts_follow_as_sentences():
    points = field(3.0, n=80)
    points = points.chosen(points.x0 < 550)
    how = Judging(large_shift=(23.4, -17.6), inverted=True)
    found = verdict(points, how)
    assert found.doubts[0] == f"Only {len(points)} key points were used."
    assert found.doubts[1].startswith(
        "Key points are spread unevenly: none lies in the zones upper"
    )
    assert found.doubts[2].startswith("The contrast of the moving image is inverted")
    shift = "A large shift of (23, -18) px was found and taken into account."
    assert found.doubts[3] == shift
    assert found.text.endswith(shift)


def test_many_rejected_points_are_doubted():
    points = field(n=900)
    status = np.where(np.arange(900) < 270, OUTLIER, USED)
    status[-100:] = OUT_OF_RANGE
    doubts = verdict(points.with_columns(status=status)).doubts
    assert doubts[0].startswith("30 % of 900 key points disagree with their neighbors")
    assert doubts[1] == "11 % of the key points lie beyond MAX_DISPLACEMENT."


def test_without_a_pixel_size_there_are_no_map_units():
    points = field().with_columns(east=np.full(900, np.nan), north=np.full(900, np.nan))
    assert "m)" not in verdict(points).sentence


@pytest.mark.parametrize(
    ("dx", "dy", "words"),
    [(1, 0, "right 1.00"), (-0.5, 0.25, "left 0.50 and down 0.25"), (0, -2, "up 2.00")],
)
def test_directions_stand_in_words(dx, dy, words):
    assert directions(dx, dy) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.61, "7.6"),
        (0.0761, "0.076"),
        (123.4, "123"),
        (0, "0"),
        (1e-12, "0"),
        (2.5e-5, "0.000025"),
    ],
)
def test_numbers_have_two_digits_that_count(value, text):
    assert short(value) == text


def test_large_numbers_are_grouped():
    assert [grouped(n) for n in (812, 4812, 1234567)] == ["812", "4 812", "1 234 567"]
