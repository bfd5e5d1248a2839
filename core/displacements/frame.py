# SPDX-License-Identifier: GPL-2.0-or-later
"""What measuring through a field does to a displacement, and how to undo it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..transform.planes import Column
from .crossing import Displacement

REACH = 16
"""Distance to each side over which the slope of a displacement is taken, px."""

OFFSETS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) * 1.04
WEIGHTS = np.array([0.0545, 0.2444, 0.4022, 0.2444, 0.0545])
"""Places and weights, in sigmas, that stand for the mean under a Gaussian along an axis."""

WIDE = 4.0
"""Distance to each side over which the bend of a displacement is taken, in sigmas: noise of the
field between its nodes must not enter."""


@dataclass(frozen=True)
class Frame:
    """The displacement that a measuring window starts from, and how the field turns what it sees.

    `dx, dy`: the mean of the field over the window, less what the mean takes from a field that
    bends; `turn[2, 2, point]`: change of a displaced position for a step along x, y.
    """

    dx: Column
    dy: Column
    turn: NDArray[np.float64]

    @classmethod
    def of(cls, displacement: Displacement, x: Column, y: Column, support: float) -> Frame:
        """Return the frame of points for a measuring window of sigma `support`."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        means = _sampled(displacement, x, y, _kernel(support))
        return cls(means[0], means[1], slopes(displacement, x, y))

    def total(self, ex: Column, ey: Column) -> tuple[Column, Column]:
        """Return the displacement of points that are seen (ex, ey) off through the field."""
        (a, b), (c, d) = self.turn
        return self.dx + a * ex + b * ey, self.dy + c * ex + d * ey


def slopes(displacement: Displacement, x: Column, y: Column) -> NDArray[np.float64]:
    """Return the changes[2, 2, point] of displaced positions for a step along x and along y."""
    steps = ((REACH, 0), (0, REACH))
    along = [np.subtract(displacement(x + i, y + j), displacement(x - i, y - j)) for i, j in steps]
    found = np.stack([np.broadcast_to(v.reshape(2, -1), (2, len(x))) for v in along], 1)
    return np.asarray(found / (2 * REACH) + np.eye(2)[:, :, None])


def _kernel(support: float) -> NDArray[np.float64]:
    """Return x, y and weight of places: a Gaussian mean less half of sigma squared of the bend."""
    x, y = np.meshgrid(OFFSETS, OFFSETS)
    mean = np.stack([x.ravel(), y.ravel(), np.outer(WEIGHTS, WEIGHTS).ravel()])
    weight = -0.5 / WIDE**2
    bend = [(i * WIDE, j * WIDE, weight) for i, j in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    found = np.concatenate([mean, np.transpose([*bend, (0.0, 0.0, -4 * weight)])], 1)
    found[:2] *= support
    return np.asarray(found)


def _sampled(
    displacement: Displacement, x: Column, y: Column, kernel: NDArray[np.float64]
) -> tuple[Column, Column]:
    """Return the weighted sum of a displacement at places round each point."""
    found = displacement(x + kernel[0][:, None], y + kernel[1][:, None])
    shape = (kernel.shape[1], len(x))
    dx, dy = (np.broadcast_to(v, shape) * kernel[2][:, None] for v in found)
    return dx.sum(0), dy.sum(0)
