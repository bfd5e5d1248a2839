# SPDX-License-Identifier: GPL-2.0-or-later
"""What all views that correct values have in common: type, validity, rounding and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..image import Array, Pixels, View, beyond, calculation_type, settle
from ..windows import Window


@dataclass(frozen=True)
class Corrected(View):
    """An image with corrected values; which pixels are valid does not change.

    A subclass says what its `dtype` is and computes a band in `calculated`. Rounded values stay
    within the type and never become nodata; where nothing changes (`identity`) the source's pixels
    come out bit for bit.
    """

    @property
    def identity(self) -> bool:
        """True when nothing changes."""
        return False

    def calculated(self, values: Array, band: int, window: Window, kind: np.dtype[Any]) -> Array:
        """Return a band's (0-based) corrected values of a window, in a new array of a type."""
        raise NotImplementedError

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read a window of the source and correct it."""
        if self.identity and self.dtype == self.source.dtype:
            return self.source.read(window, bands, rounded)
        # a file's pixels turn into decimal numbers band by band: that needs a quarter of the room
        found = self.source.read(window, bands, rounded=not isinstance(self.source, View))
        kind = calculation_type(self.source.dtype)
        used = range(self.bands) if bands is None else [band - 1 for band in bands]
        invalid = None if found.all_valid else ~found.valid
        out = np.empty(found.values.shape, self.dtype if rounded else kind)
        clipped = moved = 0
        for index, band in enumerate(used):
            # what is not valid may be anything, for example the lowest float
            with np.errstate(over="ignore", invalid="ignore"):
                values = self.calculated(found.values[index], band, window, kind)
            if invalid is not None:
                np.copyto(values, 2.0 if self.nodata == 1 else 1.0, where=invalid)
            clipped += beyond(values, out.dtype)
            out[index], hits = settle(values, out.dtype, self.nodata if rounded else None)
            moved += hits
            if invalid is not None:
                np.copyto(out[index], _kept(found.values[index], out.dtype), where=invalid)
        return replace(found, values=out, clipped=clipped, moved=moved)


def _kept(values: Array, dtype: np.dtype[Any]) -> Array:
    """What stands where pixels are not valid: the input, unless the type cannot hold it."""
    if np.can_cast(values.dtype, dtype, "same_kind") and values.dtype.itemsize <= dtype.itemsize:
        return values.astype(dtype, copy=False)
    return np.zeros_like(values, dtype)
