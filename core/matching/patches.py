# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of two images that are matched: raw values, and their features on one lattice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..image import Mask
from ..transform.models import Linear
from ..transform.spline import PIECE, Continuous
from .edges import SIGMA, Feature, band_values, edge_strength, locally_normalized

Floats = NDArray[np.float32]
Positions = NDArray[np.float64]
Mapping = Callable[[Positions, Positions], tuple[Positions, Positions]]
"""From positions (x, y) on the lattice to array positions of the moving image, as stored."""

ENOUGH = 0.5
"""Share of a coarser pixel that must be valid."""


class Seeing(NamedTuple):
    """How features are made: of edges or of band values, after a Gaussian of sigma px."""

    edges: bool = True
    sigma: float = SIGMA

    def feature(self, values: Floats, valid: Mask) -> Feature:
        """Return the feature of values[row, col]."""
        make = edge_strength if self.edges else band_values
        return make(values, valid, sigma=self.sigma)


@dataclass(frozen=True)
class Patch:
    """A rectangle of the lattice: reference values on it, and the moving pixels that show it.

    `origin`: column and row of the first pixel on the lattice. `mapping` takes lattice positions
    to positions in `moving` by the stored georeferencing; a model is applied before it. `surface`:
    the moving pixels between their centers.
    """

    reference: Floats
    valid: Mask
    moving: Floats
    moving_valid: Mask
    surface: Continuous
    mapping: Mapping
    origin: tuple[int, int] = (0, 0)

    def part(self, col: int, row: int, size: int) -> Patch:
        """Return the square of the patch that begins at its own column and row."""
        square = slice(row, row + size), slice(col, col + size)
        return replace(
            self,
            reference=self.reference[square],
            valid=self.valid[square],
            origin=(self.origin[0] + col, self.origin[1] + row),
        )

    def correlation(self, model: Linear) -> float:
        """Return the correlation of raw values under a model, 0 where nothing varies."""
        values, valid = self.warped(model)
        both = valid & self.valid
        if not both.any():
            return 0.0
        f, g = (part[both] - part[both].mean(dtype=np.float64) for part in (self.reference, values))
        size = math.sqrt(float((f * f).sum()) * float((g * g).sum()))
        return float((f * g).sum()) / size if size > 0 else 0.0

    def warped(self, model: Linear) -> tuple[Floats, Mask]:
        """Return the moving values where a model says the lattice's pixels are, and validity."""
        rows, cols = self.reference.shape
        values, valid = np.empty((rows, cols), np.float32), np.empty((rows, cols), bool)
        x = (np.arange(cols, dtype=np.float64) + self.origin[0])[None]
        y = (np.arange(rows, dtype=np.float64) + self.origin[1])[:, None]
        step = max(1, PIECE // cols)
        for row in range(0, rows, step):
            part = slice(row, row + step)
            at = np.broadcast_arrays(*self.mapping(*model.at(x, y[part])))
            values[part], valid[part] = self.surface.at(*at)
        return values, valid


@dataclass(frozen=True)
class Overlay:
    """Features of both images on the pixels of a patch, with a model applied to the moving one.

    Values are 0 where not valid. `origin` as in Patch.
    """

    reference: Feature
    moving: Feature
    origin: tuple[int, int] = (0, 0)

    @property
    def joint(self) -> Mask:
        """Where both are valid."""
        return self.reference.valid & self.moving.valid

    def normalized(self, *, together: bool = True) -> Overlay:
        """Return both with local mean 0 and deviation 1.

        `together`: from pixels that are valid in both, otherwise each from its own.
        """
        ends = [self.reference, self.moving]
        if together:
            joint = self.joint
            ends = [one._replace(valid=joint) for one in ends]
        ends = [one._replace(values=locally_normalized(one, self.origin)) for one in ends]
        return replace(self, reference=ends[0], moving=ends[1])


def patch_of(
    reference: Floats,
    valid: Mask,
    moving: Floats,
    moving_valid: Mask,
    mapping: Mapping,
    origin: tuple[int, int] = (0, 0),
) -> Patch:
    """Return a patch of values[row, col] and their validity."""
    reference, moving = np.asarray(reference, np.float32), np.asarray(moving, np.float32)
    surface = Continuous.of(moving, moving_valid)
    return Patch(reference, valid, moving, moving_valid, surface, mapping, origin)


def overlaid(
    patch: Patch, model: Linear, seeing: Seeing, feature: Feature | None = None
) -> Overlay:
    """Return the features of a patch under a model; `feature` is the reference's if known."""
    mine = seeing.feature(patch.reference, patch.valid) if feature is None else feature
    return Overlay(mine, seeing.feature(*patch.warped(model)), patch.origin)


class Coarser(NamedTuple):
    """A mapping between images that are both coarser by a whole factor."""

    mapping: Mapping
    factor: int

    def at(self, x: Positions, y: Positions) -> tuple[Positions, Positions]:
        """Return the positions in the coarser moving image."""
        half = (self.factor - 1) / 2
        found = self.mapping(x * self.factor + half, y * self.factor + half)
        return (found[0] - half) / self.factor, (found[1] - half) / self.factor


def coarser(values: Floats, valid: Mask, factor: int) -> tuple[Floats, Mask]:
    """Return means over factor x factor px of the valid ones, and where half of them are.

    Rows and columns that do not fill a coarser pixel are left out.
    """
    if factor == 1:
        return values, valid
    rows, cols = (size // factor for size in values.shape)
    if valid.all():
        return _sums(values, rows, cols, factor) / np.float32(factor**2), np.ones(
            (rows, cols), bool
        )
    known = np.where(valid, values, np.float32(0))
    count = _sums(valid.astype(np.float32), rows, cols, factor)
    means = _sums(known, rows, cols, factor) / np.maximum(count, 1)
    kept = count >= ENOUGH * factor**2
    return np.where(kept, means, np.float32(0)), kept


def _sums(values: Floats, rows: int, cols: int, factor: int) -> Floats:
    blocks = values[: rows * factor, : cols * factor].reshape(rows, factor, cols, factor)
    return np.asarray(blocks.sum(3).sum(1), np.float32)


def finer(model: Linear, factor: int) -> Linear:
    """Return a model of a coarser lattice on the lattice with `factor` px for one of its px."""
    half = (factor - 1) / 2
    return replace(
        model,
        shift=(model.shift[0] * factor, model.shift[1] * factor),
        center=(model.center[0] * factor + half, model.center[1] * factor + half),
    )
