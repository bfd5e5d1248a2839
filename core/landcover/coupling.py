# SPDX-License-Identifier: GPL-2.0-or-later
"""A stack and its masks from one reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Pixels, View, calculation, constant
from ..windows import SWATH, Window
from .series import MASK
from .stacking import Stacked


@dataclass(frozen=True)
class Masked(Pixels):
    """Pixels of a series, and its masks[date, row, col]."""

    flags: Array | None = None


@dataclass(frozen=True)
class Coupled(View):
    """A stack in which the mask of each date follows its bands."""

    source: Stacked

    @property
    def group(self) -> int:
        """Bands of a date, its mask included."""
        return len(self.source.titles) + 1

    @property
    def bands(self) -> int:
        """Those of all dates."""
        return self.group * len(self.source.acquired)

    @property
    def dtype(self) -> np.dtype[Any]:
        """A type that holds both."""
        return np.result_type(self.source.dtype, np.uint8)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands of a series, and mask_<date>."""
        names = iter(self.source.band_names)
        dates = (one.date for one in self.source.acquired)
        return tuple(
            name
            for date in dates
            for name in (*(next(names) for _ in self.source.titles), f"{MASK}_{date}")
        )

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the images and masks of the dates that are asked for."""
        wanted = np.array(range(1, self.bands + 1) if bands is None else bands) - 1
        needed = np.unique(wanted // self.group)
        values = np.empty((len(needed), self.group, *window.shape), self.dtype)
        out = np.empty((self.group - 1, *window.shape), self.source.dtype)
        seen = np.zeros(window.shape, bool)
        for place, date in enumerate(needed.tolist()):
            here, values[place, -1] = self.source.dated(date, window, out)
            values[place, :-1] = out
            seen |= here
        found = values.reshape(-1, *window.shape)
        if bands is not None:
            rows = np.searchsorted(needed, wanted // self.group)
            found = found[rows * self.group + wanted % self.group]
        return Pixels(found, constant(True, window.shape) if seen.all() else seen)


@dataclass(frozen=True)
class Uncoupled(View):
    """The series of what is (or is like) a coupled stack; its pixels come with their masks."""

    stacked: Stacked

    @property
    def bands(self) -> int:
        """Those of the stack."""
        return self.stacked.bands

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the stack."""
        return self.stacked.dtype

    @property
    def band_names(self) -> tuple[str, ...]:
        """Those of the stack."""
        return self.stacked.band_names

    @property
    def swath(self) -> int:
        """As wide as what lies below wants it."""
        return int(getattr(self.source, "swath", SWATH))

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read both and part them."""
        found = self.source.read(window)
        count = len(self.stacked.acquired)
        parted = found.values.reshape(count, -1, *window.shape)
        values = parted[:, :-1].reshape(-1, *window.shape).astype(self.dtype, copy=False)
        values = values if bands is None else values[np.array(bands) - 1]
        flags = parted[:, -1].astype(np.uint8)
        return Masked(values if rounded else calculation(values), found.valid, flags=flags)


def masks_of(pixels: Masked) -> Pixels:
    """Return the masks that came with pixels."""
    flags = np.empty((0, 0, 0), np.uint8) if pixels.flags is None else pixels.flags
    return Pixels(flags, constant(True, (flags.shape[1], flags.shape[2])))
