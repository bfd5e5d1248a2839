# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.radiometry.adjusting import (
    adjustments_of,
    kept_of,
    with_known,
    with_known_pairs,
)
from orthoweave.core.radiometry.adjustments import Adjustments, load_adjustments
from orthoweave.core.radiometry.regression import Rules, solve_gains

BOXES = {"a": (0, 0, 240, 200), "b": (160, 20, 240, 220), "c": (60, 150, 260, 150)}
GAINS = {"a": 1.0, "b": 0.82, "c": 1.23}


@pytest.fixture
def solved(cut, scene, surveyed):
    """(whole, overlaps, solution) of three images; in c a part has changed."""
    ground = scene(2, 320, 420)
    images = [cut(ground, n, BOXES[n], GAINS[n]) for n in "abc"]
    images[2].values[:, :30, :60] += 900
    whole, overlaps = surveyed(images)
    return whole, overlaps, solve_gains(whole, overlaps, np.ones(3, bool), Rules())


def nothing(overlaps):
    return overlaps.part(np.zeros(0, int))


def test_statistics_come_back_from_a_model(solved, tmp_path):
    whole, overlaps, solution = solved
    path = tmp_path / "m.json"
    path.write_text(adjustments_of(whole, overlaps, solution).text(), "utf-8")
    known = load_adjustments(str(path))
    again = with_known(whole.part(np.zeros(0, int)), known.images)
    assert again.names == whole.names
    np.testing.assert_allclose(again.mean, whole.mean, rtol=1e-15)
    pairs = with_known_pairs(nothing(overlaps), (), again, known, believed=False)
    np.testing.assert_array_equal(pairs.pairs, overlaps.pairs)
    for one, other in zip(
        (pairs.moments().count, pairs.moments().mean, pairs.moments().std),
        (overlaps.moments().count, overlaps.moments().mean, overlaps.moments().std),
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_what_was_believed_of_an_overlap_is_remembered(solved):
    whole, overlaps, solution = solved
    known = adjustments_of(whole, overlaps, solution)
    assert known.of("a").overlap("c") != known.of("a").overlap("c", believed=True)
    again = {}
    for believed in (False, True):
        pairs = with_known_pairs(nothing(overlaps), (), whole, known, believed=believed)
        again[believed] = solve_gains(whole, pairs, np.ones(3, bool), Rules())
    np.testing.assert_allclose(again[True].gains, solution.gains, rtol=1e-3)
    assert np.abs(again[False].gains / solution.gains - 1).max() > 0.01


def test_counted_pairs_and_known_ones_are_sorted_together(solved):
    whole, overlaps, solution = solved
    known = adjustments_of(whole, overlaps, solution)
    middle = overlaps.part(np.array([1]))  # a and c are counted, the others known
    without = Adjustments(
        tuple(
            replace(
                image, overlaps=tuple(o for o in image.overlaps if {image.name, o[0]} != {"a", "c"})
            )
            for image in known.images
        )
    )
    found = with_known_pairs(middle, whole.names, whole, without, believed=False)
    np.testing.assert_array_equal(found.pairs, overlaps.pairs)
    np.testing.assert_allclose(found.size, overlaps.size)
    np.testing.assert_allclose(found.moments().mean, overlaps.moments().mean, atol=1e-9)
    assert len(found.starts) == 3 and found.starts[1] == 1
    assert np.isnan(found.correlation[0]).all() and np.isfinite(found.correlation[1]).all()


def test_a_counted_pair_is_preferred_to_a_known_one(solved):
    whole, overlaps, solution = solved
    known = adjustments_of(whole, overlaps, solution)
    found = with_known_pairs(overlaps, whole.names, whole, known, believed=False)
    assert found.count.tolist() == overlaps.count.tolist()


def test_images_of_the_model_join_in_name_order_and_keep_their_numbers(solved):
    whole, overlaps, solution = solved
    known = adjustments_of(whole, overlaps, solution)
    found = with_known(whole.part(np.array([1])), [known.of("c"), known.of("a")])
    assert found.names == ("a", "b", "c")
    np.testing.assert_allclose(found.std, whole.std, rtol=1e-12)
    assert np.isinf(found.low[0]).all() and np.isfinite(found.low[1]).all()
    kept = kept_of(found, Adjustments((known.of("c"),)))
    assert kept.images.tolist() == [False, False, True]
    assert tuple(kept.gains[2]) == known.of("c").gains and (kept.gains[0] == 1).all()


def test_known_statistics_are_written_as_they_were(solved):
    whole, overlaps, solution = solved
    known = adjustments_of(whole, overlaps, solution)
    pairs = with_known_pairs(nothing(overlaps), (), whole, known, believed=True)
    again = adjustments_of(
        whole, pairs, solve_gains(whole, pairs, np.ones(3, bool), Rules()), known
    )
    for old, new in zip(known.images, again.images):
        assert (new.whole, new.overlaps, new.believed) == (old.whole, old.overlaps, old.believed)
