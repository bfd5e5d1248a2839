# SPDX-License-Identifier: GPL-2.0-or-later
"""An image with a gain and an offset per band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Pixels, View, settled
from ..windows import Window


@dataclass(frozen=True)
class Adjusted(View):
    """y = gain · x + offset, one of each per band; which pixels are valid does not change.

    `output_type` is the type of the rounded values, "same" for that of the source. Rounded values
    stay within the type and never become nodata; with gain 1 and offset 0 everywhere the source's
    pixels come out bit for bit.
    """

    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    output_type: str = "same"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rounded values."""
        return self.source.dtype if self.output_type == "same" else np.dtype(self.output_type)

    @property
    def identity(self) -> bool:
        """True when nothing changes."""
        unchanged = all(g == 1.0 for g in self.gains) and all(o == 0.0 for o in self.offsets)
        return unchanged and self.dtype == self.source.dtype

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read a window of the source and correct it."""
        if self.identity:
            return self.source.read(window, bands, rounded)
        found = self.source.read(window, bands, rounded=False)
        used = range(self.bands) if bands is None else [band - 1 for band in bands]
        invalid = None if found.all_valid else ~found.valid
        dtype = self.dtype if rounded else found.values.dtype
        out = np.empty(found.values.shape, dtype)
        room = np.empty(window.shape, found.values.dtype)
        for index, band in enumerate(used):
            self._correct(found.values[index], band, room)
            if invalid is not None:
                np.copyto(room, self._kept(found.values[index], dtype), where=invalid)
            out[index] = settled(room[None], dtype, self.nodata)[0] if rounded else room
        return found.with_values(out)

    def _correct(self, values: Array, band: int, out: Array) -> None:
        # what is not valid may be anything, for example the lowest float
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(values, values.dtype.type(self.gains[band]), out=out)
            np.add(out, values.dtype.type(self.offsets[band]), out=out)

    def _kept(self, values: Array, dtype: np.dtype[Any]) -> Array:
        """What stands where pixels are not valid: the input, unless the type cannot hold it."""
        if dtype.kind != "f" and self.source.dtype.kind == "f":
            return np.zeros_like(values)
        return values
