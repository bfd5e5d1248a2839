# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the moving image lies to begin with: candidates, judged by how blocks of both agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..deps import available, require
from ..errors import NoSolution
from ..image import Array, Mask
from ..transform.models import Linear
from ..windows import Window, tiling
from . import phase
from .bandpass import eight_bit

Look = Callable[[Linear], tuple[Array, Mask]]
"""The feature of the moving image, displaced by a model, and where it is valid."""

PARTS = 8
"""Blocks along each axis by which a candidate is judged."""

BETTER = 0.03
"""By how much a candidate must beat the georeferencing."""

LEAST = 0.15
"""Median correlation of blocks below which no candidate is believed."""

SURE = 0.5
"""Median correlation of blocks from which no further kind of candidate is tried."""

FEATURES, RATIO, INLIERS = 4000, 0.8, 12
TILE, AROUND = 512, 48
"""Largest side of the tiles in which features are looked for, and what is seen around them, px."""

REACH, TRIALS = 3.0, 5000
ROTATION, SCALE = 45.0, 2.0
"""Limits of similarities that are tried: degrees, ratio."""

SIGNS = {"automatic": 0, "same": 1, "inverted": -1}


FEW = 0.5
"""Share of valid pixels from which it is told how few they are."""


@dataclass(frozen=True)
class Candidate:
    """A model of the displacement at the coarse level, and the median correlation of blocks."""

    kind: str
    model: Linear
    correlation: float


@dataclass(frozen=True)
class Chosen:
    """The best candidate and all that were tried, in words."""

    best: Candidate
    tried: tuple[str, ...]

    @property
    def inverted(self) -> bool:
        """True when dark shows as bright."""
        return self.best.correlation < 0


def find_start(
    reference: Array,
    valid: Mask,
    look: Look,
    *,
    polarity: str = "automatic",
    search: bool = True,
) -> Chosen:
    """Return the model that brings the moving image nearest to the reference's feature.

    Tried are the georeferencing, translations by phase correlation, and a similarity by SIFT
    (Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94) where OpenCV is there; the later ones only
    while no earlier one is sure. Raises NoSolution when the best correlation is below 0.15.
    Without `search` the georeferencing is taken whatever its correlation.
    """
    sign = SIGNS[polarity]
    trials = _Trials(reference, valid, look, sign)
    first = trials.judged("georeferencing", Linear("translation"))
    best, tried = first, [first]
    for source in (trials.translations, trials.similarities) if search else ():
        if trials.worth(best) >= SURE:
            break
        for found in source(first):
            tried.append(found)
            if trials.worth(found) > max(trials.worth(best), trials.worth(first) + BETTER):
                best = found
    texts = tuple(f"{one.kind} {one.correlation:.2f}" for one in tried)
    if search and trials.worth(best) < LEAST:
        raise NoSolution(
            f"No place was found where the images agree: the best correlation is "
            f"{trials.worth(best):.2f}, and {LEAST:g} is needed. Tried: {', '.join(texts)}."
            f"{_few(valid)} Try FEATURE = gradient, another band, or a mask."
        )
    return Chosen(best, texts)


def _few(valid: Mask) -> str:
    """Return the sentence that tells that few pixels are valid, empty where many are."""
    share = float(np.mean(valid))
    return f" Only {100 * share:.2g} % of the pixels are valid in both images." * (share < FEW)


@dataclass(frozen=True)
class _Trials:
    """Makes candidates and judges them."""

    reference: Array
    valid: Mask
    look: Look
    sign: int

    def judged(self, kind: str, model: Linear) -> Candidate:
        f, valid = self.look(model)
        return Candidate(kind, model, agreement(self.reference, f, self.valid & valid))

    def worth(self, candidate: Candidate) -> float:
        value = candidate.correlation
        return abs(value) if self.sign == 0 else value * self.sign

    def translations(self, base: Candidate) -> Iterator[Candidate]:
        """Shifts by phase correlation, after the model of another candidate."""
        f, valid = self.look(base.model)
        for peak in phase.peaks(self.reference, f, (self.valid, valid)):
            found = self.judged("translation", _moved(base.model, peak.dx, peak.dy))
            yield found
            if self.worth(found) >= SURE:
                return

    def similarities(self, base: Candidate) -> Iterator[Candidate]:
        """A similarity by matched features, then that with shifts by phase correlation."""
        if not available("cv2"):
            return
        f, valid = self.look(base.model)
        for sign in (1, -1) if self.sign == 0 else (self.sign,):
            ends = eight_bit(self.reference), eight_bit(f * np.float32(sign))
            model = similarity(ends[0], ends[1], (self.valid, valid))
            if model is None:
                continue
            found = self.judged("similarity", model)
            yield found
            if self.worth(found) >= SURE:
                return
            for one in self.translations(found):
                yield replace(one, kind="similarity and translation")


def _moved(model: Linear, dx: float, dy: float) -> Linear:
    """Return a model after a shift seen in the image that the model had brought near."""
    (a, b), (c, d) = model.matrix
    shift = (model.shift[0] + a * dx + b * dy, model.shift[1] + c * dx + d * dy)
    return replace(model, shift=shift)


def agreement(a: Array, b: Array, valid: Mask) -> float:
    """Return the median correlation of the blocks of an 8 x 8 partition, 0 without any.

    Blocks of which less than half is valid are left out.
    """
    rows = np.linspace(0, a.shape[0], PARTS + 1).astype(int)
    cols = np.linspace(0, a.shape[1], PARTS + 1).astype(int)
    found = []
    for top, bottom in zip(rows, rows[1:]):
        for left, right in zip(cols, cols[1:]):
            part = (slice(top, bottom), slice(left, right))
            good = valid[part]
            if good.size and 2 * np.count_nonzero(good) >= good.size:
                found.append(_correlation(a[part][good], b[part][good]))
    return float(np.median(found)) if found else 0.0


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(dtype=float), b - b.mean(dtype=float)
    size = float(np.sqrt((a * a).sum(dtype=float) * (b * b).sum(dtype=float)))
    return float((a * b).sum(dtype=float)) / size if size > 0 else 0.0


def similarity(
    reference: NDArray[np.uint8], moving: NDArray[np.uint8], valid: tuple[Mask, Mask]
) -> Linear | None:
    """Return the similarity that most matched SIFT features agree on, None without enough."""
    (here, one), (there, other) = (
        _features(image, mask) for image, mask in zip((reference, moving), valid)
    )
    if min(len(here), len(there)) < INLIERS:
        return None
    a, b = _mutual(one, other)
    if len(a) < INLIERS:
        return None
    return _consensus(here[a], there[b])


def _features(image: NDArray[np.uint8], valid: Mask) -> tuple[Array, Array]:
    """Return the places[feature, (x, y)] of SIFT features and their descriptors.

    They are looked for tile by tile: SIFT holds 44 times the bytes of what it is given, doubled.
    """
    cv2 = require("cv2", "Finding rotations")
    whole = Window(0, 0, image.shape[1], image.shape[0])
    side = -(-max(image.shape) // -(-max(image.shape) // TILE))
    places, descriptors = [np.empty((0, 2))], [np.empty((0, 128), np.float32)]
    for tile in tiling(whole, side, side):
        outer = tile.padded(AROUND).clipped(whole)
        sift = cv2.SIFT_create(nfeatures=-(-FEATURES * outer.pixels // whole.pixels))
        part = np.ascontiguousarray(image[outer.slices])
        points, found = sift.detectAndCompute(part, valid[outer.slices].astype(np.uint8))
        if not points:
            continue
        at = np.array([point.pt for point in points]) + (outer.col, outer.row)
        own = (np.floor(at + 0.5) >= (tile.col, tile.row)) & (
            np.floor(at + 0.5) < (tile.right, tile.bottom)
        )
        places.append(at[own.all(1)])
        descriptors.append(found[own.all(1)])
    return np.concatenate(places), np.concatenate(descriptors)


def _mutual(a: Array, b: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of descriptors that choose each other, clearly before the second."""
    a, b = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-6) for v in (a, b))
    back = np.full(len(b), -2.0, np.float32)
    back_to = np.zeros(len(b), np.int64)
    ahead, clear = np.zeros(len(a), np.int64), np.zeros(len(a), bool)
    for start in range(0, len(a), 512):
        like = a[start : start + 512] @ b.T
        best = like.argmax(1)
        top = like[np.arange(len(like)), best]
        better = like.max(0) > back
        back_to[better] = like.argmax(0)[better] + start
        back = np.maximum(back, like.max(0))
        like[np.arange(len(like)), best] = -2
        apart = np.sqrt(np.maximum(2 - 2 * top, 0)), np.sqrt(np.maximum(2 - 2 * like.max(1), 0))
        ahead[start : start + 512] = best
        clear[start : start + 512] = apart[0] < RATIO * apart[1]
    kept = np.flatnonzero(clear & (back_to[ahead] == np.arange(len(a))))
    return kept, ahead[kept]


def _consensus(here: Array, there: Array) -> Linear | None:
    """Return the similarity with most inliers among random pairs of matches, then all of them."""
    rng = np.random.default_rng(0)
    p, q = here @ (1, 1j), there @ (1, 1j)
    one, two = rng.integers(0, len(p), (2, TRIALS))
    span = p[two] - p[one]
    good = np.abs(span) > 10
    factor = (q[two] - q[one])[good] / span[good]
    moved = q[one][good] - factor * p[one][good]
    usual = (np.abs(np.log(np.maximum(np.abs(factor), 1e-9))) < np.log(SCALE)) & (
        np.abs(np.degrees(np.angle(factor))) < ROTATION
    )
    factor, moved = factor[usual], moved[usual]
    if not len(factor):
        return None
    counts = [int((np.abs(f * p + m - q) < REACH).sum()) for f, m in zip(factor, moved)]
    best = int(np.argmax(counts))
    inliers = np.abs(factor[best] * p + moved[best] - q) < REACH
    if int(inliers.sum()) < INLIERS:
        return None
    return _fitted(p[inliers], q[inliers])


def _fitted(p: Array, q: Array) -> Linear:
    """Return the least squares similarity of complex positions."""
    center, target = p.mean(), q.mean()
    spread = np.abs(p - center) ** 2
    factor = (np.conj(p - center) * (q - target)).sum() / spread.sum()
    shift = target - center
    return Linear(
        "similarity",
        ((float(factor.real), float(-factor.imag)), (float(factor.imag), float(factor.real))),
        (float(shift.real), float(shift.imag)),
        (float(center.real), float(center.imag)),
    )
