# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of which fewer pixels are valid: outside a mask, or with values that mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..image import Details, Image, Mask, Pixels, View, read_padded
from ..windows import Window

KEEPING: dict[str, Callable[[Pixels], Mask]] = {
    "nonzero": lambda found: found.valid & (found.values[0] != 0),
    "valid": lambda found: found.valid,
    "invalid": lambda found: ~found.valid,
    "zero": lambda found: ~found.valid | (found.values[0] == 0),
}
"""Which pixels a mask keeps: valid ones other than 0, all valid ones, invalid ones, all but the
first."""


@dataclass(frozen=True)
class Narrowed(View):
    """The image below with fewer valid pixels."""

    @property
    def details(self) -> Details:
        """Those of the image below, except that some pixels are not valid."""
        declared = self.source.details
        return declared if declared.validity != "all" else replace(declared, validity="mask")

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below and drop pixels."""
        found = self.source.read(window, bands, rounded)
        return replace(found, valid=found.valid & self.kept(found, window))

    def kept(self, found: Pixels, window: Window) -> Mask:
        """Return which pixels of a window stay valid if they are."""
        return found.valid


@dataclass(frozen=True)
class Restricted(Narrowed):
    """The image below, valid only where a mask on the same grid keeps it as well.

    `keep` is one of KEEPING. A mask adds to nodata, it never replaces it. `reason` names it in
    messages.
    """

    mask: Image
    keep: str = "nonzero"
    reason: str = "the mask"

    def kept(self, found: Pixels, window: Window) -> Mask:
        """Return what the mask keeps."""
        return KEEPING[self.keep](read_padded(self.mask, window, (1,)))


@dataclass(frozen=True)
class WithoutValues(Narrowed):
    """The image below without pixels that have one of some values in every band read."""

    without: tuple[float, ...]
    reason: str = "values without meaning"

    def kept(self, found: Pixels, window: Window) -> Mask:
        """Return where not all bands have a value to leave out."""
        hit = np.zeros(window.shape, bool)
        for value in self.without:
            hit |= (found.values == value).all(0)
        return ~hit


@dataclass(frozen=True)
class OneBand(View):
    """One band of the image below; validity is that of the image."""

    band: int = 1

    @property
    def bands(self) -> int:
        """One band."""
        return 1

    @property
    def band_names(self) -> tuple[str, ...]:
        """The name of the band."""
        return self.source.band_names[self.band - 1 : self.band]

    @property
    def details(self) -> Details:
        """The color, scale and offset of the band."""
        whole, one = self.source.details, slice(self.band - 1, self.band)
        return replace(
            whole,
            colors=whole.colors[one],
            scales=whole.scales[one],
            offsets=whole.offsets[one],
            band_metadata=whole.band_metadata[one],
        )

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the band."""
        return self.source.read(window, (self.band,), rounded)
