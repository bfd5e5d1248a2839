# SPDX-License-Identifier: GPL-2.0-or-later
"""Cells in the order of paint: each footprint without what better ones cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .areas import valid
from .arrangement import OUTSIDE, arrange, boundaries
from .cells import Partition, measured
from .cover import Kinship, covered


def painted(footprints: Sequence[bytes]) -> Partition:
    """Return what is seen of footprints (well-known binary) when the first lies on top.

    Raises NoSolution when rounding forbids an exact arrangement.
    """
    polygons = [valid(footprint) for footprint in footprints]
    arrangement = arrange(boundaries(polygons), closed=True)
    state = covered(arrangement, polygons)
    owners = np.array([min(cover, default=OUTSIDE) for cover in state.covers], int)
    return measured(arrangement, owners, polygons, Kinship({}, {}))
