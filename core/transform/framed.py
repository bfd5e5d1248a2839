# SPDX-License-Identifier: GPL-2.0-or-later
"""An image on more or fewer of the pixels that it shares with a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..grid import Grid
from ..image import Details, Pixels, View, read_padded
from ..windows import Window


@dataclass(frozen=True)
class Framed(View):
    """The image below on a grid with the same pixels; beyond the image, none is valid."""

    target: Grid

    @property
    def grid(self) -> Grid:
        """The other grid."""
        return self.target

    @property
    def _place(self) -> Window:
        return self.source.grid.placed(self.target)

    @property
    def details(self) -> Details:
        """Those of the image below; where it does not reach, pixels are not valid."""
        below = self.source.details
        whole = self.source.grid.window.contains(self._place)
        return below if whole or below.validity != "all" else replace(below, validity="mask")

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below."""
        place = self._place
        return read_padded(self.source, window.shifted(place.col, place.row), bands, rounded)
