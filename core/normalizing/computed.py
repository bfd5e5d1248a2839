# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of one band that are computed from others and declare nothing of theirs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Details, View


@dataclass(frozen=True)
class Computed(View):
    """One band of decimal numbers on the pixels of the image below, NaN where not valid."""

    @property
    def bands(self) -> int:
        """One band."""
        return 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Decimal numbers."""
        return np.dtype(np.float32)

    @property
    def nodata(self) -> float | None:
        """NaN."""
        return math.nan

    @property
    def details(self) -> Details:
        """Nothing but the nodata value."""
        return Details()
