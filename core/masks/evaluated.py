# SPDX-License-Identifier: GPL-2.0-or-later
"""Images computed from the bands of others by an expression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..image import (
    Array,
    Details,
    Mask,
    Pixels,
    View,
    beyond,
    calculation,
    constant,
    representable,
    settle,
    uniform,
)
from ..windows import Window
from .machine import Expression, Outcome, Percentile
from .usable import usable

STRIP = 16384
"""Pixels that are computed at once."""


@dataclass(frozen=True)
class Target:
    """What is written: type, nodata value (None: that of the image), multiplier of the results.

    `decimals` is the type in which decimal numbers are calculated in the end, "" for float64.
    """

    dtype: str
    nodata: float | None
    factor: float = 1.0
    decimals: str = ""
    scale: float | None = None


@dataclass(frozen=True)
class Evaluated(View):
    """The results of an expression as bands.

    A pixel is valid where every band that the expression uses is, and where every result is a
    finite number; infinite ones count when the type is decimal and the expression speaks of them.
    """

    expression: Expression
    target: Target
    percentiles: Mapping[Percentile, float | None] = field(default_factory=dict)

    @property
    def bands(self) -> int:
        """One for each result."""
        return len(self.expression.results)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type asked for."""
        return np.dtype(self.target.dtype)

    @property
    def nodata(self) -> float | None:
        """The value asked for, None where the type cannot hold it."""
        value = self.target.nodata
        return None if representable(value, self.dtype) is None else value

    @property
    def band_names(self) -> tuple[str, ...]:
        """The text of each result."""
        return self.expression.texts

    @property
    def details(self) -> Details:
        """Nothing of the image below, except how a file says which pixels are valid."""
        sure = self.source.details.validity == "all" and self.source.dtype.kind != "f"
        alone = "all" if sure and self.expression.always_defined else "mask"
        scales = () if self.target.scale is None else (self.target.scale,) * self.bands
        return Details(scales=scales, validity=alone if self.nodata is None else "nodata")

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Compute a window."""
        found = self.source.read(window)
        used = self.expression.bands
        valid = usable(self.source, found, used) if used else found.valid
        height = max(1, STRIP // max(1, window.width))
        parts = [
            self._strip(found.values[:, rows], valid[rows], bands, rounded)
            for rows in (slice(top, top + height) for top in range(0, window.height, height))
        ]
        return _stacked(parts, window.shape)

    def _strip(
        self, values: Array, valid: Mask, bands: Sequence[int] | None, rounded: bool
    ) -> Pixels:
        """Compute a few rows, whose intermediate results stay near the processor."""
        outcomes = self.expression.evaluate(
            {band: values[band - 1] for band in self.expression.bands}, self.percentiles
        )
        good = [self._good(outcome) for outcome in outcomes]
        valid = _joint(valid, good, valid.shape)
        kept = outcomes if bands is None else [outcomes[band - 1] for band in bands]
        results = [np.broadcast_to(self._scaled(one), valid.shape) for one in kept]
        return self._settled(results, valid, rounded)

    def _good(self, outcome: Outcome) -> Mask:
        if self.dtype.kind != "f":
            return outcome.finite
        if self.expression.speaks_of_nan:
            return outcome.defined
        # what is beyond the narrowest type on the way would be written as infinite
        types = (self.dtype, np.dtype(self.target.decimals or self.dtype))
        return outcome.finite_as(min(types, key=lambda dtype: dtype.itemsize))

    def _scaled(self, outcome: Outcome) -> Array:
        values = outcome.values
        if values.dtype.kind == "f" and self.target.decimals:
            with np.errstate(over="ignore"):
                values = values.astype(self.target.decimals)
        return values if self.target.factor == 1 else values * self.target.factor

    def _settled(self, values: Sequence[Array], valid: Mask, rounded: bool) -> Pixels:
        """Bring the values to the type; those that are not valid count nowhere."""
        alone = values[0][None] if len(values) == 1 else np.stack(values)
        if alone.dtype == bool:
            alone = alone.view(np.uint8)
        if not rounded:
            return Pixels(calculation(alone), valid)
        marker = self._marker(alone)
        if marker is None and alone.dtype in (np.uint8, self.dtype):
            return Pixels(alone.astype(self.dtype, copy=False), valid)
        if uniform(valid) is not True:
            # neither cut to the type nor moved from nodata
            alone = np.where(valid, alone, alone.dtype.type(marker == 0))
        settled, moved = settle(alone, self.dtype, marker)
        clipped = beyond(alone, self.dtype)
        return Pixels(settled, valid, clipped=clipped, moved=moved)

    def _marker(self, values: Array) -> float | None:
        """The nodata value, unless no result can have it."""
        logical = values.dtype == np.uint8 and all(self.expression.logical)
        return None if logical and self.nodata not in (0, 1) else self.nodata


def _joint(valid: Mask, good: Iterable[Mask], shape: tuple[int, ...]) -> Mask:
    """Where pixels are valid and every result is good; a broadcast value where that is uniform."""
    for one in good:
        if one.ndim == 0:
            one = constant(bool(one), (shape[0], shape[1]))
        if one.all():
            continue
        valid = one if uniform(valid) is True else valid & one
    return valid


def _stacked(parts: Sequence[Pixels], shape: tuple[int, int]) -> Pixels:
    """Join rows of a window; where validity is uniform it stays so."""
    if len(parts) == 1:
        return parts[0]
    known = {uniform(part.valid) for part in parts}
    everywhere = known.pop() if len(known) == 1 else None
    return Pixels(
        np.concatenate([part.values for part in parts], 1),
        np.concatenate([part.valid for part in parts])
        if everywhere is None
        else constant(everywhere, shape),
        clipped=sum(part.clipped for part in parts),
        moved=sum(part.moved for part in parts),
    )
