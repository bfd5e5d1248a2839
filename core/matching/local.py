# SPDX-License-Identifier: GPL-2.0-or-later
"""The local field: what a linear model leaves, as cubic B-splines fitted to all pixels at once.

Each round warps the moving image's raw values by the model and the field, compares both images
there, and moves the field's nodes together, against their stiffness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution
from ..transform.bspline import BSplineField
from ..transform.elastic import Lattice, Nodes, Normal, Sparse, bending, holding
from ..transform.models import Linear
from .agreement import agreement
from .evidence import Level, Products, block_centers
from .patches import Patch
from .smoothing import PHASE, reduced

Floats = NDArray[np.float32]
Column = NDArray[np.float64]

SPACING = 32.0
"""Automatic distance of nodes, px."""

MOST_NODES = 256
"""Automatic nodes along the longer side."""

COARSE, EACH = (4, 2), 2
"""Factors by which pixels are coarser at first, and rounds with each."""

ROUNDS = 5
"""Most rounds with all pixels."""

CHOOSING = 1
"""Round at the finest level in which the stiffness is chosen."""

SETTLED = 0.02
"""RMS motion of nodes below which a level is done, px."""

BEND = 1.0
"""Second difference of neighboring nodes that is nothing unusual, px."""

LOOSEST = 1e-3
"""Least factor of stiffness."""

STIFFER = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""Factors of stiffness among which the check pixels choose."""

CHECK_SIDE, CHECK_PITCH = 64, 128
"""Side and distance of the squares that choose the stiffness when no check pixels are given."""

SUPPORTED = 0.1
"""Trust from which a block supports the field."""

HOLD = 1.0
"""Stiffness of nodes that nothing supports against leaving the model, as of one that bends."""

INSIDE = slice(6, -6)
"""Half nodes between the second and the last but one node: beyond, a field only fades."""

FOLDED = 0.2
"""Share of its area below which ground is nearly folded."""

TRIES, STEP = 3, 4.0
"""How often, and by how much, the field gets stiffer where it folds over."""


@dataclass(frozen=True)
class Elastic:
    """How a field may bend: distance of its nodes in px, 0 = automatic; factor of stiffness.

    `edges`: compare the texture of edges instead of that of values; None = of which the images have
    more in common.
    """

    spacing: float = 0.0
    smoothness: float = 1.0
    edges: bool | None = None

    def step(self, shape: tuple[int, ...]) -> float:
        """Return the distance of nodes over an array [row, col], px."""
        return self.spacing if self.spacing > 0 else max(SPACING, max(shape) / MOST_NODES)


@dataclass(frozen=True)
class LocalField:
    """A linear model and a field that is added to it, both in px of the patch's lattice.

    `stiffness`: factor that was chosen; `motion`: RMS motion of the nodes in the last round, px;
    `supported`: share of the patch that supports the field; `edges`: what was compared.
    """

    linear: Linear
    field: BSplineField
    stiffness: float = 1.0
    motion: float = 0.0
    supported: float = 1.0
    edges: bool = False

    def predict(self, x: Column, y: Column) -> tuple[Column, Column]:
        """Return the displacements (dx, dy) at reference positions."""
        dx, dy = self.linear.predict(x, y)
        du, dv = self.field.at(x, y)
        return dx + du, dy + dv

    def at(self, x: Column, y: Column) -> tuple[Column, Column]:
        """Return the moving positions of reference positions."""
        dx, dy = self.predict(x, y)
        return x + dx, y + dy

    def least_determinant(self) -> tuple[float, float, float]:
        """Return the least share of its area that ground keeps, and the position (x, y)."""
        x, y = (at[INSIDE, INSIDE] for at in self.field.half_nodes())
        (a, b), (c, d) = self.linear.matrix
        xx, xy, yx, yy = self.field.with_slopes(x, y)[2:]
        determinant = (a + xx) * (d + yy) - (b + xy) * (c + yx)
        at = int(np.argmin(determinant))
        return float(determinant.flat[at]), float(x.flat[at]), float(y.flat[at])


def solve_field(
    patch: Patch,
    linear: Linear,
    how: Elastic = Elastic(),  # noqa: B008 - frozen
    weight: Floats | None = None,
) -> LocalField:
    """Fit a field to what a linear model leaves of a patch.

    `weight` [row, col]: 0 for check pixels, which only choose the stiffness. Where nothing supports
    the field it fades to the linear model. Raises NoSolution where the field would fold over.
    """
    shape = patch.reference.shape
    nodes = Nodes.over(shape, how.step(shape), patch.origin)
    blocks = Lattice.of(nodes, *block_centers(shape, patch.origin))
    shares = _Shares.of(shape, weight)
    solver = _Solver(linear, blocks, bending(nodes), max(how.smoothness, LOOSEST) / BEND**2, shares)
    still = _State(np.zeros((2, nodes.rows, nodes.columns)), 1.0, np.ones_like(shares.fit))
    kinds = (False, True) if how.edges is None else (how.edges,)
    begun = [solver.coarse(patch, COARSE[0], replace(still, edges=edges)) for edges in kinds]
    state = max(begun, key=lambda one: one.trust)
    for factor in COARSE[1:]:
        state = solver.coarse(patch, factor, state)
    state, equations = solver.finished(patch, state)
    return unfolded(solver.model(state), nodes, equations)


class Equations(NamedTuple):
    """What was seen, and the stiffness against it."""

    normal: Normal
    stiffness: Sparse


class _Shares(NamedTuple):
    """Shares [row, col] of blocks: of the fit, of the check, of the fit that is checked."""

    fit: Column
    check: Column
    checked: Column

    @classmethod
    def of(cls, shape: tuple[int, ...], weight: Floats | None) -> _Shares:
        if weight is None:
            rows, cols = (np.arange(-(-size // PHASE)) * PHASE % CHECK_PITCH for size in shape)
            lines, files = (abs(at - CHECK_PITCH // 2) < CHECK_SIDE // 2 for at in (rows, cols))
            check = (lines[:, None] & files).astype(np.float64)
            return cls(np.ones_like(check), check, 1 - check)
        used = reduced((weight > 0).astype(np.float32))
        whole = reduced(np.ones(shape, np.float32))
        fit = np.where(used >= whole, reduced(weight), 0).astype(np.float64)
        return cls(fit, (used <= 0).astype(np.float64), fit)


@dataclass(frozen=True)
class _State:
    """Coefficients now[axis, row, col], the factor of stiffness, and what the last round saw."""

    now: Column
    factor: float
    believed: Column
    edges: bool = False
    trust: float = 0.0
    motion: float = math.inf
    supported: float = 0.0


@dataclass(frozen=True)
class _Solver:
    linear: Linear
    blocks: Lattice
    bending: Sparse
    smoothness: float
    shares: _Shares

    def coarse(self, patch: Patch, factor: int, state: _State) -> _State:
        """Run the rounds with pixels that are coarser by a factor."""
        level = Level.of(patch, factor, edges=state.edges)
        for _ in range(EACH):
            state, _ = self.round(level, state)
        return state

    def finished(self, patch: Patch, state: _State) -> tuple[_State, Equations]:
        """Run the rounds with all pixels until nothing moves."""
        level = Level.of(patch, 1, edges=state.edges)
        for number in range(ROUNDS):
            state, equations = self.round(level, state, number == CHOOSING)
            if state.motion < SETTLED and number >= CHOOSING:
                break
        return state, equations

    def model(self, state: _State) -> LocalField:
        field = self.blocks.nodes.field(state.now)
        return LocalField(
            self.linear, field, state.factor, state.motion, state.supported, state.edges
        )

    def round(
        self, level: Level, state: _State, choosing: bool = False
    ) -> tuple[_State, Equations]:
        products = level.products(self.model(state))
        seen = products.within(state.believed)
        supported = products.trust > SUPPORTED
        held = holding(self.blocks.nodes, self.blocks.x, self.blocks.y, supported)
        stiffness = (self.bending + held * HOLD) * self.smoothness
        factor = self._chosen(seen, stiffness, state) if choosing else state.factor
        normal = self.blocks.normal(seen.within(self.shares.fit).sums)
        step = normal.solved(stiffness * factor, state.now)
        moved = self.blocks.nodes.field(step).at(self.blocks.x[None], self.blocks.y[:, None])
        found = replace(
            state,
            now=state.now + step,
            factor=factor,
            believed=agreement(products, moved, SUPPORTED),
            trust=float(products.trust.mean()),
            motion=float(np.sqrt((step**2).sum(0).mean())),
            supported=float(supported.mean()),
        )
        return found, Equations(normal, stiffness)

    def _chosen(self, products: Products, stiffness: Sparse, state: _State) -> float:
        """Return the factor of stiffness whose field explains the check pixels best."""
        parts = (self.shares.checked, self.shares.check)
        fit, check = (self.blocks.normal(products.within(part).sums) for part in parts)
        costs = [check.cost(fit.solved(stiffness * factor, state.now)) for factor in STIFFER]
        return STIFFER[int(np.argmin(costs))]


def unfolded(found: LocalField, nodes: Nodes, equations: Equations) -> LocalField:
    """Return a field, made stiffer as long as it folds over.

    Raises NoSolution when that does not help.
    """
    for _ in range(TRIES + 1):
        least, x, y = found.least_determinant()
        if least > FOLDED:
            return found
        now = np.array([found.field.dx, found.field.dy])
        factor = found.stiffness * STEP
        now = now + equations.normal.solved(equations.stiffness * factor, now)
        found = replace(found, field=nodes.field(now), stiffness=factor)
    raise NoSolution(
        f"The local field folds over near column {round(x)}, row {round(y)}. Raise LOCAL_SPACING "
        "or LOCAL_SMOOTHNESS."
    )
