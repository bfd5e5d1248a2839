# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure where, by how much and how surely one image is displaced from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ..deps import available
from ..executor import each
from ..image import Array, Mask
from ..matching import corners, outliers
from ..matching.keypoints import LOW_SCORE, OUT_OF_RANGE, OUTLIER, USED, KeyPoints
from ..matching.start import Chosen, find_start
from ..matching.subpixel import score_of
from ..progress import SILENT, Progress
from ..transform.field import Field
from ..transform.models import Linear
from ..transform.planes import Column, Scattered
from .blocks import sample, with_noise
from .crossing import Displacement, Scaled
from .front import Level, compared, noise_of, sight
from .overview import overview
from .pair import Pair
from .passes import Run, Tracking
from .refusals import refuse_empty, refuse_flat
from .returned import give_back, reuse_memory
from .settle import CAUGHT_SIGMA, Quota, Settled, settle

Found = TypeVar("Found")

LATTICE, LATTICE_POINTS = 24, 4000
"""Spacing of points at coarse levels, px, and the most of them."""

LATTICE_DISTANCE = 12.0
COARSE_ROUNDS = 2
TRACE = 1e-9

FAR_SHARE = 0.1
"""Share of points beyond MAX_DISPLACEMENT that is worth a warning."""


@dataclass(frozen=True)
class Matching:
    """How key points are found and judged; see the options of the same names."""

    max_points: int = 20000
    min_distance: float = 10.0
    quality: float = 0.01
    support: str = "automatic"
    feature: str = "band_pass"
    polarity: str = "automatic"
    search: str = "automatic"
    max_displacement: float = 0.0
    outliers: str = "local"
    confidence: float = 0.4
    method: str = "automatic"
    corner_box: int = 15
    capture_window: int = 25
    first_column: int = 0
    large_shift: float = 2.0


@dataclass(frozen=True)
class Start:
    """Where measuring began: kind of candidate, displacement at the middle in reference px.

    `rotation` in degrees clockwise as seen, `scale` moving / reference, `correlation` the median
    of the blocks, `tried` all candidates in words.
    """

    kind: str
    dx: float
    dy: float
    rotation: float
    scale: float
    correlation: float
    inverted: bool
    tried: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """The key points of a pair in reference pixels, and how they were found.

    `support`: sigma of the measuring window, px; `noise`: noise floors of both images;
    `valid_pixels`: reference pixels that both images have; `tried`: points looked for; `field`:
    through the accepted points, on the working grid; `level`: how features are computed.
    """

    key_points: KeyPoints
    start: Start
    support: float
    noise: tuple[float, float]
    valid_pixels: int
    tried: int
    field: Field | None
    method: str
    inverted: bool
    level: Level


def measure(
    pair: Pair,
    matching: Matching = Matching(),  # noqa: B008  frozen
    *,
    threads: int = 0,
    memory: int = 256,
    window_size: int = 0,
    progress: Progress = SILENT,
) -> Measured:
    """Find key points of a pair and measure their displacements.

    Raises IncompatibleImages when an image has no valid pixel or no texture, NoSolution when no
    place is found where the images agree. Windows and threads never change the result.
    """
    reuse_memory()
    run = Run(threads, memory, window_size, progress)
    return _Session(pair, matching, run).measured()


class _Session:
    """The steps of a measurement and what they share."""

    def __init__(self, pair: Pair, matching: Matching, run: Run) -> None:
        self.pair, self.matching, self.run = pair, matching, run
        self.method = _method(matching.method, run.progress)

    def measured(self) -> Measured:
        progress = self.run.progress
        progress.phase("Looking at both images")
        self.views = overview(self.pair, self.run.threads, progress.part(0.0, 0.2))
        give_back()
        refuse_empty(self.pair, self.views, self.run)
        refuse_flat(self.pair, self.views)
        progress.phase("Finding where the moving image lies")
        displacement, prior = self._begin()
        progress.phase("Measuring key points")
        self.tones = self.views.tones
        self.seen = self.views.reference, self.views.moving
        del self.views  # the coarse levels are not needed any more
        give_back()
        settled, level, tracking = self._whole(displacement, prior)
        return self._result(settled, level, tracking)

    def _begin(self) -> tuple[Displacement, Scattered | None]:
        """Find the start, then follow it from the coarse level to the finest one in memory."""
        exponent = self.views.coarse
        level = self._seen_plainly(self.views.levels[exponent])
        chosen = self._start(level)
        self.inverted = chosen.inverted
        displacement: Displacement = chosen.best.model.predict
        self.start = self._told(chosen, 2**exponent)
        if self.matching.search == "none":
            exponent, displacement = self.views.finest, Linear("translation").predict
        prior: Scattered | None = None
        # an image that is its own coarse level is gone over once before it is measured
        last = 1 if exponent else 0
        coarse = [e for e in range(exponent, last - 1, -1) if e in self.views.levels]
        parts = self.run.part(0.2, 0.35).progress.split(max(1, len(coarse)))
        for e, part in zip(coarse, parts):
            settled = self._coarse(e, displacement, prior, part)
            displacement = settled.field.at if settled.field else displacement
            above = e - 1 if e - 1 in coarse else 0
            factor = float(2 ** (e - above))
            displacement = Scaled(displacement, factor)
            prior = _finer(settled.points, factor)
        return displacement, prior

    def _seen_plainly(self, level: Level) -> Level:
        """Give the coarse level its feature and noise floors."""
        level = replace(level, feature=self.matching.feature)
        seen = self._aside(lambda: sight(level, Linear("translation").predict, level.window))
        noise = self._aside(lambda: noise_of(level, [(seen, level.window)]))
        return replace(level, noise=noise)

    def _aside(self, work: Callable[[], Found]) -> Found:
        """Run a large piece of work in a worker, where memory of windows is used again."""
        (found,) = each(lambda _: work(), [None], threads=max(2, self.run.threads))
        self.run.progress.check()
        return found

    def _start(self, level: Level) -> Chosen:
        first = self._aside(lambda: sight(level, Linear("translation").predict, level.window))
        part = self._aside(lambda: compared(level, first))
        box = self.matching.corner_box
        self.strength = self._aside(lambda: corners.strength(part.reference, part.valid, box))

        def look(model: Linear) -> tuple[Array, Mask]:
            one = self._aside(lambda: sight(level, model.predict, level.window))
            part = self._aside(lambda: compared(level, one, ("moving",)))
            return part.moving, part.valid

        return find_start(
            part.reference,
            part.valid,
            look,
            polarity=self.matching.polarity,
            search=self.matching.search != "none",
        )

    def _told(self, chosen: Chosen, factor: int) -> Start:
        """Say what the start is, in reference pixels."""
        best, scale = chosen.best, factor * self.pair.factor
        middle = self.pair.grid.width / 2 / factor, self.pair.grid.height / 2 / factor
        at = best.model.predict(np.array(middle[:1]), np.array(middle[1:]))
        dx, dy = float(at[0][0]) * scale, float(at[1][0]) * scale
        if np.hypot(dx, dy) > self.matching.large_shift:
            self.run.progress.info(
                f"A large shift of ({dx:.0f}, {dy:.0f}) px was found and taken into account."
            )
        if chosen.inverted and self.matching.polarity == "automatic":
            self.run.progress.info("The moving image shows inverted contrast: dark is bright.")
        return Start(
            best.kind,
            dx,
            dy,
            best.model.rotation,
            best.model.scale,
            best.correlation,
            chosen.inverted,
            chosen.tried,
        )

    def _coarse(
        self, exponent: int, displacement: Displacement, prior: Scattered | None, part: Progress
    ) -> Settled:
        asked = self.matching
        level = replace(self.views.levels[exponent], feature=asked.feature, inverted=self.inverted)
        level = with_noise(level, displacement, self.strength, (self.run.threads, part.part(0, 0)))
        points = min(LATTICE_POINTS, level.window.pixels // LATTICE**2)
        quota = Quota(max(64, points), LATTICE_DISTANCE, COARSE_ROUNDS)
        tracking = Tracking(box=asked.corner_box, method=self.method)
        return settle(level, displacement, prior, tracking, quota, replace(self.run, progress=part))

    def _whole(
        self, displacement: Displacement, prior: Scattered | None
    ) -> tuple[Settled, Level, Tracking]:
        """Measure the key points of the working grid."""
        asked, pair = self.matching, self.pair
        level = Level(
            *self.seen,
            pair.crossing,
            asked.feature,
            self.inverted,
            self.tones,
        )
        given = 0.0 if asked.support == "automatic" else float(asked.support)
        blocks = sample(
            level,
            displacement,
            self.strength,
            given,
            (self.run.threads, self.run.progress.part(0.35, 0.45)),
        )
        give_back()
        tracking = Tracking(
            asked.quality * blocks.strongest,
            asked.corner_box,
            asked.capture_window,
            blocks.support,
            blocks.correlation,
            self.method,
            self._first_column(),
        )
        quota = Quota(asked.max_points, asked.min_distance / pair.factor, rule=asked.outliers)
        settled = settle(
            blocks.level, displacement, prior, tracking, quota, self.run.part(0.45, 1.0)
        )
        return settled, blocks.level, tracking

    def _first_column(self) -> int:
        return int(np.ceil((self.matching.first_column - self.pair.origin[0]) / self.pair.factor))

    def _result(self, settled: Settled, level: Level, tracking: Tracking) -> Measured:
        return Measured(
            self._key_points(settled),
            self.start,
            tracking.support,
            (level.noise[0].feature, level.noise[1].feature),
            round(settled.valid * self.pair.factor**2),
            settled.tried,
            settled.field,
            self.method,
            self.inverted,
            level,
        )

    def _key_points(self, settled: Settled) -> KeyPoints:
        """Bring points to the reference grid, and judge them."""
        tracks, factor = settled.tracks, self.pair.factor
        if not len(settled.x):
            return KeyPoints.none()
        k = outliers.uncertainty_factor(settled.points)
        sigmas = [k * v * factor for v in (tracks.sigma_x, tracks.sigma_y)]
        finite = np.isfinite(tracks.dx) & np.isfinite(sigmas[0])
        x, y = self.pair.to_reference(settled.x, settled.y)
        score = score_of(np.hypot(*sigmas))
        points = KeyPoints(
            np.rint(x),
            np.rint(y),
            _exact(tracks.dx * factor),
            _exact(tracks.dy * factor),
            score,
            sigmas[0],
            sigmas[1],
            np.where(score >= self.matching.confidence, USED, LOW_SCORE),
        )
        status = points.status.copy()
        status[~settled.accepted] = OUTLIER
        status[self._too_far(points)] = OUT_OF_RANGE
        points = points.with_columns(status=status).chosen(finite)
        return points.chosen(np.lexsort((points.y0, points.x0)))

    def _too_far(self, points: KeyPoints) -> np.ndarray:  # type: ignore[type-arg]
        """Return which points lie beyond MAX_DISPLACEMENT, and warn when they are many."""
        grid = self.pair.grid
        limit = (
            self.matching.max_displacement or min(grid.width, grid.height) / 2 * self.pair.factor
        )
        far = points.radial_error > limit
        share = float(far.mean()) if len(far) else 0.0
        if share > FAR_SHARE:
            self.run.progress.warn(
                f"{share:.0%} of the key points lie beyond MAX_DISPLACEMENT ({limit:g} px) and "
                "were left out."
            )
        return np.asarray(far)


def _exact(displacement: Column) -> Column:
    """Return displacements without the traces that arithmetic leaves of 0."""
    return np.where(np.abs(displacement) < TRACE, 0.0, displacement)


def _finer(points: Scattered, factor: float) -> Scattered:
    """Return points of a level in pixels of a finer one, with less trust."""
    sigma = np.maximum(2 * factor * points.sigma, CAUGHT_SIGMA)
    return Scattered(
        (points.x + 0.5) * factor - 0.5,
        (points.y + 0.5) * factor - 0.5,
        points.dx * factor,
        points.dy * factor,
        sigma,
    )


def _method(asked: str, progress: Progress) -> str:
    """Return the method to use, and say when OpenCV is missing."""
    if asked != "automatic":
        return asked
    if available("cv2"):
        return "key_points"
    progress.info(
        "OpenCV is not installed: key points are found by phase correlation, which is slower and "
        "reaches rotations of up to 3 degrees."
    )
    return "phase_correlation"
