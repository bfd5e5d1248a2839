# SPDX-License-Identifier: GPL-2.0-or-later
"""Linear models from reference to moving positions: shift, rigid, similarity, affine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution

Floats = NDArray[np.float64]
Matrix = tuple[tuple[float, float], tuple[float, float]]
Blocks = NDArray[np.int64]

UNKNOWNS = {"translation": 2, "rigid": 3, "similarity": 4, "affine": 6}
"""Unknowns of each kind of model, the simplest first."""

IDENTITY: Matrix = ((1.0, 0.0), (0.0, 1.0))

CUT = 4.0
"""Residuals beyond this many robust deviations have no weight."""

ROUNDS = 20
"""Most rounds of reweighting."""

RAYLEIGH_MEDIAN = 1.177
"""Median length of a vector of two normal numbers with deviation 1."""

FLAT = 1e-12
"""Smallest spread of points across their main direction, squared and relative, for an affine."""

_QUARTER_TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


@dataclass(frozen=True)
class Linear:
    """Where the moving image shows a reference position: center + matrix (p - center) + shift.

    Positions are array positions (x right, y down), or with `y_up` coordinates whose y axis points
    up as seen. `shift` is the displacement at the center, moving minus reference.
    """

    kind: str
    matrix: Matrix = IDENTITY
    shift: tuple[float, float] = (0.0, 0.0)
    center: tuple[float, float] = (0.0, 0.0)
    y_up: bool = False

    @property
    def rotation(self) -> float:
        """Degrees by which the moving image is turned, clockwise as seen."""
        (a, b), (c, d) = self.matrix
        # 0.0 + keeps no turn from being written as -0
        return 0.0 + math.degrees(math.atan2(c - b, a + d)) * (-1.0 if self.y_up else 1.0)

    @property
    def scale(self) -> float:
        """Lengths in the moving image divided by those in the reference."""
        return math.sqrt(abs(self.determinant))

    @property
    def scales(self) -> tuple[float, float]:
        """The same along the reference's two axes, which an affine model stretches apart."""
        (a, b), (c, d) = self.matrix
        return math.hypot(a, c), math.hypot(b, d)

    @property
    def shear(self) -> float:
        """Degrees that the images of the two axes are short of a right angle."""
        (a, b), (c, d) = self.matrix
        return math.degrees(math.atan2(a * b + c * d, abs(self.determinant)))

    @property
    def determinant(self) -> float:
        """Area in the moving image divided by that in the reference."""
        (a, b), (c, d) = self.matrix
        return a * d - b * c

    def predict(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the displacements (dx, dy) at reference positions."""
        (a, b), (c, d) = self.matrix
        u, v = x - self.center[0], y - self.center[1]
        return (a - 1.0) * u + b * v + self.shift[0], c * u + (d - 1.0) * v + self.shift[1]

    def at(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the moving positions of reference positions."""
        dx, dy = self.predict(x, y)
        return x + dx, y + dy

    def residuals(self, x: Floats, y: Floats, dx: Floats, dy: Floats) -> tuple[Floats, Floats]:
        """Return what is left of measured displacements without the model."""
        px, py = self.predict(x, y)
        return dx - px, dy - py

    def centered(self, x: float, y: float) -> Linear:
        """Return the same model with another center."""
        dx, dy = self.predict(np.float64(x), np.float64(y))  # type: ignore[arg-type]
        return replace(self, shift=(float(dx), float(dy)), center=(x, y))

    def inverse(self) -> Linear:
        """Return the model from moving to reference positions. Raises NoSolution if flat."""
        (a, b), (c, d) = self.matrix
        size = self.determinant
        if not abs(size) > 0:
            raise NoSolution("The model turns the image into a line and has no inverse.")
        back = ((d / size, -b / size), (-c / size, a / size))
        u, v = self.shift
        shift = (-(back[0][0] * u + back[0][1] * v), -(back[1][0] * u + back[1][1] * v))
        return replace(self, matrix=back, shift=shift)

    def after(self, first: Linear) -> Linear:
        """Return the model that applies `first`, then this one; centered where `first` is."""
        (a, b), (c, d) = self.matrix
        (e, f), (g, h) = first.matrix
        x, y = first.center[0] + first.shift[0], first.center[1] + first.shift[1]
        mine = self.centered(x, y).shift
        kind = max(self.kind, first.kind, key=lambda kind: UNKNOWNS[kind])
        return replace(
            first,
            kind=kind,
            matrix=((a * e + b * g, a * f + b * h), (c * e + d * g, c * f + d * h)),
            shift=(first.shift[0] + mine[0], first.shift[1] + mine[1]),
        )


@dataclass(frozen=True)
class Reweighting:
    """How a robust fit weighs points: prior weights, smallest deviation believed."""

    prior: Floats | None = None
    floor: float = 1e-6


@dataclass(frozen=True)
class Robust:
    """A robust model, the weights of its points (0 = not believed), their deviation per axis."""

    model: Linear
    weights: Floats
    deviation: float
    prior: Floats


@dataclass(frozen=True)
class Uncertainty:
    """Standard errors: shifts at the model's center, rotation and shear in degrees, scale."""

    shift_x: float
    shift_y: float
    rotation: float
    scale: float
    shear: float


def fit(
    kind: str, x: Floats, y: Floats, dx: Floats, dy: Floats, weights: Floats | None = None
) -> Linear:
    """Fit a model to displacements by weighted least squares, in closed form.

    Rotations are exact, without a small-angle form (Umeyama 1991, doi:10.1109/34.88573). The
    center is the weighted mean of the points. Raises NoSolution when they do not fix the model.
    """
    w = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    total = float(w.sum())
    needed = UNKNOWNS[kind] / 2
    if np.count_nonzero(w > 0) < needed or not math.isfinite(total):
        raise NoSolution(
            f"{np.count_nonzero(w > 0)} points do not fix a model of kind {kind}, which needs "
            f"{math.ceil(needed)}."
        )
    share = w / total
    center = (float((share * x).sum()), float((share * y).sum()))
    shift = (float((share * dx).sum()), float((share * dy).sum()))
    p = np.array([x - center[0], y - center[1]])
    d = np.array([dx - shift[0], dy - shift[1]])
    return Linear(kind, _matrix(kind, p, d, share), shift, center)


def _matrix(kind: str, p: Floats, d: Floats, share: Floats) -> Matrix:
    """The linear part from centered positions and displacements[axis, point]."""
    if kind == "translation":
        return IDENTITY
    moments = ((p[0], p[0]), (p[0], p[1]), (p[1], p[1]))
    xx, xy, yy = (float((share * a * b).sum()) for a, b in moments)
    crossed = np.array([[(share * one * other).sum() for other in p] for one in d])
    if kind == "affine":
        return _affine(np.array([[xx, xy], [xy, yy]]), crossed)
    along = xx + yy + crossed[0, 0] + crossed[1, 1]
    across = crossed[1, 0] - crossed[0, 1]
    length = math.hypot(along, across)
    if not (xx + yy > 0 and length > 0):
        raise NoSolution(f"All points lie at one place, which does not fix a {kind} model.")
    size = length / (xx + yy) if kind == "similarity" else 1.0
    cos, sin = size * along / length, size * across / length
    return ((cos, -sin), (sin, cos))


def _affine(spread: Floats, crossed: Floats) -> Matrix:
    narrow, wide = np.linalg.eigvalsh(spread)
    if not narrow > FLAT * wide:
        raise NoSolution("All points lie on a line, which does not fix an affine model.")
    slopes = np.linalg.solve(spread, crossed.T).T
    return (
        (1.0 + float(slopes[0, 0]), float(slopes[0, 1])),
        (float(slopes[1, 0]), 1.0 + float(slopes[1, 1])),
    )


def robust_fit(
    kind: str,
    x: Floats,
    y: Floats,
    dx: Floats,
    dy: Floats,
    how: Reweighting = Reweighting(),  # noqa: B008 - frozen
) -> Robust:
    """Fit a model by repeated least squares with Tukey's bisquare weights (cut at 4 deviations).

    The deviation is 1.4826 x the median residual / 1.177. Raises NoSolution like `fit`.
    """
    prior = np.ones(len(x)) if how.prior is None else np.asarray(how.prior, np.float64)
    model, weights = fit(kind, x, y, dx, dy, prior), prior
    deviation = how.floor
    for _ in range(ROUNDS):
        length = np.hypot(*model.residuals(x, y, dx, dy))
        believed = length[prior > 0]
        deviation = max(how.floor, float(1.4826 * np.median(believed) / RAYLEIGH_MEDIAN))
        updated = prior * bisquare(length / (CUT * deviation))
        settled = bool(np.abs(updated - weights).max() < 1e-6)
        weights = updated
        model = fit(kind, x, y, dx, dy, weights)
        if settled:
            break
    return Robust(model, weights, deviation, prior)


def bisquare(u: Floats) -> Floats:
    """Return Tukey's weights (1 - u^2)^2, 0 from u = 1 on."""
    return np.asarray(np.maximum(0.0, 1.0 - u**2) ** 2)


def uncertainty(
    found: Robust, x: Floats, y: Floats, dx: Floats, dy: Floats, blocks: Blocks | None = None
) -> Uncertainty:
    """Return the standard errors of a robust model.

    Points of one block (an integer for each point) may err together, so that neighbors measured
    with overlapping windows do not count as independent (the sandwich formula of Liang and Zeger
    1986, doi:10.1093/biomet/73.1.13). Without blocks, or with fewer than unknowns, each point
    stands alone. NaN when there are too few to tell.
    """
    model = found.model
    steps = _steps(model)
    u, v = x - model.center[0], y - model.center[1]
    columns = [[s[0, 0] * u + s[0, 1] * v, s[1, 0] * u + s[1, 1] * v] for s in steps]
    one, none = np.ones(len(x)), np.zeros(len(x))
    design = np.array([[one, none], [none, one], *columns])
    rest = np.array(model.residuals(x, y, dx, dy))
    scores = (design * (found.weights * rest)[None]).sum(1)
    owners = np.arange(len(x)) if blocks is None else np.unique(blocks, return_inverse=True)[1]
    count = int(owners.max()) + 1 if len(owners) else 0
    if count <= len(design) and len(x) > len(design):
        owners, count = np.arange(len(x)), len(x)
    if count <= len(design):
        return Uncertainty(*[math.nan] * 5)
    pull = np.array([np.bincount(owners, score, count) for score in scores])
    bend = np.einsum("iap,jap,p->ij", design, design, found.prior * _slope(found, rest))
    try:
        inverse = np.linalg.inv(bend)
    except np.linalg.LinAlgError:
        return Uncertainty(*[math.nan] * 5)
    spread = np.einsum("ib,jb->ij", pull, pull) * (count / (count - 1.0))
    return _propagated(model, steps, np.einsum("ij,jk,lk->il", inverse, spread, inverse))


def _slope(found: Robust, rest: Floats) -> Floats:
    """How fast the weighted residual grows with the residual, mean over directions."""
    if np.array_equal(found.weights, found.prior):
        return np.ones(rest.shape[1])
    square = np.minimum(1.0, (rest**2).sum(0) / (CUT * found.deviation) ** 2)
    return np.asarray((1.0 - square) * (1.0 - 3.0 * square))


def _steps(model: Linear) -> list[Floats]:
    """How the matrix moves with each unknown beyond the shift."""
    matrix = np.array(model.matrix)
    if model.kind == "affine":
        return [np.eye(4)[entry].reshape(2, 2) for entry in range(4)]
    turned = np.einsum("ij,jk->ik", _QUARTER_TURN, matrix)
    return {"translation": [], "rigid": [turned], "similarity": [turned, matrix]}[model.kind]


def _propagated(model: Linear, steps: list[Floats], covariance: Floats) -> Uncertainty:
    """Carry the covariance of the unknowns to rotation, scale and shear."""
    shifts = np.sqrt(np.diag(covariance)[:2])
    reads: tuple[Callable[[Linear], float], ...] = (
        lambda one: one.rotation,
        lambda one: one.scale,
        lambda one: one.shear,
    )
    errors = []
    for read in reads:
        slopes = np.array([_derivative(model, step, read) for step in steps])
        variance = float(np.einsum("i,ij,j", slopes, covariance[2:, 2:], slopes))
        errors.append(math.sqrt(max(0.0, variance)))
    return Uncertainty(float(shifts[0]), float(shifts[1]), *errors)


def _derivative(model: Linear, step: Floats, read: Callable[[Linear], float]) -> float:
    """Change of a quantity when the matrix moves along a step."""
    matrix, small = np.array(model.matrix), 1e-6
    ends = [replace(model, matrix=_plain(matrix + sign * small * step)) for sign in (1, -1)]
    return (read(ends[0]) - read(ends[1])) / (2 * small)


def _plain(matrix: Floats) -> Matrix:
    (a, b), (c, d) = matrix.tolist()
    return ((a, b), (c, d))
