# SPDX-License-Identifier: GPL-2.0-or-later
"""Match many small windows of two features at once: displacement, its uncertainty, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..image import Mask
from ..transform.spline import coefficients
from .correlation import backward, fast, forward, masked_correlation
from .patches import Overlay
from .smoothing import inner

Floats = NDArray[np.float32]
Column = NDArray[np.float64]
Whole = NDArray[np.int64]

EDGE = 3
"""Pixels around the search that the estimator needs: 2 of the spline, 1 to wander."""

EVERY = 4
"""Every fourth window along both axes is left for checking."""

VALID = 0.3
"""Share of a window that must be valid in both images."""

TEXTURE = 0.02
"""Share of the usual texture below which a window shows nothing to match."""

STEPS, SETTLED = 12, 1e-3
"""Most steps of the estimator; step in px from which it is done."""

SCORE, CLOSURE = 0.3, 0.3
"""Least correlation of a match; largest distance of the way back from the way there, px."""

NEARLY = 0.999
"""Px that the estimator can leave the whole shift."""

TINY = 1e-12

BATCH = 128
"""Windows whose pixels are in memory at once."""


@dataclass(frozen=True)
class Windows:
    """Squares of `size` px: columns and rows of their first pixels on the lattice."""

    col: Whole
    row: Whole
    size: int
    check: Mask

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.col)

    @property
    def x(self) -> Column:
        """Column of the centers on the lattice."""
        return self.col + (self.size - 1) / 2

    @property
    def y(self) -> Column:
        """Row of the centers on the lattice."""
        return self.row + (self.size - 1) / 2

    def inside(self, origin: tuple[int, int], shape: tuple[int, ...]) -> Mask:
        """Return which windows lie wholly in a patch that begins at `origin`."""
        left, top = self.col - origin[0], self.row - origin[1]
        inside = (left >= 0) & (top >= 0)
        inside &= (left + self.size <= shape[1]) & (top + self.size <= shape[0])
        return np.asarray(inside)

    def chosen(self, which: Any) -> Windows:
        """Return the windows of a boolean or index array, in its order."""
        return Windows(self.col[which], self.row[which], self.size, self.check[which])


def windows_over(shape: tuple[int, ...], size: int, spacing: int = 0, limit: int = 400) -> Windows:
    """Return a lattice of windows over an array [row, col], sorted by column, then row.

    `spacing` 0 = half a window; widened until there are at most `limit`. The lattice is centered.
    """
    size = min(size, *shape)
    step = float(spacing or size / 2)
    while True:
        firsts = [_firsts(length, size, step) for length in shape]
        if len(firsts[0]) * len(firsts[1]) <= limit or limit < 1:
            break
        step *= 1.05
    row, col = (part.ravel() for part in np.meshgrid(*firsts, indexing="ij"))
    check = np.zeros([len(first) for first in firsts], bool)
    check[EVERY // 2 :: EVERY, EVERY // 2 :: EVERY] = True
    order = np.lexsort((row, col))
    return Windows(col[order], row[order], size, check.ravel()[order])


def _firsts(length: int, size: int, step: float) -> Whole:
    """Return the first pixels of the windows along one axis."""
    count = int((length - size) / step) + 1
    rest = (length - size) - (count - 1) * step
    return np.asarray(np.floor(rest / 2 + step * np.arange(count)), np.int64)


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
class Matches:
    """Displacements of windows under the overlay's model, px, one entry a window.

    `x, y`: centers on the lattice; `dx, dy`: what is left, moving minus reference; `score`:
    correlation after the match, -1 to 1; `reliability`: 0 to 100; `closure`: distance of the way
    back from the way there; `at_limit`: the best place lies at the limit of the search. NaN where
    nothing could be measured.
    """

    x: Column
    y: Column
    dx: Column
    dy: Column
    sigma_x: Column
    sigma_y: Column
    score: Column
    reliability: Column
    closure: Column
    valid_fraction: Column
    at_limit: Mask
    check: Mask

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.x)

    def chosen(self, which: Any) -> Matches:
        """Return the matches of a boolean or index array, in its order."""
        return Matches(*(getattr(self, entry.name)[which] for entry in fields(self)))

    def finer(self, factor: int) -> Matches:
        """Return the matches on a lattice with `factor` px for one of theirs."""
        lengths = ("dx", "dy", "sigma_x", "sigma_y", "closure")
        columns = {name: getattr(self, name) * factor for name in lengths}
        places = {name: getattr(self, name) * factor + (factor - 1) / 2 for name in ("x", "y")}
        return replace(self, **columns, **places)

    def good(self, *, level: int = 3, min_reliability: float = 30.0) -> Mask:
        """Return which pass the tests of single windows: level 1 reliability, 2 also quality."""
        kept = np.isfinite(self.dx) & np.isfinite(self.sigma_x)
        if level >= 1:
            kept &= self.reliability >= min_reliability
        if level >= 2:
            kept &= (np.abs(self.score) >= SCORE) & ~self.at_limit & (self.closure <= CLOSURE)
        return np.asarray(kept)

    @classmethod
    def joined(cls, parts: Sequence[Matches]) -> Matches:
        """Return the matches of all parts, sorted by x, then y."""
        columns = [
            np.concatenate([getattr(part, entry.name) for part in parts]) for entry in fields(cls)
        ]
        found = cls(*columns)
        return found.chosen(np.lexsort((found.y, found.x)))


def matched(
    overlay: Overlay, windows: Windows, radius: int, *, either_sign: bool = False
) -> Matches:
    """Match windows of normalized features within `radius` px of where the overlay's model says.

    One entry a window, in their order; NaN where too few pixels are valid or without texture.
    `either_sign`: inverted contrast counts as well.
    """
    share, kept = _usable(overlay, windows)
    found = [_unmatched(windows.chosen(~kept), share[~kept])]
    some = windows.chosen(kept)
    splines = [coefficients(one.values) for one in (overlay.reference, overlay.moving)]
    for start in range(0, len(some), BATCH):
        batch = some.chosen(slice(start, start + BATCH))
        stacks = _cut(overlay, splines, batch, radius + EDGE)
        found.append(_matched(stacks, batch, radius, either_sign))
    return Matches.joined(found)


def _unmatched(windows: Windows, share: Column) -> Matches:
    """Return matches of windows that show nothing."""
    unknown = np.full((6, len(windows)), np.nan)
    none = np.zeros(len(windows))
    return Matches(
        windows.x,
        windows.y,
        unknown[0],
        unknown[1],
        unknown[2],
        unknown[3],
        unknown[4],
        none,
        unknown[5],
        share,
        np.zeros(len(windows), bool),
        windows.check,
    )


def _usable(overlay: Overlay, windows: Windows) -> tuple[Column, Mask]:
    """Return the valid share of windows, and which are valid enough and show something."""
    joint = overlay.joint
    share = _window_means(joint.astype(np.float32), overlay, windows)
    across, down = np.gradient(overlay.reference.values)[::-1]
    across, down = across * joint, down * joint
    xx, xy, yy = (
        _window_means(part, overlay, windows)
        for part in (across * across, across * down, down * down)
    )
    least = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
    least /= np.maximum(share, 1e-6)
    enough = share >= VALID
    usual = float(np.median(least[enough])) if enough.any() else 0.0
    return share, np.asarray(enough & (least > TEXTURE * usual))


def _window_means(values: Floats, overlay: Overlay, windows: Windows) -> Column:
    """Return means over the windows, by sums over everything above and to the left."""
    sums = np.zeros([size + 1 for size in values.shape])
    np.cumsum(np.cumsum(values, 0, dtype=np.float64), 1, out=sums[1:, 1:])
    top, left = windows.row - overlay.origin[1], windows.col - overlay.origin[0]
    bottom, right = top + windows.size, left + windows.size
    total = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.asarray(total / windows.size**2)


def _cut(overlay: Overlay, splines: list[Floats], windows: Windows, margin: int) -> Stacks:
    """Cut windows with a margin out of the features; beyond the patch nothing is valid."""
    top, left = windows.row - overlay.origin[1], windows.col - overlay.origin[0]
    side = windows.size + 2 * margin

    def cut(array: NDArray[Any]) -> NDArray[Any]:
        view = np.lib.stride_tricks.sliding_window_view(np.pad(array, margin), (side, side))
        return np.asarray(view[top, left])

    values = cut(overlay.reference.values), cut(overlay.moving.values)
    return Stacks(*values, cut(inner(overlay.joint)), (cut(splines[0]), cut(splines[1])), margin)


def _matched(stacks: Stacks, windows: Windows, radius: int, either_sign: bool) -> Matches:
    ahead = _Estimate.of(stacks, radius, either_sign)
    back = _Estimate.of(stacks.swapped(), radius, either_sign)
    closure = np.hypot(*(ahead.place + back.place).T)
    return Matches(
        windows.x,
        windows.y,
        ahead.place[:, 0],
        ahead.place[:, 1],
        ahead.sigma[:, 0],
        ahead.sigma[:, 1],
        ahead.score,
        _reliability(stacks, ahead),
        closure,
        stacks.valid[:, stacks.core, stacks.core].mean((1, 2)),
        ahead.at_limit,
        windows.check,
    )


@dataclass(frozen=True)
class _Estimate:
    """Displacements place[window, axis] with sigma[window, axis], px, and the shifted features."""

    place: Column
    sigma: Column
    score: Column
    at_limit: Mask
    moved: Floats
    weight: Floats

    @classmethod
    def of(cls, stacks: Stacks, radius: int, either_sign: bool) -> _Estimate:
        """Search whole shifts, then refine them."""
        whole, at_limit = _searched(stacks, radius, either_sign)
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
    sums = np.zeros((len(moving), *(length + 1 for length in moving.shape[1:])))
    np.cumsum(np.cumsum(moving * moving, 1, dtype=np.float64), 2, out=sums[:, 1:, 1:])
    low, high = slice(0, shifts), slice(side, side + shifts)
    energy = sums[:, high, high] - sums[:, low, high] - sums[:, high, low] + sums[:, low, low]
    own = np.einsum("nij,nij->n", reference, reference, dtype=np.float64)[:, None, None]
    return np.asarray(product[:, :shifts, :shifts] / np.sqrt(np.maximum(energy * own, TINY)))


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
                total = np.einsum("nij,nij->n", weighted, columns[:, other], dtype=np.float64)
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
        pull = np.einsum("ncij,nij->nc", self.columns[rows], weighted, dtype=np.float64)
        found = np.einsum("ncd,nd->nc", self.inverse[rows], pull)
        gain = np.where(np.abs(found[:, 2]) > TINY, found[:, 2], np.inf)
        step = -found[:, :2] / gain[:, None]
        length = np.hypot(*step.T)[:, None]
        return np.asarray(step / np.maximum(1.0, length))

    def judged(self, moved: Floats) -> tuple[Column, Column]:
        """Return the standard deviations [window, axis] and the correlations of moved windows."""
        value = self.columns[:, 2]
        total = np.maximum(self.weight.sum((1, 2), dtype=np.float64), TINY)
        both = self.weight * moved
        first = np.einsum("nij,nij->n", self.weight, value, dtype=np.float64) / total
        second = both.sum((1, 2), dtype=np.float64) / total
        product = np.einsum("nij,nij->n", both, value, dtype=np.float64) / total - first * second
        square = np.einsum("nij,nij->n", both, moved, dtype=np.float64) / total - second**2
        own = np.einsum("nij,nij,nij->n", self.weight, value, value, dtype=np.float64) / total
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


def _reliability(stacks: Stacks, estimate: _Estimate) -> Column:
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
