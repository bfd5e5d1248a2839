# SPDX-License-Identifier: GPL-2.0-or-later
"""Displacements of many windows at once: whole shifts by correlation, then least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..image import Mask
from .correlation import backward, fast, forward, masked_correlation

Floats = NDArray[np.float32]
Column = NDArray[np.float64]

EDGE = 3
"""Pixels around the search that the estimator needs: 2 of the spline, 1 to wander."""

STEPS, SETTLED = 12, 1e-3
"""Most steps; step in px from which a window is done."""

NEARLY = 0.999
"""Px that the estimate can leave the whole shift."""

TINY = 1e-12


class Stacks(NamedTuple):
    """Features[window, row, col] of windows with `margin` px around them.

    `valid`: in both and not beside a hole; `spline`: coefficients, reference first.
    """

    reference: Floats
    moving: Floats
    valid: Mask
    spline: tuple[Floats, Floats]
    margin: int

    @property
    def side(self) -> int:
        """Side of the windows without their margin, px."""
        return self.reference.shape[-1] - 2 * self.margin

    @property
    def core(self) -> slice:
        """Rows and columns of the windows."""
        return slice(self.margin, self.margin + self.side)

    def chosen(self, which: Mask) -> Stacks:
        """Return some of the windows."""
        if which.all():
            return self
        spline = self.spline[0][which], self.spline[1][which]
        return Stacks(
            self.reference[which], self.moving[which], self.valid[which], spline, self.margin
        )

    def swapped(self) -> Stacks:
        """Return the same with the roles exchanged."""
        return Stacks(self.moving, self.reference, self.valid, self.spline[::-1], self.margin)


@dataclass(frozen=True)
class Estimate:
    """Displacements place[window, axis] with sigma[window, axis], px, and the shifted features."""

    place: Column
    sigma: Column
    score: Column
    at_limit: Mask
    moved: Floats
    weight: Floats

    @classmethod
    def of(cls, stacks: Stacks, radius: int, either_sign: bool) -> Estimate:
        """Search whole shifts, then refine them."""
        return cls._refined(stacks, *_searched(stacks, radius, either_sign))

    @classmethod
    def near(cls, stacks: Stacks, place: Column) -> Estimate:
        """Refine displacements, from the whole shifts next to a place."""
        whole = np.rint(np.nan_to_num(place))
        return cls._refined(stacks, whole, np.zeros(len(whole), bool))

    @classmethod
    def _refined(cls, stacks: Stacks, whole: Column, at_limit: Mask) -> Estimate:
        design = _Design.of(stacks, whole)
        rest = np.zeros((len(whole), 2))
        moving = np.ones(len(whole), bool)
        for _ in range(STEPS):
            step = design.step(rest, moving)
            rest[moving] = np.clip(rest[moving] + step, -1.0, NEARLY)
            moving[moving] = np.hypot(*step.T) >= SETTLED
            if not moving.any():
                break
        wandered = (np.abs(rest) >= NEARLY).any(1)
        moved = design.moved(rest, slice(None))
        sigma, score = design.judged(moved)
        unknown = np.where(np.isfinite(sigma).all(1), 0.0, np.nan)[:, None]
        limit = at_limit | wandered | moving
        return cls(whole + rest + unknown, sigma, score, limit, moved, design.weight)


def _searched(stacks: Stacks, radius: int, either_sign: bool) -> tuple[Column, Mask]:
    """Return the whole shifts [window, axis] of highest correlation, and which are at the limit."""
    whole = stacks.valid.all((1, 2))
    height = np.empty((len(whole), 2 * radius + 1, 2 * radius + 1), np.float32)
    for some, correlate in ((whole, _whole_correlation), (~whole, _holed_correlation)):
        if some.any():
            height[some] = correlate(stacks.chosen(some), radius)
    if either_sign:
        height = np.where(height > -1, np.abs(height), height)
    best = height.reshape(len(height), -1).argmax(1)
    row, col = np.divmod(best, 2 * radius + 1)
    shift = np.stack((col - radius, row - radius), 1).astype(np.float64)
    return shift, np.abs(shift).max(1) >= radius


def _whole_correlation(stacks: Stacks, radius: int) -> Floats:
    """Correlate windows without holes, whose features have mean 0 already."""
    side, room = stacks.side, slice(stacks.margin - radius, stacks.margin + stacks.side + radius)
    reference, moving = stacks.reference[:, stacks.core, stacks.core], stacks.moving[:, room, room]
    size = fast(side + 2 * radius), fast(side + 2 * radius)
    product = backward(np.conj(forward(reference, size)) * forward(moving, size), size)
    shifts = 2 * radius + 1
    energy = _running(_running(moving * moving, side).swapaxes(1, 2), side).swapaxes(1, 2)
    own = np.einsum("nij,nij->n", reference, reference, dtype=np.float64)[:, None, None]
    return np.asarray(product[:, :shifts, :shifts] / np.sqrt(np.maximum(energy * own, TINY)))


def _running(values: NDArray[Any], side: int) -> Column:
    """Return the sums over `side` rows of [window, row, col], for every first row."""
    found = np.empty((len(values), values.shape[1] - side + 1, values.shape[2]))
    found[:, 0] = values[:, :side].sum(1, dtype=np.float64)
    found[:, 1:] = values[:, side:] - values[:, :-side]
    return np.asarray(np.cumsum(found, 1))


def _holed_correlation(stacks: Stacks, radius: int) -> Floats:
    """Correlate windows of which some pixels are not valid."""
    only = np.zeros_like(stacks.valid)
    only[:, stacks.core, stacks.core] = stacks.valid[:, stacks.core, stacks.core]
    ends = stacks.reference * only, stacks.moving * stacks.valid
    return masked_correlation(*ends, (only, stacks.valid), (radius, radius)).values


@dataclass(frozen=True)
class _Design:
    """The reference side of the estimator: columns along x, along y, value, constant.

    The moving window is explained as a gain times the reference, an offset, and the reference's
    slopes times what is left of the displacement (Baker and Matthews 2004,
    doi:10.1023/B:VISI.0000011205.11775.fd): the columns stay the same in every step.
    """

    columns: Floats
    weight: Floats
    inverse: Column
    taps: Floats

    @classmethod
    def of(cls, stacks: Stacks, whole: Column) -> _Design:
        """Prepare windows whose moving part is displaced by whole px."""
        core, side = stacks.core, stacks.side
        reference = stacks.reference[:, core, core]
        wide = stacks.reference[:, stacks.margin - 1 : stacks.margin + side + 1]
        wide = wide[:, :, stacks.margin - 1 : stacks.margin + side + 1]
        half = np.float32(0.5)
        along_x = half * (wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2])
        along_y = half * (wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1])
        moving_valid = _shifted(stacks.valid, whole, stacks.margin, side, 0)
        taper = np.hanning(side + 2)[1:-1].astype(np.float32)
        weight = taper[:, None] * taper * (stacks.valid[:, core, core] & moving_valid)
        columns = np.stack((along_x, along_y, reference, np.ones_like(reference)), 1)
        normal = np.empty((len(whole), 4, 4))
        for one in range(4):
            weighted = columns[:, one] * weight
            for other in range(one, 4):
                total = np.einsum("nij,nij->n", weighted, columns[:, other])
                normal[:, one, other] = normal[:, other, one] = total
        taps = _shifted(stacks.spline[1], whole, stacks.margin, side, 2)
        return cls(columns, weight, _inverse(normal), taps)

    def moved(self, rest: Column, which: Any) -> Floats:
        """Return the moving windows displaced by -1 to 1 px beyond their whole shift."""
        side = self.columns.shape[-1]
        taps = self.taps[which]
        along_x, along_y = (_five(at)[:, :, None, None] for at in rest[which].T)
        lines = sum(along_x[:, k] * taps[:, :, k : k + side] for k in range(5))
        return np.asarray(sum(along_y[:, k] * lines[:, k : k + side] for k in range(5)))

    def step(self, rest: Column, which: Mask) -> Column:
        """Return the next step[window, axis] of some windows, at most 1 px."""
        every = bool(which.all())
        rows: Any = slice(None) if every else which
        weighted = self.moved(rest, rows) * self.weight[rows]
        pull = np.einsum("ncij,nij->nc", self.columns[rows], weighted)
        found = np.einsum("ncd,nd->nc", self.inverse[rows], pull.astype(np.float64))
        gain = np.where(np.abs(found[:, 2]) > TINY, found[:, 2], np.inf)
        step = -found[:, :2] / gain[:, None]
        length = np.hypot(*step.T)[:, None]
        return np.asarray(step / np.maximum(1.0, length))

    def judged(self, moved: Floats) -> tuple[Column, Column]:
        """Return the standard deviations [window, axis] and the correlations of moved windows."""
        value = self.columns[:, 2]
        total = np.maximum(self.weight.sum((1, 2), dtype=np.float64), TINY)
        ours, theirs = self.weight * value, self.weight * moved
        first, second = (part.sum((1, 2), dtype=np.float64) / total for part in (ours, theirs))
        product, square, own = (
            np.einsum("nij,nij->n", one, other).astype(np.float64) / total
            for one, other in ((theirs, value), (theirs, moved), (ours, value))
        )
        product -= first * second
        square -= second**2
        own -= first**2
        spread = np.sqrt(np.maximum(square * own, TINY))
        score = np.clip(product / spread, -1.0, 1.0)
        # what the reference does not explain, in units of the reference
        noise = np.maximum(1 / np.maximum(score**2, TINY) - 1, 0.0) * np.maximum(own, 0.0)
        variance = self.inverse[:, [0, 1], [0, 1]] * noise[:, None]
        return np.sqrt(variance), np.where(square * own > TINY, score, 0.0)


def _shifted(
    stack: NDArray[Any], whole: Column, margin: int, side: int, around: int
) -> NDArray[Any]:
    """Cut the cores displaced by whole px, with some px around them, out of a stack."""
    long = side + 2 * around
    view = np.lib.stride_tricks.sliding_window_view(stack, (1, long, long))
    first = margin - around + whole.astype(np.int64)
    return np.asarray(view[np.arange(len(stack)), first[:, 1], first[:, 0], 0])


def _five(rest: Column) -> Floats:
    """Return the weights[window, tap] of a cubic B-spline from 2 px before to 2 px after."""
    apart = np.abs(np.arange(-2, 3) - rest[:, None])
    near = (4 - 3 * apart**2 * (2 - apart)) / 6
    far = np.maximum(2 - apart, 0) ** 3 / 6
    return np.where(apart < 1, near, far).astype(np.float32)


def _inverse(normal: Column) -> Column:
    """Invert matrices [window, 4, 4]; NaN where they are singular."""
    scale = np.sqrt(np.maximum(normal[:, range(4), range(4)], TINY))
    unit = normal / (scale[:, :, None] * scale[:, None, :])
    bad = np.linalg.eigvalsh(unit)[:, 0] < 1e-6
    unit[bad] = np.eye(4)
    found = np.linalg.inv(unit) / (scale[:, :, None] * scale[:, None, :])
    found[bad] = np.nan
    return np.asarray(found)


def reliability(stacks: Stacks, estimate: Estimate) -> Column:
    """Return 0 to 100: how far the peak of the phase correlation stands out after the match.

    100 - 100 B / A, A the mean of the 3 x 3 at the place found, B that of the rest plus twice its
    deviation (Scheffler et al. 2017, doi:10.3390/rs9070676).
    """
    reference = stacks.reference[:, stacks.core, stacks.core]
    ends = [forward(part * estimate.weight, part.shape[1:]) for part in (reference, estimate.moved)]
    cross = np.conj(ends[0]) * ends[1]
    cross /= np.maximum(np.abs(cross), np.float32(TINY))
    surface = backward(cross, reference.shape[1:])
    surface = np.roll(surface, (1, 1), (1, 2))
    peak = surface[:, :3, :3].mean((1, 2))
    sums, squares = (
        part.sum((1, 2), dtype=np.float64) - part[:, :3, :3].sum((1, 2), dtype=np.float64)
        for part in (surface, surface * surface)
    )
    count = reference[0].size - 9
    mean = sums / count
    beyond = mean + 2 * np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    peak = np.abs(peak)
    found = 100 - 100 * beyond / np.maximum(peak, TINY)
    return np.asarray(np.nan_to_num(np.clip(found, 0.0, 100.0)))
