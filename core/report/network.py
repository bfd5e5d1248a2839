# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of images that were corrected together: graph of the pairs, tables, verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deps import require
from .drawing import BLUE, INK, MUTED, ORANGE, SMALL, Sheet, colormap, inline_svg, scale, shortened
from .html import Figure, Number, Repeat, Report, Table, Verdict, figure_of

THRESHOLDS = (
    "Accepted: no pair and no group of connected images gets worse, and no image is scaled beyond "
    "0.9 to 1.1. Good: the residual after is at most 0.5 px."
)

GOOD = 0.5
"""Residual after the correction up to which it is good, px."""

NAMED = 40
"""Images that are named in the graph; more would cover each other."""

WIDE, HIGH = 8.6, 6.2
"""Size of the graph, inches."""

LENGTH = 0.12
"""Length of the longest arrow, as a share of the extent."""

READING = (
    "The residual is the root of the mean squared distance at which two images show the same tie "
    "point, in pixels of the coarser one. One tie point in five takes no part in the correction, "
    "and the residuals are theirs.",
    "Images of one group are connected by overlaps with tie points; groups are corrected apart "
    "from each other, and without a fixed image the mean correction of a group is nothing.",
    "Around three images that overlap each other, displacements must add up to nothing. Where they "
    "do not, one of the three pairs is mismatched, or the ground stands up and shows parallax.",
)


@dataclass(frozen=True)
class ImageRow:
    """An image: group, map position of its middle, correction there (map units), what it is."""

    name: str
    group: int
    place: tuple[float, float]
    correction: tuple[float, float]
    rotation: float
    scale: float
    fate: str


@dataclass(frozen=True)
class PairRow:
    """A pair by the numbers of its images; without tie points the reason stands in `missing`."""

    first: int
    second: int
    points: int
    before: float
    after: float
    missing: str = ""


@dataclass(frozen=True)
class NetworkFacts:
    """What a report tells; `unit`: short name of the map units."""

    accepted: bool
    reason: str
    after: float
    numbers: tuple[Number, ...]
    images: tuple[ImageRow, ...]
    pairs: tuple[PairRow, ...]
    loops: tuple[tuple[str, float, float, str], ...] = ()
    warnings: tuple[str, ...] = ()
    repeat: Repeat = field(default_factory=Repeat)
    unit: str = "map units"


def network_report(facts: NetworkFacts) -> Report:
    """Return the report of a set of images."""
    grade = "good" if facts.after <= GOOD else "usable"
    return Report(
        title="Co-registration of a set",
        verdict=Verdict(grade if facts.accepted else "failed", facts.reason, THRESHOLDS),
        numbers=facts.numbers,
        figures=(graph(facts),),
        tables=tuple(network_tables(facts)),
        skipped=unmatched(facts),
        reading=READING,
        warnings=facts.warnings,
        repeat=facts.repeat,
    )


def network_tables(facts: NetworkFacts) -> Iterator[Table]:
    """Yield the tables of pairs, images and triangles that do not close."""
    unit = facts.unit or "map units"
    matched = sorted((pair for pair in facts.pairs if not pair.missing), key=lambda p: -p.after)
    yield Table(
        "Pairs, worst first",
        ("Pair", "Tie points", "Residual before, px", "Residual after, px"),
        tuple((_pair_name(facts, p), p.points, p.before, p.after) for p in matched),
    )
    yield Table(
        "Images",
        ("Image", "Group", f"East, {unit}", f"North, {unit}", "Rotation, °", "Scale", ""),
        tuple(
            (row.name, row.group or None, *row.correction, row.rotation, row.scale, row.fate)
            for row in facts.images
        ),
        "Where the image, as it is stored, shows its middle, seen from where that truly lies; "
        "rotation clockwise.",
    )
    if facts.loops:
        yield Table(
            "Triangles that do not close, worst first",
            ("Images", "Sum of displacements, px", "Its deviation, px", "Doubtful pair"),
            facts.loops,
        )


def unmatched(facts: NetworkFacts) -> tuple[tuple[str, str], ...]:
    """Return the pairs without tie points, and why."""
    return tuple((_pair_name(facts, pair), pair.missing) for pair in facts.pairs if pair.missing)


def _pair_name(facts: NetworkFacts, pair: PairRow) -> str:
    return f"{facts.images[pair.first].name} – {facts.images[pair.second].name}"


def graph(facts: NetworkFacts) -> Figure:
    """Draw images at their places, pairs as lines of the color of what is left, corrections."""
    title = "Graph of the images"
    caption = (
        "A line joins two images with tie points; its color is their residual after the "
        "correction. Dashed: they overlap and could not be matched. Arrows: the correction of each "
        "image, that is where its pixels go, drawn much longer than it is."
    )
    return figure_of(title, caption, lambda: _drawn(facts))


def _drawn(facts: NetworkFacts) -> str:
    images, pairs, unit = facts.images, facts.pairs, facts.unit or "map units"
    places = np.array([row.place for row in images], float)
    moved = -np.array([row.correction for row in images], float)
    sheet = Sheet(WIDE, HIGH, "Residual of pairs, and corrections")
    axes = sheet.axes(0.9, 0.15, WIDE - 1.2, HIGH - 1.5)
    after = np.array([pair.after for pair in pairs if not pair.missing])
    norm, colors = scale(0.0, float(after.max(initial=0.1))), colormap("viridis_r", "viridis")
    for pair in pairs:
        x, y = places[[pair.first, pair.second]].T
        if pair.missing:
            axes.plot(x, y, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
        else:
            axes.plot(x, y, color=colors(norm(pair.after)), linewidth=2.2, zorder=2)
    groups = np.array([row.group for row in images])
    axes.scatter(*places[groups > 0].T, s=34, color=BLUE, edgecolors="white", zorder=4)
    axes.scatter(*places[groups == 0].T, s=34, color="white", edgecolors=MUTED, zorder=4)
    extent = float(np.ptp(places, axis=0).max()) or 1.0
    longest = float(np.hypot(*moved.T).max(initial=0.0))
    if longest > 0:
        shown = moved * (LENGTH * extent / longest)
        how = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004, "zorder": 5}
        axes.quiver(*places.T, *shown.T, color=ORANGE, **how)
        text = f"longest arrow: {longest:.3g} {unit}, drawn {extent * LENGTH / longest:,.0f} ×"
        sheet.text(0.9, HIGH - 0.3, text, color=ORANGE)
    _named(axes, images, places)
    _framed(axes, unit)
    if longest > 0:
        # arrows ask for no room of their own
        axes.update_datalim(places + shown)
        axes.autoscale_view()
    shown_colors = require("matplotlib.cm", "Figures").ScalarMappable(norm, colors)
    box = (WIDE - 3.4, HIGH - 0.75, 3.0, 0.12)
    sheet.colorbar(shown_colors, box, "residual of a pair after the correction (px)")
    return inline_svg(sheet.figure)


def _named(axes: Any, images: Sequence[ImageRow], places: NDArray[np.float64]) -> None:
    if len(images) > NAMED:
        return
    for row, place in zip(images, places):
        axes.annotate(
            shortened(row.name, 24),
            place,
            xytext=(6, 6),
            textcoords="offset points",
            fontsize=SMALL,
            color=INK,
            zorder=6,
        )


def _framed(axes: Any, unit: str) -> None:
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.15)
    axes.set_xlabel(f"x ({unit})", fontsize=SMALL)
    axes.set_ylabel(f"y ({unit})", fontsize=SMALL)
    axes.ticklabel_format(useOffset=False, style="plain")


def finite(value: float) -> float | None:
    """Return a number as reports and results have it: None when it could not be computed."""
    return value if math.isfinite(value) else None
