# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of two images that are matched: raw values, and their features on one lattice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

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

CORNERS = np.array([0.0, 0.5, 1.0])
FLAT = 1e-8
"""Px by which positions may leave a plane that stands for them."""

ENOUGH = 0.5
"""Share of a coarser pixel that must be valid."""


class Positioned(Protocol):
    """What says where the moving image shows positions of the reference."""

    def at(self, x: Positions, y: Positions) -> tuple[Positions, Positions]:
        """Return the moving positions of reference positions."""


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
    the moving pixels between their centers. `known`: where features of the reference are kept.
    """

    reference: Floats
    valid: Mask
    moving: Floats
    moving_valid: Mask
    surface: Continuous
    mapping: Mapping
    origin: tuple[int, int] = (0, 0)
    known: dict[Seeing, Feature] | None = field(default=None, compare=False, repr=False)

    def feature(self, seeing: Seeing) -> Feature:
        """Return the reference's feature; made once where what is `known` is kept."""
        if self.known is None:
            return seeing.feature(self.reference, self.valid)
        if seeing not in self.known:
            self.known[seeing] = seeing.feature(self.reference, self.valid)
        return self.known[seeing]

    def part(self, col: int, row: int, size: int) -> Patch:
        """Return the square of the patch that begins at its own column and row."""
        square = slice(row, row + size), slice(col, col + size)
        return replace(
            self,
            reference=self.reference[square],
            valid=self.valid[square],
            known=None,
            origin=(self.origin[0] + col, self.origin[1] + row),
        )

    def correlation(self, model: Positioned) -> float:
        """Return the correlation of raw values under a model, 0 where nothing varies."""
        values, valid = self.warped(model)
        both = valid & self.valid
        if not both.any():
            return 0.0
        f, g = (part[both] - part[both].mean(dtype=np.float64) for part in (self.reference, values))
        size = math.sqrt(float((f * f).sum()) * float((g * g).sum()))
        return float((f * g).sum()) / size if size > 0 else 0.0

    def warped(self, model: Positioned) -> tuple[Floats, Mask]:
        """Return the moving values where a model says the lattice's pixels are, and validity."""
        rows, cols = self.reference.shape
        values, valid = np.empty((rows, cols), np.float32), np.empty((rows, cols), bool)
        place = self._place(model)
        x = (np.arange(cols, dtype=np.float64) + self.origin[0])[None]
        y = (np.arange(rows, dtype=np.float64) + self.origin[1])[:, None]
        step = max(1, PIECE // cols)
        for row in range(0, rows, step):
            part = slice(row, row + step)
            at = np.broadcast_arrays(*place(x, y[part]), values[part])[:2]
            values[part], valid[part] = self.surface.at(*at)
        return values, valid

    def _place(self, model: Positioned) -> Mapping:
        """Return where a model's positions lie in the moving image."""

        def place(x: Positions, y: Positions) -> tuple[Positions, Positions]:
            return self.mapping(*model.at(x, y))

        if isinstance(model, Linear):
            plane = _Plane.of(place, self.origin, self.reference.shape)
            if plane is not None:
                return plane.at
        return place


class _Plane(NamedTuple):
    """Positions that grow evenly: start, and steps along columns and rows, for both axes."""

    start: tuple[float, float]
    along: tuple[float, float]
    down: tuple[float, float]

    @classmethod
    def of(cls, place: Mapping, origin: tuple[int, int], shape: tuple[int, ...]) -> _Plane | None:
        """Return the plane of a mapping over an array that begins at `origin`; None if bent."""
        far = [max(1, size - 1) for size in shape[::-1]]
        x, y = (first + length * CORNERS for first, length in zip(origin, far))
        seen = np.array(place(*np.meshgrid(x, y)))
        steps = (seen[:, 0, 2] - seen[:, 0, 0]) / far[0], (seen[:, 2, 0] - seen[:, 0, 0]) / far[1]
        along, down = (np.where(np.abs(one) * max(far) < FLAT, 0.0, one) for one in steps)
        start = seen[:, 0, 0] - along * origin[0] - down * origin[1]
        found = cls(*((float(one[0]), float(one[1])) for one in (start, along, down)))
        bent = np.abs(np.array(found.at(*np.meshgrid(x, y))) - seen).max()
        return found if bent < FLAT else None

    def at(self, x: Positions, y: Positions) -> tuple[Positions, Positions]:
        """Return the positions; those that one axis tells keep its shape."""
        ends = []
        for start, along, down in zip(*self):
            if along and down:
                ends.append((along * x + start) + down * y)
            else:
                ends.append(down * y + start if down else along * x + start)
        return ends[0], ends[1]


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
    patch: Patch, model: Positioned, seeing: Seeing, feature: Feature | None = None
) -> Overlay:
    """Return the features of a patch under a model; `feature` is the reference's if known."""
    mine = patch.feature(seeing) if feature is None else feature
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
