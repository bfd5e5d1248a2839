# SPDX-License-Identifier: GPL-2.0-or-later
"""An image with a gain and an offset per band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array
from ..windows import Window
from .corrected import Corrected


@dataclass(frozen=True)
class Adjusted(Corrected):
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

    def calculated(self, values: Array, band: int, window: Window, kind: np.dtype[Any]) -> Array:
        """Return a band's values times its gain, plus its offset."""
        out = np.multiply(values, kind.type(self.gains[band]), dtype=kind)
        np.add(out, kind.type(self.offsets[band]), out=out)
        return out
