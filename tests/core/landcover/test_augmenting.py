# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover.augmenting import Augmenting, augmented, targets
from orthoweave.core.landcover.samples import Samples


@pytest.fixture
def samples():
    random = np.random.default_rng(0)
    labels = np.array([1] * 100 + [2] * 20)
    values = random.normal(labels[:, None] * 10, 1, (120, 3))
    return Samples(values, labels, np.arange(120) // 5, ("a", "b", "c"))


def test_targets_never_take_away(samples):
    assert targets(samples, True, 0, {}) == {1: 100, 2: 100}
    assert targets(samples, False, 50, {}) == {1: 100, 2: 50}
    assert targets(samples, False, 0, {2: 30}) == {1: 100, 2: 30}


@pytest.mark.parametrize("method", ["replicate", "jitter", "smote"])
def test_made_samples_belong_to_the_polygons_of_their_class(samples, method):
    if method == "smote":
        pytest.importorskip("scipy")
    found = augmented(samples, {2: 70}, Augmenting(method))
    assert len(found) == 170
    assert (found.labels[120:] == 2).all()
    assert set(found.groups[120:]) <= set(samples.groups[100:])
    np.testing.assert_array_equal(found.values[:120], samples.values)
    # they are of their class's kind
    assert found.values[120:].mean() == pytest.approx(20, abs=0.5)


def test_copies_are_shared_out_evenly(samples):
    found = augmented(samples, {2: 50}, Augmenting("replicate"))
    counts = np.unique(found.values[100:], axis=0, return_counts=True)[1]
    assert set(counts.tolist()) == {2, 3}


def test_jitter_is_as_wide_as_it_says(samples):
    found = augmented(samples, {2: 4020}, Augmenting("jitter", spread=5.0))
    sources = np.tile(samples.values[100:], (200, 1))
    noise = found.values[120:] - sources
    sigma = samples.values[100:].std(0) / 5
    # 4,000 draws: standard error 1.1 %
    assert noise.std(0) == pytest.approx(sigma, rel=0.05)


def test_smote_stays_between_neighbors(samples):
    pytest.importorskip("scipy")
    found = augmented(samples, {2: 200}, Augmenting("smote", neighbors=3))
    own = samples.values[100:]
    assert (found.values[120:] <= own.max(0) + 1e-5).all()
    assert (found.values[120:] >= own.min(0) - 1e-5).all()


def test_the_same_seed_makes_the_same(samples):
    first, again = (augmented(samples, {2: 60}, Augmenting("jitter", seed=2)) for _ in range(2))
    np.testing.assert_array_equal(first.values, again.values)
