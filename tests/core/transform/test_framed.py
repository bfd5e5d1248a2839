# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details
from orthoweave.core.transform.framed import Framed
from orthoweave.core.windows import Window


def image(validity="all"):
    values = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
    grid = Grid(5, 4, (100.0, 10.0, 0.0, 200.0, 0.0, -10.0), "A")
    return ArrayImage("a", grid, values, np.ones((4, 5), bool), details=Details(validity=validity))


def test_pixels_lie_where_they_lay_and_beyond_none_is_valid():
    source = image()
    view = Framed(source, source.grid.cropped(Window(-2, 1, 5, 5)))
    found = view.read(Window(0, 0, 5, 5))
    np.testing.assert_array_equal(found.values[0, :3, 2:], source.values[0, 1:, :3])
    valid = np.zeros((5, 5), bool)
    valid[:3, 2:] = True
    np.testing.assert_array_equal(found.valid, valid)
    assert view.grid.transform[0] == 80 and view.grid.transform[3] == 190


def test_a_mask_is_declared_only_where_the_image_does_not_reach():
    source = image()
    assert Framed(source, source.grid.cropped(Window(1, 1, 2, 2))).details.validity == "all"
    wider = source.grid.cropped(Window(1, 1, 9, 2))
    assert Framed(source, wider).details.validity == "mask"
    assert Framed(image("nodata"), wider).details.validity == "nodata"
