# SPDX-License-Identifier: GPL-2.0-or-later
"""Defective pixels: one of 65535 would make the texture vanish for 70 px round it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..image import Array, Image, Mask, Pixels, View
from ..windows import Window

FAR = 10.0
"""Ranges of usual values (2 to 98 %) by which a defective pixel lies beyond them."""

USUAL = (2, 98)

ENOUGH = 2048
"""Values that tell what is usual."""

NEAR, ALONE = 2, 4
"""Reach in px in which not more such pixels lie together than this: larger things are real."""

Index = NDArray[np.int64]


def spots(values: Array, valid: Mask, means: Array) -> tuple[Index, Index]:
    """Return rows and columns of defective pixels in values[row, col].

    `means`: averages over blocks of valid pixels, which tell what is usual.
    """
    none = np.empty(0, np.int64)
    some = means[:: max(1, means.size // ENOUGH)]
    low, high = np.percentile(some, USUAL) if some.size else (0.0, 0.0)
    reach = FAR * (high - low)
    if not reach > 0 or (values.max() <= high + reach and values.min() >= low - reach):
        return none, none
    far = ((values > high + reach) | (values < low - reach)) & valid
    rows, cols = np.nonzero(far)
    near = np.pad(far, NEAR)
    crowd = np.zeros(len(rows), np.int64)
    for down in range(2 * NEAR + 1):
        for across in range(2 * NEAR + 1):
            crowd += near[rows + down, cols + across]
    alone = crowd <= ALONE
    return rows[alone], cols[alone]


@dataclass(frozen=True)
class Spotless(View):
    """The image below; its pixels at (x, y), sorted by x, are not valid."""

    x: Index = field(compare=False)
    y: Index = field(compare=False)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below."""
        found = self.source.read(window, bands, rounded)
        first, last = np.searchsorted(self.x, (window.col, window.right))
        x, y = self.x[first:last] - window.col, self.y[first:last] - window.row
        inside = (y >= 0) & (y < window.height)
        if not inside.any():
            return found
        valid = np.array(found.valid)
        valid[y[inside], x[inside]] = False
        return replace(found, valid=valid)


def spotless(image: Image, found: Sequence[tuple[Index, Index]]) -> Image:
    """Return an image of which pixels (x, y) are not valid."""
    if not found:
        return image
    x, y = (np.concatenate([one[axis] for one in found]) for axis in (0, 1))
    order = np.argsort(x, kind="stable")
    return Spotless(image, x[order], y[order])
