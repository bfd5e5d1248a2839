# SPDX-License-Identifier: GPL-2.0-or-later
"""What two images on one lattice say about the motion that is left between them, pixel by pixel.

Both are reduced to texture; the moving one gets the reference's contrast (and sign) of its
neighborhood. What then differs is explained by motion along the mean gradient, and counts the more
the less differs around it that motion cannot explain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..image import Mask
from .bandpass import ROUNDING
from .edges import edge_strength
from .patches import Coarser, Patch, coarser, patch_of
from .smoothing import (
    PHASE,
    box_mean,
    enlarged,
    gaussian_mean,
    gradient,
    inner,
    reduced,
    reduced_weight,
    weight_of,
)

Floats = NDArray[np.float32]
Column = NDArray[np.float64]

INNER, OUTER = 0.7, 3.0
"""Sigma of the Gaussian that keeps texture, and of the mean that is taken away, px."""

LOCAL = 16.0
"""Sigma of the neighborhood whose contrast and noise are compared, px."""

NEAR = 8.0
"""Sigma of the neighborhood whose gradients are compared, px."""

SMALL = 1e-12
"""Share of the largest energy of texture that is nothing."""

FLOOR = 1e-3
"""Share of the texture that always counts as noise."""

LEAST = 0.2
"""Correlation of a neighborhood below which it says nothing."""

COMMON = 0.1
"""Least share of the gradients that both images are thought to have in common."""

CORRELATED = 8.0
"""Pixels whose noise is one after smoothing: so many fewer count."""

CUT = 4.685
"""Differences beyond this many deviations have no weight."""


class Positioned(Protocol):
    """A model: where the moving image shows positions of the lattice."""

    def at(self, x: Column, y: Column) -> tuple[Column, Column]:
        """Return the moving positions of reference positions."""


class Texture(NamedTuple):
    """Texture[row, col], 0 where not valid, and where it is."""

    values: Floats
    valid: Mask


class Products(NamedTuple):
    """Sums over blocks of PHASE px of a patch: weighted products of both slopes and the rest.

    `sums` [row, col]: xx, xy, yy, xt, yt, slopes per px of the lattice; `trust`: how alike the
    images are there, 0 to 1.
    """

    sums: tuple[Column, ...]
    trust: Column

    def within(self, share: Column) -> Products:
        """Return a share [row, col] of the evidence of each block."""
        return self._replace(sums=tuple(part * share for part in self.sums))


def block_centers(shape: tuple[int, ...], first: tuple[int, int]) -> tuple[Column, Column]:
    """Return the columns and rows of the blocks' centers on the lattice of a patch."""
    rows, cols = (np.arange(-(-size // PHASE)) * PHASE + (PHASE - 1) / 2 for size in shape)
    return cols + first[0], rows + first[1]


def texture_of(values: Floats, valid: Mask, *, edges: bool) -> Texture:
    """Return the texture of raw values, or that of their edges."""
    if edges:
        feature = edge_strength(values, valid, sigma=INNER)
        smooth, valid = feature.values, feature.valid
        weight = weight_of(valid)
    else:
        weight = weight_of(valid)
        known = values if weight is None else np.where(valid, values, np.float32(0))
        smooth = gaussian_mean(known, weight, INNER)
    if weight is not None:
        smooth = smooth * weight
    outer = box_mean(smooth, weight, OUTER)
    found = smooth - outer
    found *= np.abs(found) > ROUNDING * np.abs(outer)
    return Texture(found if weight is None else found * weight, valid)


@dataclass(frozen=True)
class Level:
    """A patch whose pixels are coarser by a factor; what is known of its reference."""

    patch: Patch
    factor: int
    first: tuple[int, int]
    texture: Texture
    edges: bool
    blocks: tuple[int, int]

    @classmethod
    def of(cls, patch: Patch, factor: int, *, edges: bool) -> Level:
        """Reduce a patch by 1, 2 or 4."""
        level = patch
        if factor > 1:
            reference = coarser(patch.reference, patch.valid, factor)
            moving = coarser(patch.moving, patch.moving_valid, factor)
            level = patch_of(*reference, *moving, Coarser(patch.mapping, factor).at)
        texture = texture_of(level.reference, level.valid, edges=edges)
        rows, cols = (-(-size // PHASE) for size in patch.reference.shape)
        return cls(level, factor, patch.origin, texture, edges, (rows, cols))

    def products(self, model: Positioned) -> Products:
        """Return the evidence for a motion beyond a model."""
        through = model if self.factor == 1 else _Through(model, self.factor, self.first)
        values, valid = self.patch.warped(through)
        joint = valid & self.patch.valid
        reference = self.texture
        if not np.array_equal(joint, self.patch.valid):
            reference = texture_of(self.patch.reference, joint, edges=self.edges)
        compared = _Compared.of(reference, texture_of(values, joint, edges=self.edges))
        block = PHASE // self.factor

        def summed(part: Floats) -> Column:
            found = np.zeros(self.blocks)
            some = _summed(part, block)
            found[: some.shape[0], : some.shape[1]] = some
            return found

        trust = summed(enlarged(compared.trust, values.shape)) / block**2
        return Products(compared.products(self.factor, summed), trust)


@dataclass(frozen=True)
class _Through:
    """A model on a lattice that begins at `first` and whose pixels are coarser by a factor."""

    model: Positioned
    factor: int
    first: tuple[int, int]

    def at(self, x: Column, y: Column) -> tuple[Column, Column]:
        half = (self.factor - 1) / 2
        left, top = (self.factor * at + half + first for at, first in zip((x, y), self.first))
        found = self.model.at(left, top)
        return (found[0] - half) / self.factor, (found[1] - half) / self.factor


@dataclass(frozen=True)
class _Compared:
    """Two textures of equal contrast where both are valid; noise and trust[row, col] of blocks."""

    f: Floats
    g: Floats
    joint: Mask
    share: Floats | None
    noise: Floats
    trust: Floats

    @classmethod
    def of(cls, reference: Texture, moving: Texture) -> _Compared:
        joint = reference.valid & moving.valid
        weight = weight_of(joint)
        f, g = (
            one.values if weight is None else one.values * weight for one in (reference, moving)
        )
        share = reduced_weight(weight, f.shape)

        def mean(part: Floats) -> Floats:
            return box_mean(reduced(part), share, LOCAL / PHASE)

        ff, gg, fg = mean(f * f), mean(g * g), mean(f * g)
        tiny = np.float32(max(SMALL * float(ff.max(initial=0)), 1e-30))
        size, other = np.sqrt(ff + tiny), np.sqrt(gg + tiny)
        like = fg / size / other
        gain = size / other * np.sign(like)
        noise = 2 * ff * (1 - np.abs(like) + np.float32(FLOOR)) + tiny
        trust = np.clip((np.abs(like) * _usual_sign(fg) - LEAST) / (1 - LEAST), 0, 1)
        return cls(f, g * enlarged(gain, f.shape), joint, share, noise, trust)

    def products(self, factor: int, summed: Callable[[Floats], Column]) -> tuple[Column, ...]:
        shape = self.f.shape
        rest = self.f - self.g
        u = rest * enlarged(1 / (np.float32(CUT) * np.sqrt(self.noise)), shape)
        believed = enlarged(self.trust / self.noise / np.float32(CORRELATED), shape)
        believed *= np.square(np.maximum(np.float32(0), 1 - u * u)) * inner(self.joint)
        scale = np.float32(1 / factor)
        fx, fy = (part * scale for part in gradient(self.f))
        gx, gy = (part * scale for part in gradient(self.g))
        half = np.float32(0.5)
        x, y = half * (fx + gx), half * (fy + gy)
        wx, wy = believed * x, believed * y
        common = self._common(x, y, half * (fx - gx), half * (fy - gy))
        energy = (summed(common * part) for part in (wx * x, wx * y, wy * y))
        return (*energy, summed(wx * rest), summed(wy * rest))

    def _common(self, x: Floats, y: Floats, dx: Floats, dy: Floats) -> Floats:
        """Return the share of the gradients' energy that is not noise of one image alone."""

        def mean(part: Floats) -> Floats:
            return box_mean(reduced(part), self.share, NEAR / PHASE)

        both, alone = mean(x * x + y * y), mean(dx * dx + dy * dy)
        found = 1 - alone / np.maximum(both, np.float32(1e-30))
        return enlarged(np.clip(found, COMMON, 1), x.shape)


def _usual_sign(both: Floats) -> Floats:
    """Return the share of products[row, col] that has the sign of each: the rare one is doubted."""
    total = float(np.abs(both).sum(dtype=np.float64))
    positive = float(both[both > 0].sum(dtype=np.float64)) / total if total > 0 else 0.5
    return np.where(both > 0, np.float32(positive), np.float32(1 - positive))


def _summed(values: Floats, block: int) -> Column:
    if block == PHASE:
        return np.asarray(reduced(values) * np.float32(PHASE**2), np.float64)
    bottom, right = (-size % block for size in values.shape)
    padded = np.pad(values, ((0, bottom), (0, right)))
    rows, cols = (size // block for size in padded.shape)
    return np.asarray(padded.reshape(rows, block, cols, block).sum((1, 3)), np.float64)
