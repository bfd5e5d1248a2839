# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.transform.fractions import WEIGHTS
from orthoweave.core.transform.kernels import taps

T = np.random.default_rng(1).random(1000)


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_sum_and_middle_of_the_weights_are_right(name, kind):
    count, weights = WEIGHTS[name]
    found = np.array(weights(T.astype(kind)))
    assert len(found) == count and found.dtype == kind
    at = np.arange(count)[:, None] - (count // 2 - 1)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)
    # Lanczos's weights are tabulated at 8192 fractions
    np.testing.assert_allclose((found * at).sum(0), T, atol=1e-4)


@pytest.mark.parametrize("name", ["bilinear", "cubic"])
def test_weights_are_those_of_the_other_kernels(name):
    found = np.array(WEIGHTS[name][1](T))
    np.testing.assert_allclose(found, taps(T, name, 1.0)[1], atol=2e-6)


def test_lanczos_is_moved_by_no_more_than_its_flaw():
    found = np.array(WEIGHTS["lanczos"][1](T))
    off = np.abs(found - taps(T, "lanczos", 1.0)[1])
    assert 0.001 < off.max() < 0.021  # its first moment is off by so much


@pytest.mark.parametrize("name", ["bilinear", "cubic", "lanczos"])
def test_pixel_centers_keep_their_value(name):
    count, weights = WEIGHTS[name]
    ends = np.array(weights(np.array([0.0, 1.0], np.float32)))
    want = np.zeros((count, 2))
    want[count // 2 - 1, 0] = want[count // 2, 1] = 1
    np.testing.assert_allclose(ends, want, atol=1e-6)
