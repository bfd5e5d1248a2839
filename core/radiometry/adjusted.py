# SPDX-License-Identifier: GPL-2.0-or-later
"""An image with a gain and an offset per band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..image import Array, Pixels, View, beyond, calculation_type, settle
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
        # a file's pixels turn into decimal numbers band by band: that needs a quarter of the room
        found = self.source.read(window, bands, rounded=not isinstance(self.source, View))
        calculated = calculation_type(self.source.dtype)
        used = range(self.bands) if bands is None else [band - 1 for band in bands]
        invalid = None if found.all_valid else ~found.valid
        out = np.empty(found.values.shape, self.dtype if rounded else calculated)
        clipped = moved = 0
        for index, band in enumerate(used):
            values = self._corrected(found.values[index], band, calculated)
            if invalid is not None:
                np.copyto(values, 2.0 if self.nodata == 1 else 1.0, where=invalid)
            clipped += beyond(values, out.dtype)
            out[index], hits = settle(values, out.dtype, self.nodata if rounded else None)
            moved += hits
            if invalid is not None:
                np.copyto(out[index], self._kept(found.values[index], out.dtype), where=invalid)
        return replace(found, values=out, clipped=clipped, moved=moved)

    def _corrected(self, values: Array, band: int, kind: np.dtype[Any]) -> Array:
        # what is not valid may be anything, for example the lowest float
        with np.errstate(over="ignore", invalid="ignore"):
            out = np.multiply(values, kind.type(self.gains[band]), dtype=kind)
            np.add(out, kind.type(self.offsets[band]), out=out)
        return out

    def _kept(self, values: Array, dtype: np.dtype[Any]) -> Array:
        """What stands where pixels are not valid: the input, unless the type cannot hold it."""
        if (
            np.can_cast(values.dtype, dtype, "same_kind")
            and values.dtype.itemsize <= dtype.itemsize
        ):
            return values.astype(dtype, copy=False)
        return np.zeros_like(values, dtype)
