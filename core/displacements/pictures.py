# SPDX-License-Identifier: GPL-2.0-or-later
"""Small pictures of both images of a pair, for the figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..image import Image
from ..raster import CrsMapping, same_crs
from ..report.drawing import Picture
from ..report.thumbnail import small_grid
from ..transform.warped import Warped, lattice_step
from .pair import Pair

LONGEST = 1000
"""Longest side of a picture, px."""


def pictures(pair: Pair, names: tuple[str, str]) -> tuple[Picture, Picture]:
    """Return the overlap as the reference and the moving image show it, under these names."""
    return (
        _picture(pair, pair.reference, names[0]),
        _picture(pair, pair.moving, names[1]),
    )


def _picture(pair: Pair, image: Image, name: str) -> Picture:
    small = small_grid(pair.grid, LONGEST)
    view = Warped(image, small, "nearest")
    if not same_crs(image.grid.crs, small.crs):
        view = replace(view, mapping=CrsMapping(small.crs, image.grid.crs))
        view = replace(view, step=lattice_step(view))
    found = view.read(small.window)
    values = found.values[0]
    valid = found.valid & np.isfinite(values)
    left, top = pair.origin[0] - 0.5, pair.origin[1] - 0.5
    right, bottom = left + pair.grid.width * pair.factor, top + pair.grid.height * pair.factor
    return Picture(name, values, valid, (left, top, right, bottom))
