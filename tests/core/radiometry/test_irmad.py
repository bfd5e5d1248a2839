# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.radiometry.irmad import alteration

N = 20_000


def pair(changed=0.3, bands=3, seed=0):
    """Image x and reference r = gain · x + offset + noise; a part of the pixels changed."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(bands, bands))
    x = 1000 + 200 * mixed @ rng.normal(size=(bands, N))
    r = (0.7 + 0.2 * np.arange(bands))[:, None] * x + 50 + rng.normal(0, 5, (bands, N))
    which = rng.random(N) < changed
    r[:, which] = 900 + rng.normal(0, 300, (bands, int(which.sum())))
    return x, r, which


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_changed_pixels_are_told_from_unchanged_ones(bands):
    x, r, which = pair(bands=bands)
    chance = alteration(x, r).no_change(x, r)
    likely = chance > 0.5
    # re-weighting narrows the core more and more, the more so the fewer the bands
    assert likely[~which].mean() > 0.05
    # a changed pixel lies on the line by chance: the more bands the less
    assert likely[which].mean() < {1: 0.12, 2: 0.04}.get(bands, 0.02) * likely[~which].mean()


def test_gains_offsets_and_units_change_nothing():
    x, r, _ = pair()
    scale = np.array([1e-4, 1.0, 300.0])[:, None]
    first = alteration(x, r).no_change(x, r)
    second = alteration(scale * x + 7, r / scale).no_change(scale * x + 7, r / scale)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_equal_images_have_not_changed():
    x, _, _ = pair()
    assert (alteration(x, x).no_change(x, x) > 0.999).all()


def test_the_shape_of_the_pixels_does_not_matter():
    x, r, _ = pair()
    found = alteration(x, r)
    flat = found.no_change(x[:, :400], r[:, :400])
    square = found.no_change(x[:, :400].reshape(3, 20, 20), r[:, :400].reshape(3, 20, 20))
    np.testing.assert_array_equal(flat, square.ravel())


def test_a_band_without_contrast_is_named():
    x, r, _ = pair()
    x[1] = 5
    with pytest.raises(NoSolution, match="Band 2 has no contrast"):
        alteration(x, r)
