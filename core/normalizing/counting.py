# SPDX-License-Identifier: GPL-2.0-or-later
"""What is counted in overlaps while the images pass once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..grid import Grid
from ..image import Image
from ..progress import SILENT, Progress
from ..radiometry.statistics import JointSums, OwnSums, fixed_center, summed_exactly
from ..requests.shared.regression import Estimating
from .selecting import canvas_selection, own_selection


@dataclass(frozen=True)
class Collectors:
    """What is counted while the images pass once: `own` and `joint` sums for the survey."""

    own: OwnSums
    joint: JointSums


def collectors(
    images: Sequence[Image],
    canvas: Grid,
    how: Estimating,
    progress: Progress = SILENT,
    blocks: Grid | None = None,
) -> Collectors:
    """Return what the survey must count so that `estimate` can work.

    Sums over overlaps are kept per cell of the `blocks`, about a hundred for each image by default.
    """
    own = own_selection(images, how, progress)
    joint = canvas_selection(images, canvas, how, progress)
    center = fixed_center(images)
    grids = tuple(image.grid for image in images)
    exact = summed_exactly(images)
    return Collectors(
        OwnSums(images, center, own), JointSums(canvas, grids, exact, center, joint, blocks)
    )
