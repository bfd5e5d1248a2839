# SPDX-License-Identifier: GPL-2.0-or-later
"""Capture: where points of the reference are seen in the moving image, to half a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deps import require

Bytes = NDArray[np.uint8]
Column = NDArray[np.float64]

ITERATIONS = 30
STOP = 0.01
"""Movement in px below which tracking ends."""

AGREEMENT = 0.5
"""Distance in px by which the way back may miss the start, along x or y."""


def track(
    reference: Bytes, moving: Bytes, x: Column, y: Column, *, window: int = 25, levels: int = 2
) -> tuple[Column, Column, NDArray[np.bool_]]:
    """Track points forward and back; return (dx, dy, kept).

    Images uint8 [h, w] from `eight_bit`; x, y: positions in the arrays, px. `levels`: coarser
    levels above the images; arrays begin at multiples of 2 ** levels of the working grid, or
    results depend on the window. Pyramidal Lucas-Kanade (Bouguet, 2001). Raises MissingPackage
    without OpenCV.
    """
    start = np.stack([x, y], 1).astype(np.float32)[:, None]
    kept = np.zeros(len(start), bool)
    if not len(start):
        return np.zeros(0), np.zeros(0), kept
    cv2 = require("cv2", "Tracking key points")
    options: dict[str, Any] = {
        "winSize": (window, window),
        "maxLevel": levels,
        "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, STOP),
    }
    there, seen, _ = cv2.calcOpticalFlowPyrLK(reference, moving, start, start.copy(), **options)
    options["flags"] = cv2.OPTFLOW_USE_INITIAL_FLOW
    back, again, _ = cv2.calcOpticalFlowPyrLK(moving, reference, there, start.copy(), **options)
    missed = np.abs(back - start).max((1, 2))
    kept = (seen.ravel() == 1) & (again.ravel() == 1) & (missed < AGREEMENT)
    moved = (there - start).astype(np.float64)[:, 0]
    return moved[:, 0], moved[:, 1], kept
