# SPDX-License-Identifier: GPL-2.0-or-later
"""Match many small windows of two features at once: displacement, its uncertainty, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deps import available, require
from ..image import Mask
from ..transform.spline import coefficients
from .estimator import EDGE, Estimate, Stacks, reliability
from .patches import Overlay
from .smoothing import PURPOSE, inner

Floats = NDArray[np.float32]
Column = NDArray[np.float64]
Whole = NDArray[np.int64]

EVERY = 4
"""Every fourth window along both axes is left for checking."""

VALID = 0.3
"""Share of a window that must be valid in both images."""

TEXTURE = 0.02
"""Share of the usual texture below which a window shows nothing to match."""

SCORE, CLOSURE = 0.3, 0.3
"""Least correlation of a match; largest distance of the way back from the way there, px."""

CLOSE = 4
"""Search radius up to which the way back is not searched anew, only refined, px."""

BATCH = 16
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
    sums = _summed(values)
    top, left = windows.row - overlay.origin[1], windows.col - overlay.origin[0]
    bottom, right = top + windows.size, left + windows.size
    total = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.asarray(total / windows.size**2)


def _summed(values: Floats) -> Column:
    """Return [row, col] the sums over everything above and to the left."""
    if available("cv2"):
        cv2 = require("cv2", PURPOSE)
        return np.asarray(cv2.integral(np.ascontiguousarray(values), sdepth=cv2.CV_64F))
    sums = np.zeros([size + 1 for size in values.shape])
    np.cumsum(np.cumsum(values, 0, dtype=np.float64), 1, out=sums[1:, 1:])
    return sums


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
    ahead = Estimate.of(stacks, radius, either_sign)
    # the way back of what fails already tells nothing
    some = (np.abs(ahead.score) >= SCORE) & ~ahead.at_limit
    closure = np.full(len(some), np.inf)
    if some.any():
        other = stacks.chosen(some).swapped()
        if radius > CLOSE:
            back = Estimate.of(other, radius, either_sign)
        else:
            back = Estimate.near(other, -ahead.place[some])
        closure[some] = np.hypot(*(ahead.place[some] + back.place).T)
    return Matches(
        windows.x,
        windows.y,
        ahead.place[:, 0],
        ahead.place[:, 1],
        ahead.sigma[:, 0],
        ahead.sigma[:, 1],
        ahead.score,
        reliability(stacks, ahead),
        closure,
        stacks.valid[:, stacks.core, stacks.core].mean((1, 2)),
        ahead.at_limit,
        windows.check,
    )
