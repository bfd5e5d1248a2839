# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a mosaic: verdict, numbers, steps, footprints and seams, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..image import Array
from .figures import ground_map, picture_strip, quick_look
from .html import Figure, Number, Table, Verdict
from .overlaps import overlap_verdict
from .thumbnail import Thumbnail

MEGA = 1e6


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
    """Pixels of the mosaic: all, valid, and invalid inside the seam cells (None: no cells)."""

    pixels: int
    valid: int
    holes: int | None

    @property
    def fraction(self) -> float:
        """Valid part of the mosaic's rectangle."""
        return self.valid / self.pixels


def mosaic_verdict(
    before: float | None, after: float | None, coverage: Coverage, *, changed: bool = False
) -> Verdict:
    """Return how good a mosaic is: holes first, then how well the images match."""
    if coverage.valid == 0:
        return Verdict("failed", "The mosaic has no valid pixel.")
    if after is None:
        text = f"The mosaic covers {100 * coverage.fraction:.3g} % of its rectangle. "
        return Verdict("usable", text + "No overlaps were compared.")
    matched = overlap_verdict(before, after, changed=changed)
    if not coverage.holes:
        return matched
    grade = "usable" if matched.grade == "good" else matched.grade
    text = f"{coverage.holes} pixels inside the images' footprints are empty. {matched.sentence}"
    return Verdict(grade, text, matched.thresholds)


def coverage_numbers(coverage: Coverage) -> tuple[Number, ...]:
    """Return the numbers about the mosaic's pixels."""
    return (
        Number("Pixels", coverage.pixels),
        Number("Valid pixels", coverage.valid),
    )


def steps_table(steps: Sequence[Step], peak_memory: float | None) -> Table:
    """Return the table of what each step cost."""
    memory = "" if peak_memory is None else f"Peak memory of the process: {peak_memory:.0f} MiB."
    return Table(
        "What the run cost",
        ("Step", "Seconds", "CPU seconds", "Pixels read, MB"),
        tuple(
            (
                step.name,
                round(step.seconds, 2),
                round(step.cpu_seconds, 2),
                round(step.read_bytes / MEGA, 1),
            )
            for step in steps
        ),
        memory,
    )


def images_table(rows: Sequence[tuple[str, int, int, float]]) -> Table:
    """Return the table of images: name, valid pixels, pixels, area of the seam cell."""
    return Table(
        "Images",
        ("Image", "Valid pixels", "Pixels", "Area in the mosaic, map units²"),
        tuple(rows),
    )


def cells_figure(shapes: Mapping[str, Sequence[Array]], lines: Sequence[Array]) -> Figure:
    """Return the map of seam cells and seams."""
    return ground_map(
        shapes,
        lines=lines,
        title="Seam cells",
        caption="The part of the mosaic that each image gives; red: the seams.",
    )


def before_and_after(before: Thumbnail, after: Thumbnail) -> Figure:
    """Return both pictures with one stretch."""
    stretch = after.stretch()
    return picture_strip(
        [
            ("Before: the images on top of each other", _look(before, stretch)),
            ("After: the mosaic", _look(after, stretch)),
        ],
        caption="Both with the same stretch, so that brightness can be compared.",
    )


def _look(thumbnail: Thumbnail, stretch: Sequence[tuple[float, float]]) -> Array:
    return quick_look(thumbnail.values, thumbnail.valid, stretch)
