# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact percentiles of an image's bands, found digit by digit in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ..image import Array, Image, Pixels, uniform
from ..windows import Window
from .machine import Percentile
from .usable import usable

DIGIT = 16
"""Bits that one pass over the image decides."""

Counted = dict[tuple[int, int], Array]
"""Histograms of a digit by band and by the digits before it."""


@dataclass
class PercentileSearch:
    """Finds the smallest valid value with at least p % of the valid ones up to it (a collector).

    The image is read once for each `digits` of its type (2 bytes each), and `settle` is called
    after each time. Numbers are compared as whole ones in the same order, so all types are exact.
    """

    dtype: np.dtype[Any]
    wanted: tuple[Percentile, ...]
    image: Image | None = None
    done: int = 0
    _counts: Counted = field(default_factory=dict)
    _found: dict[Percentile, tuple[int, int] | None] = field(default_factory=dict)

    @property
    def digits(self) -> int:
        """How often the image must be read."""
        return max(1, self._bits // DIGIT) if self.wanted else 0

    @property
    def _bits(self) -> int:
        return max(DIGIT, self.dtype.itemsize * 8)

    @property
    def _shift(self) -> int:
        return self._bits - DIGIT * (self.done + 1)

    def feed(self, index: int, window: Window, pixels: Pixels) -> Counted:
        """Return the histograms of a window's valid values."""
        prefixes: dict[int, set[int]] = {}
        for percentile in self.wanted:
            known = self._found.get(percentile, (0, 0))
            if known is not None:
                prefixes.setdefault(percentile[1], set()).add(known[0])
        counted = {}
        for band, begun in prefixes.items():
            values = pixels.values[band - 1]
            valid = usable(self.image, pixels, (band,)) if self.image else pixels.valid
            if uniform(valid) is not True:
                values = values[valid]
            keys = _keys(values.ravel(), self._bits)
            digits = (keys >> np.uint64(self._shift)) & np.uint64(2**DIGIT - 1)
            before = keys >> np.uint64(self._shift + DIGIT) if self.done else None
            for prefix in begun:
                mine = digits if before is None else digits[before == np.uint64(prefix)]
                counted[band, prefix] = np.bincount(mine.astype(np.int64), minlength=2**DIGIT)
        return counted

    def merge(self, partial: Counted) -> None:
        """Add the histograms of a window."""
        for key, counts in partial.items():
            self._counts[key] = self._counts[key] + counts if key in self._counts else counts

    def settle(self) -> None:
        """Decide one digit of each percentile after a whole pass."""
        for percentile in self.wanted:
            known = self._found.get(percentile, (0, 0))
            if known is None:
                continue
            prefix, rank = known
            counts = self._counts[percentile[1], prefix]
            if self.done == 0:
                rank = _rank(percentile[0], int(counts.sum()))
            if rank == 0:
                self._found[percentile] = None
                continue
            reached = np.cumsum(counts)
            digit = int(np.searchsorted(reached, rank))
            below = int(reached[digit] - counts[digit])
            self._found[percentile] = ((prefix << DIGIT) | digit, rank - below)
        self._counts = {}
        self.done += 1

    def values(self) -> dict[Percentile, float | None]:
        """Return the percentiles; None for a band without valid pixels."""
        return {
            percentile: None if found is None else _number(found[0], self.dtype)
            for percentile, found in self._found.items()
        }


def searched(
    dtype: np.dtype[Any], wanted: Iterable[Percentile], image: Image | None = None
) -> PercentileSearch:
    """Return a search for percentiles of an image of this type.

    With the image itself, a NaN counts only in the band that has it.
    """
    return PercentileSearch(dtype, tuple(dict.fromkeys(wanted)), image)


def _rank(percent: float, count: int) -> int:
    """Return which of the values in order is the percentile, from 1; 0 when there is none."""
    return min(count, max(1, math.ceil(Fraction(repr(float(percent))) * count / 100)))


def _keys(values: Array, bits: int) -> Array:
    """Whole numbers from 0 on in the order of the values."""
    if values.dtype.kind == "f":
        # + 0: minus zero is zero
        raw = (values + values.dtype.type(0)).view(f"u{values.dtype.itemsize}")
        raw = raw.astype(np.uint64)
        sign = np.uint64(1 << (bits - 1))
        every = np.uint64((1 << bits) - 1)
        return np.where(raw & sign, raw ^ every, raw | sign)
    if values.dtype.kind == "i":
        return values.astype(np.int64).astype(np.uint64) + np.uint64(1 << (bits - 1)) & np.uint64(
            (1 << bits) - 1
        )
    return values.astype(np.uint64)


def _number(key: int, dtype: np.dtype[Any]) -> float:
    """The value of a key, whole numbers as int."""
    bits = max(DIGIT, dtype.itemsize * 8)
    sign = 1 << (bits - 1)
    if dtype.kind == "f":
        raw = key ^ sign if key & sign else key ^ ((1 << bits) - 1)
        return float(np.array(raw, f"u{dtype.itemsize}").view(dtype))
    return key - sign if dtype.kind == "i" else key
