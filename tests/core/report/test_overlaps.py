# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import dataclass

import pytest
from orthoweave.core.report.overlaps import adjustment_table, overlap_verdict, pair_table


@dataclass(frozen=True)
class Numbers:
    """A pair, made by hand."""

    first: str
    second: str
    after: float | None
    used: bool = True
    pixels: int = 1000
    before: float | None = 9.0
    std_ratio: tuple[float, ...] = (1.0, 0.5)
    correlation: tuple[float, ...] = (0.9, float("nan"))
    down_weighted: float = 0.25


@pytest.mark.parametrize(
    ("after", "grade"),
    [(0.0, "good"), (3.0, "good"), (3.1, "usable"), (8.0, "usable"), (9, "poor")],
)
def test_the_verdict_follows_the_difference_after(after, grade):
    verdict = overlap_verdict(15.0, after)
    assert verdict.grade == grade
    assert f"by {after:.2g} % of the mean, before by 15 %" in verdict.sentence


@pytest.mark.parametrize(("after", "grade"), [(0.5, "usable"), (5.0, "usable"), (9.0, "poor")])
def test_ground_that_looks_changed_is_never_called_good(after, grade):
    verdict = overlap_verdict(15.0, after, changed=True)
    assert verdict.grade == grade
    assert "look changed" in verdict.sentence and "match well" not in verdict.sentence


def test_a_pair_that_differs_is_named_even_where_the_others_hide_it():
    pairs = [Numbers("a", "b", 1.0), Numbers("b", "c", 6.7), Numbers("c", "d", 50.0, False)]
    verdict = overlap_verdict(15.0, 2.5, pairs=pairs)
    assert verdict.sentence.endswith("b and c differ most, by 6.7 %.")
    assert "match well" in overlap_verdict(15.0, 2.5, pairs=pairs[:1]).sentence


def test_without_overlaps_the_verdict_is_failed():
    assert overlap_verdict(None, None).grade == "failed"


def test_pairs_are_listed_worst_first():
    rows = pair_table(
        [Numbers("a", "b", 1.0), Numbers("b", "c", None, False), Numbers("c", "d", 4)]
    )
    assert [row[:2] for row in rows.rows] == [("c", "d"), ("a", "b"), ("b", "c")]
    assert rows.rows[0][5:] == ("1, 0.5", "0.9, not computed", 25.0)
    assert rows.rows[2][7] == "not used"


def test_gains_and_offsets_are_listed_per_image():
    table = adjustment_table(["a"], [1], [(1.0, 0.25)], [(0.0, -3.5)])
    assert table.rows == (("a", 1, "1, 0.25", "0, -3.5"),)
