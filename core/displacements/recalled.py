# SPDX-License-Identifier: GPL-2.0-or-later
"""A measurement as plain values that a file keeps, and made again from them and its points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from ..executor import each
from ..matching.keypoints import STATUSES, KeyPoints
from ..progress import SILENT, Progress
from ..transform.models import Linear
from ..windows import Window, tiling
from .front import Level, Noise, sight
from .measure import Matching, Measured, Start
from .pair import Pair
from .tones import Tone

FOREIGN = "another program"
"""Start and method of points that were not measured here."""

SIDE = 1024
"""Windows in which valid pixels are counted, px."""


def remembered(measured: Measured) -> dict[str, Any]:
    """Return what is known about a measurement beside its points, ready for JSON."""
    level, status = measured.level, measured.key_points.status
    return {
        "start": asdict(measured.start),
        "support": measured.support,
        "noise": list(measured.noise),
        "valid_pixels": measured.valid_pixels,
        "tried": measured.tried,
        "method": measured.method,
        "inverted": measured.inverted,
        "tones": [[tone.center, tone.scale] for tone in level.tones],
        "noises": [[one.values, one.feature] for one in level.noise],
        "counts": {
            name: int(np.count_nonzero(status == code)) for code, name in enumerate(STATUSES)
        },
    }


def recalled(
    pair: Pair, points: KeyPoints, kept: Mapping[str, Any], matching: Matching
) -> Measured:
    """Return a measurement from its points and what `remembered` said of it."""
    level = Level(
        pair.seen_reference,
        pair.seen_moving,
        pair.crossing,
        matching.feature,
        kept["inverted"],
        _both([Tone(*values) for values in kept["tones"]]),
        _both([Noise(*values) for values in kept["noises"]]),
    )
    start = Start(**{**kept["start"], "tried": tuple(kept["start"]["tried"])})
    return Measured(
        points,
        start,
        kept["support"],
        _both(kept["noise"]),
        kept["valid_pixels"],
        kept["tried"],
        None,
        kept["method"],
        kept["inverted"],
        level,
    )


def foreign(pair: Pair, points: KeyPoints, threads: int, progress: Progress = SILENT) -> Measured:
    """Return points that another program has measured as a measurement.

    The valid pixels are counted anew; support and noise are not known: 0.
    """
    dx, dy = (float(np.median(v)) if len(v) else 0.0 for v in (points.dx, points.dy))
    level = Level(pair.seen_reference, pair.seen_moving, pair.crossing)
    shift = Linear("translation", shift=(dx / pair.factor, dy / pair.factor))
    windows = list(tiling(level.window, SIDE, SIDE))
    counts = each(
        partial(_valid, level, shift),
        windows,
        threads=threads,
        progress=progress,
        total=len(windows),
    )
    start = Start(FOREIGN, dx, dy, 0.0, 1.0, float("nan"), False, ())
    return Measured(
        points,
        start,
        0.0,
        (0.0, 0.0),
        round(sum(counts) * pair.factor**2),
        len(points),
        None,
        FOREIGN,
        False,
        level,
    )


def _valid(level: Level, shift: Linear, window: Window) -> int:
    return int(np.count_nonzero(sight(level, shift.predict, window).valid))


def _both(values: Any) -> tuple[Any, Any]:
    first, second = values
    return (first, second)
