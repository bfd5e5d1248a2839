# SPDX-License-Identifier: GPL-2.0-or-later
"""Views with fewer valid pixels."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def image():
    """(values, valid=None) -> an image of one or more bands in memory."""
    from orthoweave.core.grid import Grid
    from orthoweave.core.image import ArrayImage

    def made(values, valid=None, **how):
        values = np.asarray(values)
        values = values[None] if values.ndim == 2 else values
        shape = values.shape[1:]
        valid = np.ones(shape, bool) if valid is None else np.asarray(valid)
        grid = Grid(shape[1], shape[0], (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
        return ArrayImage("a", grid, values, valid, **how)

    return made


def read(view):
    return view.read(view.grid.window)


@pytest.mark.parametrize(
    "keep, kept", [("nonzero", [1, 0, 0]), ("valid", [1, 1, 0]), ("invalid", [0, 0, 1])]
)
def test_a_mask_keeps_what_it_says(image, keep, kept):
    from orthoweave.core.masks.restricted import Restricted

    mask = image([[5, 0, 7]], [[True, True, False]])
    view = Restricted(image([[1, 2, 3]]), mask, keep)
    assert read(view).valid.tolist() == [[bool(v) for v in kept]]
    assert view.details.validity != "all"


def test_a_mask_never_brings_nodata_back(image):
    from orthoweave.core.masks.restricted import Restricted

    view = Restricted(image([[1, 2]], [[False, True]]), image([[1, 1]]))
    assert read(view).valid.tolist() == [[False, True]]


def test_what_lies_beyond_the_mask_is_left_out(image):
    from orthoweave.core.masks.restricted import Restricted

    view = Restricted(image([[1, 2, 3]]), image([[1, 1]]))
    assert read(view).valid.tolist() == [[True, True, False]]


def test_values_are_left_out_whatever_the_type(image):
    from orthoweave.core.masks.restricted import WithoutValues

    for dtype in (np.uint8, np.int16, np.float32, np.float64):
        view = WithoutValues(image(np.array([[0, 7, 9]], dtype)), (0.0, 9.0, 70000.0, -1.5))
        assert read(view).valid.tolist() == [[False, True, False]]


def test_one_band_is_the_band_asked_for(image):
    from orthoweave.core.masks.restricted import OneBand

    view = OneBand(image([[[1]], [[2]], [[3]]], band_names=("r", "g", "b")), 2)
    assert (view.bands, view.band_names) == (1, ("g",))
    assert read(view).values.tolist() == [[[2]]]
