# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures 02 and 03 of a shift analysis: one component of the displacement over the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array
from ..matching.keypoints import KeyPoints
from .drawing import (
    BLUE,
    INK,
    MUTED,
    NORMAL,
    PALE,
    SMALL,
    Picture,
    Sheet,
    colormap,
    dots,
    few_ticks,
    framed,
    inches,
    note,
    scale,
    widened,
)
from .plot_options import ShiftPlot

LEFT, GAP, SIDE, UNDER = 0.8, 0.25, 2.7, 2.2
"""Inches: left of the map, between map and profiles, width and height of the profiles."""

COUNT_SHARE = 0.2
"""Part of a profile's height that the bars of counts may take."""

MEANING = {
    "dx": "dx (px, positive = right)",
    "dy": "dy (px, positive = down)",
}


@dataclass(frozen=True)
class Profile:
    """Points in bins of a coordinate: centers, mean, population std and count, none empty."""

    center: Array
    mean: Array
    std: Array
    count: Array


def profile(at: Array, values: Array, size: float) -> Profile:
    """Return the profile of values along a coordinate, in bins of `size` from 0 on."""
    if not len(at):
        return Profile(*(np.empty(0) for _ in range(4)))
    index = np.floor(at / max(size, 1e-6)).astype(np.int64)
    bins, place, count = np.unique(index, return_inverse=True, return_counts=True)
    mean = np.bincount(place, values) / count
    spread = np.sqrt(np.bincount(place, (values - mean[place]) ** 2) / count)
    return Profile((bins + 0.5) * size, mean, spread, count)


def component_figure(
    points: KeyPoints, component: str, reference: Picture, title: str, options: ShiftPlot
) -> Any:
    """Draw `component` ("dx" or "dy", px, y down) of the used points as map and as profiles."""
    used = points.chosen(points.used)
    values = getattr(used, component)
    sheet, boxes = _sheet(reference.aspect, inches(options.fig_size, 8.0), title)
    area, below, beside = (sheet.axes(*box) for box in boxes[:3])
    framed(area, reference)
    shown = _map(area, used, values, options)
    if not len(used):
        note(area, "no key points in the statistics")
    size = options.histo_mean_bin_size
    limits = _limits(values)
    _along_columns(below, profile(used.x0, values, size), limits, MEANING[component])
    _along_rows(beside, profile(used.y0, values, size), limits, MEANING[component])
    below.set_xlim(area.get_xlim())
    beside.set_ylim(area.get_ylim())
    below.set_xlabel("column (px)", fontsize=NORMAL, labelpad=2)
    area.set_xlabel("")
    area.tick_params(labelbottom=False)
    beside.tick_params(labelleft=False)
    _corner(sheet, boxes[3], shown, (component, values, size))
    return sheet.figure


def _sheet(aspect: float, size: float, title: str) -> tuple[Sheet, tuple[Sequence[float], ...]]:
    """The sheet, and the boxes of map, profile below, profile beside and the corner's texts."""
    side, under = SIDE * size / 12, UNDER * size / 12
    width = size - LEFT - GAP - side - 0.75
    height = float(np.clip(width * aspect, 1.6, 1.5 * size))
    width = min(width, height / aspect)
    top, right = 0.45, LEFT + width + GAP
    low = top + height + GAP
    boxes = (
        (LEFT, top, width, height),
        (LEFT, low, width, under),
        (right, top, side, height),
        (right + 0.75, low + 0.75, side - 0.3, under),
    )
    wide, tall = right + max(side + 0.75, 3.3), low + max(under, 2.2) + 0.6
    return Sheet(max(size, wide), tall, title), boxes


def _map(axes: Any, used: KeyPoints, values: Array, options: ShiftPlot) -> Any:
    low, high = color_limits(values)
    if not options.scatter_auto_limit:
        low, high = sorted((options.scatter_min_limit, options.scatter_max_limit))
    colors = colormap(options.scatter_colormap, "coolwarm")
    return dots(axes, used.x0, used.y0, values, cmap=colors, norm=scale(low, high))


def color_limits(values: Array) -> tuple[float, float]:
    """Return mean - 3 std and mean + 3 std, made equal on both sides of 0 where they hold 0.

    Where all values lie on one side, 0 as the middle would leave one color for all points.
    """
    if not len(values):
        return -1.0, 1.0
    mean, spread = float(values.mean()), 3 * float(values.std())
    if abs(mean) >= spread > 0.003:
        return mean - spread, mean + spread
    most = max(abs(mean) + spread, 0.01)
    return -most, most


def _limits(values: Array) -> tuple[float, float]:
    """Limits of a profile's axis: the middle 99 % of the points, and room for the counts."""
    if not len(values):
        return -1.0, 1.0
    low, high = (float(value) for value in np.percentile(values, (0.5, 99.5)))
    low, high = widened(low, high, 0.02)
    return low - (COUNT_SHARE + 0.15) * (high - low), high + 0.08 * (high - low)


def _along_columns(axes: Any, found: Profile, limits: tuple[float, float], label: str) -> None:
    counts = axes.twinx()
    counts.fill(*_bars(found), color=PALE, linewidth=0)
    counts.set_ylim(0, found.count.max(initial=1) / COUNT_SHARE)
    counts.set_yticks(_count_ticks(found))
    counts.set_ylabel("points per bin", fontsize=SMALL, color=MUTED)
    _behind(axes, counts)
    axes.fill_between(found.center, found.mean - found.std, found.mean + found.std, **_BAND)
    axes.plot(found.center, found.mean, **_line(found))
    axes.axhline(0, **_ZERO)
    axes.set_ylim(limits)
    few_ticks(axes)
    axes.set_ylabel(label, fontsize=NORMAL)


def _along_rows(axes: Any, found: Profile, limits: tuple[float, float], label: str) -> None:
    counts = axes.twiny()
    counts.fill(*_bars(found)[::-1], color=PALE, linewidth=0)
    counts.set_xlim(0, found.count.max(initial=1) / COUNT_SHARE)
    counts.set_xticks(_count_ticks(found))
    counts.set_xlabel("points per bin", fontsize=SMALL, color=MUTED)
    _behind(axes, counts)
    axes.fill_betweenx(found.center, found.mean - found.std, found.mean + found.std, **_BAND)
    axes.plot(found.mean, found.center, **_line(found))
    axes.axvline(0, **_ZERO)
    axes.set_xlim(limits)
    few_ticks(axes)
    axes.set_xlabel(label, fontsize=NORMAL, labelpad=2)


_BAND: dict[str, Any] = {"color": BLUE, "alpha": 0.25, "linewidth": 0}
_ZERO: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": (0, (4, 3))}


def _line(found: Profile) -> dict[str, Any]:
    alone = {"marker": "o", "markersize": 4} if len(found.center) < 30 else {}
    return {"color": BLUE, "linewidth": 1.2, **alone}


def _bars(found: Profile) -> tuple[Array, Array]:
    """Outline of all bars as one polygon: positions and counts of its corners."""
    half = np.diff(found.center).min(initial=2 * found.center.max(initial=0.5)) / 2
    across = found.center[:, None] + half * np.array([-1, -1, 1, 1])
    return across.ravel(), (found.count[:, None] * np.array([0, 1, 1, 0])).ravel()


def _count_ticks(found: Profile) -> list[int]:
    return [0, int(found.count.max(initial=1))]


def _behind(axes: Any, counts: Any) -> None:
    """Put the bars behind the curves."""
    axes.set_zorder(counts.get_zorder() + 1)
    axes.patch.set_visible(False)
    counts.tick_params(labelsize=SMALL, colors=MUTED, length=2)
    for spine in counts.spines.values():
        spine.set_visible(False)


def _corner(sheet: Sheet, box: Sequence[float], shown: Any, what: tuple[str, Array, float]) -> None:
    """Draw the scale of colors, and write the numbers and what the curves are."""
    component, values, size = what
    left, top, width, _ = box
    norm = shown.norm
    centered = "0 in the middle" if abs(norm.vmin + norm.vmax) < 1e-9 else "0 is not in the middle"
    sheet.colorbar(shown, (left, top, width, 0.16), f"{component} (px), {centered}")
    texts = [f"curve: mean in bins of {size:g} px", "band: ± 1 std of the points"]
    if len(values):
        middle = float(np.median(values))
        nmad = 1.4826 * float(np.median(np.abs(values - middle)))
        texts += [
            f"{len(values):,} points",
            f"mean {values.mean():.3f}, std {values.std():.3f} px",
            f"median {middle:.3f}, NMAD {nmad:.3f} px",
        ]
    sheet.text(left, top + 0.72, "\n".join(texts), fontsize=SMALL, linespacing=1.4)
