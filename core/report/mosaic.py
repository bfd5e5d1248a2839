# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a mosaic: verdict, numbers, steps, footprints and seams, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..image import Array
from .figures import ground_map, picture_strip, quick_look
from .html import Figure, Number, Table, Verdict
from .overlaps import overlap_verdict
from .thumbnail import Thumbnail

MEGA = 1e6


@dataclass(frozen=True)
class Step:
    """What a part of the run cost."""

    name: str
    seconds: float
    cpu_seconds: float
    read_bytes: int
    written_bytes: int = 0


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


def mosaic_verdict(before: float | None, after: float | None, coverage: Coverage) -> Verdict:
    """Return how good a mosaic is: holes first, then how well the images match."""
    if coverage.valid == 0:
        return Verdict("failed", "The mosaic has no valid pixel.")
    if after is None:
        text = f"The mosaic covers {100 * coverage.fraction:.3g} % of its rectangle. "
        return Verdict("usable", text + "Its colors were not matched, or no images overlap.")
    matched = overlap_verdict(before, after)
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
        Number("Covered", 100 * coverage.fraction, "%"),
        Number("Empty pixels inside the footprints", coverage.holes),
    )


def steps_table(steps: Sequence[Step], peak_memory: float | None) -> Table:
    """Return the table of what each step cost."""
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
                round(step.written_bytes / MEGA, 1),
            )
            for step in steps
        ),
        memory,
    )


def images_table(rows: Sequence[tuple[str, int, int, float | None]], unit: str) -> Table:
    """Return the table of images: name, valid pixels, pixels, area used in the mosaic."""
    return Table(
        "Images",
        ("Image", "Valid pixels", "Pixels", f"Area in the mosaic, {unit}²"),
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
