# SPDX-License-Identifier: GPL-2.0-or-later
"""Which invalid regions of an image have no rim: those inside it, and the small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..image import Mask, Pixels
from ..windows import Window, tiling
from .regions import Integers, joined, packed, regions, unpacked

SPOT = 512
"""Side of the squares by which stored windows are found."""

Key = tuple[int, int]


@dataclass(frozen=True)
class Spared:
    """Pixels of spared regions: windows with their packed mask, by the squares they touch."""

    parts: Mapping[Key, tuple[tuple[Window, bytes], ...]]

    def within(self, window: Window) -> Mask:
        """Return which pixels of a window belong to spared regions."""
        found = np.zeros(window.shape, bool)
        for key in _keys(window):
            for part, stored in self.parts.get(key, ()):
                common = part.clipped(window)
                if not common.empty:
                    mask = unpacked(stored, part.shape)
                    found[common.within(window)] = mask[common.within(part)]
        return found


@dataclass(frozen=True)
class Sparing:
    """Which regions are spared: those under a size, px, and those that do not touch the frame.

    `outside`: what lies beyond the image belongs to the regions at its frame.
    """

    under: int = 0
    inner: bool = False
    outside: bool = False

    @property
    def idle(self) -> bool:
        """True when none is spared."""
        return self.under <= 1 and not self.inner

    def grown(self, areas: Integers, framed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which regions keep their rim, by size and whether they touch the frame."""
        large = areas >= self.under
        if self.outside:
            return large | framed
        return np.asarray(large & (framed | (not self.inner)))


class _Part(NamedTuple):
    """A window; the packed mask of what is invalid, the regions that reach its edge, its edges."""

    window: Window
    stored: bytes
    areas: Integers
    framed: NDArray[np.bool_]
    edges: tuple[Integers, ...]


class Finding:
    """Finds the spared regions while an image is read once (an OwnCollector of the survey).

    Regions that end inside a window are settled there; of the others only sizes and the edges of
    the windows just read are held, and masks of invalid pixels, packed to far less than a bit a
    pixel.
    """

    def __init__(self, frame: Window, sparing: Sparing, invalid: Callable[[Pixels], Mask]) -> None:
        self._frame, self._sparing, self._invalid = frame, sparing, invalid
        self._above = np.zeros(frame.width, np.int64)
        self._left = np.zeros(frame.height, np.int64)
        self._stored: list[tuple[Window, bytes, int]] = []
        self._areas: list[Integers] = []
        self._framed: list[NDArray[np.bool_]] = []
        self._pairs: list[Integers] = []
        self._count = 0

    def feed(self, index: int, window: Window, pixels: Pixels) -> _Part:
        """Return the invalid regions of a window."""
        mask = self._invalid(pixels)
        found = regions(mask)
        numbers = found.image()
        edges = (numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1])
        framed = np.zeros(found.open + 1, bool)
        for edge, meets in zip(edges, _meeting(window, self._frame)):
            framed[edge] |= meets
        stored = packed(mask) if found.count else b""
        copied = tuple(edge.astype(np.int64) for edge in edges)
        return _Part(window, stored, found.areas[: found.open], framed[1:], copied)

    def merge(self, part: _Part) -> None:
        """Add a window; those above it and to its left have been added before."""
        top, bottom, left, right = (
            np.where(edge > 0, edge + self._count, 0) for edge in part.edges
        )
        cols = slice(part.window.col, part.window.right)
        rows = slice(part.window.row, part.window.bottom)
        for here, there in ((top, self._above[cols]), (left, self._left[rows])):
            both = (here > 0) & (there > 0)
            self._pairs.append(np.unique(np.stack([here[both], there[both]]), axis=1))
        self._above[cols], self._left[rows] = bottom, right
        if part.stored:
            self._stored.append((part.window, part.stored, self._count))
        self._areas.append(part.areas)
        self._framed.append(part.framed)
        self._count += len(part.areas)

    def spared(self) -> Spared:
        """Return the spared regions of the image."""
        grown = self._grown()
        parts: dict[Key, tuple[tuple[Window, bytes], ...]] = {}
        for window, stored, start in self._stored:
            found = regions(unpacked(stored, window.shape))
            ends = np.zeros(found.count - found.open, bool)
            kept = self._sparing.grown(found.areas[found.open :], ends)
            left_alone = ~np.concatenate([grown[start : start + found.open], kept])
            if left_alone.any():
                entry = (window, packed(found.chosen(left_alone)))
                for key in _keys(window):
                    parts[key] = (*parts.get(key, ()), entry)
        return Spared(parts)

    def _grown(self) -> NDArray[np.bool_]:
        """Which of the regions that reach the edges of windows keep their rim."""
        if not self._count:
            return np.zeros(0, bool)
        a, b = np.concatenate(self._pairs, 1) - 1
        whole = joined(self._count, a, b)
        areas = np.bincount(whole, weights=np.concatenate(self._areas)).astype(np.int64)
        framed = np.bincount(whole, weights=np.concatenate(self._framed)) > 0
        return self._sparing.grown(areas, framed)[whole]


def _meeting(window: Window, frame: Window) -> tuple[bool, bool, bool, bool]:
    """Whether top, bottom, left and right of a window lie on the frame."""
    return (
        window.row == frame.row,
        window.bottom == frame.bottom,
        window.col == frame.col,
        window.right == frame.right,
    )


def _keys(window: Window) -> Iterator[Key]:
    for square in tiling(window.aligned(SPOT, SPOT), SPOT, SPOT):
        yield square.col, square.row
