# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairs of images in memory with a displacement that is known everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

UTM = (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)


@pytest.fixture(scope="session")
def ground():
    """Spline coefficients of a texture of 900 x 900 px with detail of all sizes, 20 to 230."""
    rng = np.random.default_rng(4)
    layers = [
        ndimage.gaussian_filter(rng.normal(size=(900, 900)), s) * s for s in (1.2, 2.5, 6, 15)
    ]
    values = sum(layers)
    values = 20 + 210 * (values - values.min()) / np.ptp(values)
    return ndimage.spline_filter(values, 5)


@pytest.fixture
def image():
    """(values, valid=None, transform=UTM, crs="") -> an image of one band in memory."""
    from orthoweave.core.grid import Grid
    from orthoweave.core.image import ArrayImage

    def made(values, valid=None, transform=UTM, crs="", name="a"):
        values = np.asarray(values)
        valid = np.isfinite(values) if valid is None else valid
        grid = Grid(values.shape[1], values.shape[0], transform, crs)
        return ArrayImage(name, grid, values[None], valid)

    return made


@pytest.fixture
def moved(ground):
    """(dx, dy, side=420) -> values of reference and moving image; half the move on each.

    dx, dy: numbers or functions of the position half way.
    """

    def made(dx, dy, side=420):
        y, x = np.mgrid[0:side, 0:side].astype(float)
        move = [(v if callable(v) else (lambda x, y, v=v: v + 0 * x)) for v in (dx, dy)]

        def seen(sign):
            col, row = x.copy(), y.copy()
            for _ in range(30):
                there = move[0](col, row), move[1](col, row)
                col, row = x - sign * there[0] / 2, y - sign * there[1] / 2
            at = [row + 240, col + 240]
            values = ndimage.map_coordinates(ground, at, order=5, prefilter=False)
            return values.astype(np.float32), (move[0](col, row), move[1](col, row))

        reference, truth = seen(-1)
        return reference, seen(1)[0], truth

    return made
