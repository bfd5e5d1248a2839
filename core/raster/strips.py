# SPDX-License-Identifier: GPL-2.0-or-later
"""Decoded pixels that later windows need again; what is needed last is forgotten first.

Windows come row by row: of what a window has read, the next one needs what reaches beyond its
right side, the next row what reaches below it, and the rest is hardly needed again. Where rows are
longer than what can be held, the oldest strips are those that are needed first. Blocks are held in
low strips, because windows that reach into their neighbors need little of most blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from mmap import mmap

import numpy as np

from ..grid import hull
from ..image import Array
from ..windows import Window, tiling

HEIGHT = 128
"""Rows of a strip."""

MARGIN = 32
"""Pixels by which neighboring windows usually reach into each other (kernels, seams)."""

REACH = 128
"""The same for images whose windows are known to overlap (blending)."""

FAR = 1 << 40
"""So many windows ahead is what no window is known to need."""

Parts = list[tuple[Window, Array]]
"""Windows and the values[band, row, col] there."""

Key = tuple[str, int, int]
"""A file, a column and a row."""


@dataclass(frozen=True)
class Look:
    """The box of a file that a window has read, and how far from its end others reach back."""

    box: Window
    back: tuple[int, int]

    def joined(self, other: Look) -> Look:
        """Return the look of both; windows that read twice reach beyond themselves."""
        both = self.box.clipped(other.box)
        twice = min(both.width, both.height) > MARGIN
        back = (max(self.back[0], other.back[0]), max(self.back[1], other.back[1]))
        if twice and max(back) >= REACH:
            back = (2 * REACH, 2 * REACH)
        return Look(hull(self.box, other.box), back)


@dataclass
class Turn:
    """A window of a run, for which a thread reads; windows come in rows of `row` (0: not known)."""

    number: int
    row: int = 0
    open: bool = True
    looks: dict[str, Look] = field(default_factory=dict)
    used: list[Key] = field(default_factory=list)

    def look(self, path: str, look: Look) -> None:
        """Note what was read."""
        known = self.looks.get(path)
        self.looks[path] = known.joined(look) if known else look


@dataclass
class Strip:
    """A part of a decoded block, the last turn that used it, and which sides of that it touches."""

    window: Window
    values: Array
    turn: Turn
    right: bool = True
    below: bool = True

    def wait(self, now: int) -> int:
        """Return in how many windows it is needed again, as far as anybody can tell; -1: now."""
        turn = self.turn
        age = now - turn.number
        if turn.open:
            return -1
        if not turn.row:
            return max(age, 0) + (0 if self.right or self.below else FAR)
        for needed, step in ((self.right, 1), (self.below, turn.row)):
            if needed and -1 <= step - age <= turn.row:
                return max(step - age, 0)
        return FAR + age


class Strips:
    """Parts of decoded blocks of several files."""

    def __init__(self) -> None:
        self.bytes = 0
        self._held: dict[Key, Strip] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._held)

    def find(self, path: str, places: Iterable[Window]) -> Parts | None:
        """Return the strips at some places, None unless all are held."""
        found = Parts()
        for place in places:
            strip = self._held.get((path, place.col, place.row))
            if strip is None:
                return None
            found.append((place, strip.values))
        return found

    def add(self, path: str, block: Window, values: Array, turn: Turn) -> None:
        """Hold the values[band, row, col] of a block."""
        for place in strips_of(block):
            key = (path, place.col, place.row)
            if key not in self._held:
                self._held[key] = Strip(place, _apart(values[place.banded(block)]), turn)
                self.bytes += self._held[key].values.nbytes
                turn.used.append(key)

    def mark(self, path: str, places: Iterable[Window], turn: Turn) -> None:
        """Note that a turn has used the strips at some places, as far as they are held."""
        for place in places:
            key = (path, place.col, place.row)
            if key in self._held:
                self._held[key].turn = turn
                turn.used.append(key)

    def close(self, turn: Turn) -> None:
        """End a turn: tell which of the strips that it used later windows will need."""
        turn.open = False
        for key in turn.used:
            strip, look = self._held.get(key), turn.looks.get(key[0])
            if strip is not None and look is not None and strip.turn is turn:
                strip.right = strip.window.right > look.box.right - look.back[0]
                strip.below = strip.window.bottom > look.box.bottom - look.back[1]

    def shrink(self, limit: int, now: int) -> None:
        """Hold no more bytes than that."""
        if self.bytes <= limit:
            return
        for key in sorted(self._held, key=lambda one: self._held[one].wait(now), reverse=True):
            # a little less, so that they are not put in order for each block
            if self.bytes <= limit - limit // 64:
                break
            self.bytes -= self._held.pop(key).values.nbytes

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self.bytes = 0


def strips_of(block: Window, window: Window | None = None) -> list[Window]:
    """Return the places of the strips of a block, or of those that a window shows."""
    places = tiling(block, block.width, HEIGHT)
    return [one for one in places if window is None or not one.clipped(window).empty]


def _apart(values: Array) -> Array:
    """Copy values that stay to memory of their own.

    Among short-lived arrays they would keep the heap from shrinking.
    """
    copy: Array = np.frombuffer(mmap(-1, values.nbytes), values.dtype).reshape(values.shape)
    copy[...] = values
    return copy
