# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a mosaic: verdict, numbers, steps, footprints and seams, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..image import Array
from .figures import ground_map, lines_over, picture_strip, quick_look
from .html import Figure, Number, Table, Verdict
from .overlaps import Pair, overlap_verdict
from .thumbnail import Thumbnail

MEGA = 1e6

SEAM_READING = (
    "The visibility of the seams compares steps at the seams with steps 20 to 40 pixels beside "
    "them: 1 means that seams do not show. Before blending it is that of the same seams as hard "
    "cuts.",
    "The cost along seams is that of least-cost seams: differences and edges, in units of what is "
    "usual in the overlap.",
)


ON_BORDERS = (
    "The seams run along the borders of images only, as those of images of the same ground do: no "
    "ground beside them is in both images, so they have no cost and no visibility."
)

SEAMLESS = "One image covers all ground, so there are no seams, no cost and no visibility of them."


class Step(Protocol):
    """What a part of the run cost."""

    @property
    def name(self) -> str:
        """What was done."""

    @property
    def seconds(self) -> float:
        """Wall time."""

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all threads."""

    @property
    def read_bytes(self) -> int:
        """Bytes of pixels decoded."""


@dataclass(frozen=True)
class Coverage:
    """Pixels of the mosaic: all, valid, and invalid inside the seam cells (None: no cells).

    `given` are the valid pixels of all images together, when they were counted.
    """

    pixels: int
    valid: int
    holes: int | None
    given: int | None = None

    @property
    def fraction(self) -> float:
        """Valid part of the mosaic's rectangle."""
        return self.valid / self.pixels


def mosaic_verdict(
    before: float | None,
    after: float | None,
    coverage: Coverage | None,
    *,
    pairs: Iterable[Pair] = (),
    changed: bool = False,
) -> Verdict:
    """Return how good a mosaic is: holes first, then how well the images match.

    Without `coverage` nothing was written.
    """
    if coverage is None:
        if after is None:
            return Verdict("usable", "Nothing was written and no overlaps were compared.")
        return overlap_verdict(before, after, pairs=pairs, changed=changed)
    if coverage.valid == 0:
        return Verdict("failed", "The mosaic has no valid pixel.")
    if after is None:
        text = f"The mosaic covers {100 * coverage.fraction:.3g} % of its rectangle. "
        return Verdict("usable", text + "No overlaps were compared.")
    matched = overlap_verdict(before, after, pairs=pairs, changed=changed)
    if not coverage.holes:
        return matched
    grade = "usable" if matched.grade == "good" else matched.grade
    text = f"{coverage.holes} pixels inside the images' footprints are empty. {matched.sentence}"
    return Verdict(grade, text, matched.thresholds)


def coverage_numbers(coverage: Coverage | None) -> tuple[Number, ...]:
    """Return the numbers about the mosaic's pixels."""
    if coverage is None:
        return ()
    given = coverage.given
    return (
        Number("Pixels of the mosaic", coverage.pixels),
        Number("Valid pixels of the mosaic", coverage.valid),
        *([] if given is None else [Number("Valid pixels of all images", given)]),
    )


def models_table(rows: Sequence[tuple[str, str, str, float]]) -> Table:
    """Return the table of models: step, files, computed or reused or edited, seconds it took."""
    return Table(
        "Models",
        ("Step", "Files", "In this run", "Seconds when computed"),
        tuple(rows),
        "Reused: nothing it is made of has changed. Edited: changed by hand since it was computed, "
        "and used as it is.",
    )


def steps_table(
    steps: Sequence[Step], peak_memory: float | None, written: Mapping[str, int] | None = None
) -> Table:
    """Return the table of what each step cost; `written` are bytes by the name of the step."""
    memory = "" if peak_memory is None else f"Peak memory of the process: {peak_memory:.0f} MiB."
    return Table(
        "What the run cost",
        ("Step", "Seconds", "CPU seconds", "Pixels read, MB", "Written, MB"),
        tuple(
            (
                step.name,
                round(step.seconds, 2),
                round(step.cpu_seconds, 2),
                round(step.read_bytes / MEGA, 1),
                round((written or {}).get(step.name, 0) / MEGA, 1),
            )
            for step in steps
        ),
        memory,
    )


def images_table(rows: Sequence[tuple[str, int, int, float]], unit: str) -> Table:
    """Return the table of images: name, valid pixels, pixels, area of the seam cell."""
    whole = sum(area for *_, area in rows)
    return Table(
        "Images",
        (
            "Image",
            "Valid pixels",
            "Pixels",
            f"Area in the mosaic, {unit}²",
            "Share of the mosaic, %",
        ),
        tuple((*row, 100 * row[-1] / whole if whole else 0.0) for row in rows),
    )


def cells_figure(
    shapes: Mapping[str, Sequence[Array]], lines: Sequence[Array], unit: str
) -> Figure:
    """Return the map of seam cells and seams."""
    return ground_map(
        shapes,
        lines=lines,
        title="Seam cells",
        caption="The part of the mosaic that each image gives; red: the seams.",
        unit=unit,
    )


def seams_figure(after: Thumbnail, lines: Sequence[Array]) -> tuple[Figure, ...]:
    """Return the seams (in map units) over the picture of the mosaic; nothing without either."""
    if not (lines and after.valid.any()):
        return ()
    drawn = [np.stack(after.picture.to_pixel(*line.T), 1) for line in lines]
    return (
        lines_over(
            _look(after, after.stretch()),
            drawn,
            title="Seams",
            caption="The mosaic; red: where one image takes over from another.",
        ),
    )


def before_and_after(before: Thumbnail, after: Thumbnail) -> tuple[Figure, ...]:
    """Return both pictures with one stretch; those that exist."""
    shown = [
        (title, one)
        for title, one in (
            ("Before: the images on top of each other", before),
            ("After: the mosaic", after),
        )
        if one.valid.any()
    ]
    if not shown:
        return ()
    stretch = shown[-1][1].stretch()
    return (
        picture_strip(
            [(title, _look(one, stretch)) for title, one in shown],
            caption="Both with the same stretch, so that brightness can be compared.",
        ),
    )


def _look(thumbnail: Thumbnail, stretch: Sequence[tuple[float, float]]) -> Array:
    return quick_look(thumbnail.values, thumbnail.valid, stretch)
