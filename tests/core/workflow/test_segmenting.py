# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.windows import Window
from orthoweave.core.workflow.segmenting import Segmenting, superpixels


def seen_in(cols):
    """Return an image with values in some columns only."""
    grid = Grid(2000, 40, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "")
    valid = np.zeros((40, 2000), bool)
    valid[:, cols] = True
    values = np.random.default_rng(0).integers(1, 900, (2, 40, 2000)).astype(np.int16)
    return ArrayImage("swath", grid, np.where(valid, values, 0), valid, 0.0, ("one", "two"))


def test_a_strip_between_the_squares_that_are_looked_at_first_has_superpixels(tmp_path):
    # squares of 16 px stand 132 px apart
    found = superpixels(seen_in(slice(40, 60)), Segmenting(step=8), str(tmp_path))
    numbers = found.read(Window(0, 0, 2000, 40)).values[0]
    assert (numbers[:, 40:60] > 0).all()
    assert not numbers[:, :40].any() and not numbers[:, 60:].any()


def test_an_image_without_valid_pixels_is_refused(tmp_path):
    with pytest.raises(InvalidOption, match="no pixels that are valid in every band"):
        superpixels(seen_in(slice(0, 0)), Segmenting(step=8), str(tmp_path))
