# SPDX-License-Identifier: GPL-2.0-or-later
"""Points that are read together: those whose positions lie in one square of pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..matching.keypoints import Column

SIDE = 1024


def squares(
    x: Column | NDArray[np.int64], y: Column | NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of the points in each square of 1024 px, row by row of squares.

    The squares stand at fixed places, so that results do not depend on memory or threads.
    """
    owner = np.stack([np.floor(v / SIDE).astype(np.int64) for v in (y, x)])
    order = np.lexsort(owner[::-1])
    changes = np.diff(owner[:, order], axis=1).any(0)
    for which in np.split(order, np.flatnonzero(changes) + 1):
        if len(which):
            yield which
