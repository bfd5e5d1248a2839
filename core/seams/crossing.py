# SPDX-License-Identifier: GPL-2.0-or-later
"""Which polygons seams run through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..deps import require
from .cells import Cut
from .hints import PURPOSE


def crossed(cuts: Sequence[Cut], polygons: Sequence[bytes]) -> int:
    """Return how many polygons (well-known binary) have a seam inside, not only at their edge."""
    loads = require("shapely.wkb", PURPOSE).loads
    lines = [loads(cut.geometry) for cut in cuts]
    boxes = np.array([line.bounds for line in lines], float).reshape(-1, 4)
    count = 0
    for wkb in polygons:
        polygon = loads(wkb)
        if polygon.is_empty:
            continue
        left, low, right, high = polygon.bounds
        near = (boxes[:, 0] < right) & (boxes[:, 2] > left)
        near &= (boxes[:, 1] < high) & (boxes[:, 3] > low)
        whole = polygon if polygon.is_valid else polygon.buffer(0)
        count += any(whole.intersection(lines[n]).length > 0 for n in np.flatnonzero(near))
    return count
