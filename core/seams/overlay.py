# SPDX-License-Identifier: GPL-2.0-or-later
"""Planar overlay of polygons: each face of their arrangement once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..deps import require
from .areas import valid
from .arrangement import OUTSIDE, Cover, arrange, boundaries, joined
from .boundary import PURPOSE
from .cover import covered


def overlaid(polygons: Sequence[bytes]) -> Iterator[tuple[Cover, bytes]]:
    """Yield every set of polygons that covers some ground together, and that ground.

    Polygons and ground (MultiPolygon) are well-known binary. Raises NoSolution when rounding
    forbids an exact arrangement.
    """
    shapes = [valid(polygon) for polygon in polygons]
    arrangement = arrange(boundaries(shapes), closed=True)
    state = covered(arrangement, shapes)
    numbers: dict[Cover, int] = {}
    for cover in sorted(set(state.covers) - {()}):
        numbers[cover] = len(numbers)
    owners = np.array([numbers.get(cover, OUTSIDE) for cover in state.covers], int)
    multi = require("shapely.geometry", PURPOSE).MultiPolygon
    found = joined(arrangement, owners)
    for cover, number in numbers.items():
        yield cover, bytes(multi(found[number]).wkb)
