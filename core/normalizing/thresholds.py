# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions that must hold in both images of a pair, and the percentiles they name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..errors import InvalidOption
from ..image import Array, Image, Mask
from ..masks.expressions import Names, parse
from ..masks.machine import Expression, Percentile
from ..masks.percentiles import searched
from ..progress import SILENT, Progress
from ..radiometry.invariant import Sample, Seen
from ..survey import survey


@dataclass(frozen=True)
class Claim:
    """An expression and the percentiles of the image it is about."""

    expression: Expression
    percentiles: dict[Percentile, float | None] = field(default_factory=dict)

    def holds(self, values: Array) -> Mask:
        """Return where it holds for values[band, …]."""
        bands = {band: values[band - 1] for band in self.expression.bands}
        (found,) = self.expression.evaluate(bands, self.percentiles)
        return np.broadcast_to(found.holds, values.shape[1:])


@dataclass(frozen=True)
class Holding:
    """Pixels for which claims hold in image and reference; without claims, all pixels."""

    claims: tuple[Claim, Claim] | None = None
    margin: int = 0
    best: str = "high"

    def describe(self, seen: Seen) -> Array:
        """Return nothing: values are enough."""
        return np.zeros((0, *seen.window.shape), np.float32)

    def fitted(self, sample: Sample) -> Holding:
        """Return the same: nothing is estimated."""
        return self

    def decide(self, x: Array, r: Array, features: Array) -> tuple[Array, Mask]:
        """Return 1 and True where both claims hold."""
        found = np.ones(x.shape[1:], bool)
        if self.claims:
            found = self.claims[0].holds(x) & self.claims[1].holds(r)
        return found.astype(np.float32), found


def claim_of(text: str, image: Image, threads: int = 0, progress: Progress = SILENT) -> Claim:
    """Return an expression as a claim about an image, which is read for its percentiles.

    Raises InvalidOption that points at the character.
    """
    expression = read_claim(text, image)
    return Claim(expression, percentiles_of(image, expression.percentiles, threads, progress))


def read_claim(text: str, image: Image) -> Expression:
    """Return an expression with one result, read for the bands of an image."""
    expression = read_expression(text, image)
    if len(expression.results) > 1:
        raise InvalidOption(
            f'Expression: {len(expression.results)} results are given, separated by ";", but '
            'one must say what is invariant. Join them by "and".'
        )
    return expression


def read_expression(text: str, image: Image) -> Expression:
    """Return an expression read for the bands of an image.

    Raises InvalidOption that points at the character.
    """
    whole, alpha = image.dtype.kind in "iu", bool(getattr(image, "alpha_band", 0))
    return parse(text, Names(image.bands, image.name, image.nodata, whole, alpha=alpha))


def percentiles_of(
    image: Image,
    wanted: Iterable[Percentile],
    threads: int = 0,
    progress: Progress = SILENT,
) -> dict[Percentile, float | None]:
    """Return percentiles of the valid pixels of bands, exactly; None where there are none."""
    search = searched(image.dtype, wanted, image)
    for part in progress.split(search.digits):
        survey([image], own=(search,), canvas=image.grid, threads=threads, progress=part)
        search.settle()
    return search.values()
