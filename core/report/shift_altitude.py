# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of a shift analysis by altitude: boxes, counts, mean, band, RMSE and slope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array
from ..matching.altitude import PER, Altitude, Bin, quantities
from ..matching.keypoints import KeyPoints
from .drawing import (
    ALARM,
    BLUE,
    INK,
    MUTED,
    NORMAL,
    ORANGE,
    PALE,
    SMALL,
    Sheet,
    few_ticks,
    inches,
    note,
    wrapped,
)
from .plot_options import DemPlot

QUANTITIES = {
    "dx": "dx (px, positive = right)",
    "dy": "dy (px, positive = down)",
    "radial": "radial error (px)",
}
"""What is drawn, by its name in Altitude, with the label of its axis."""

MOST_BOXES = 60
FEW_BINS = 4
"""With fewer bins, the points themselves are drawn behind the boxes."""

WHISKER = 1.5
"""Longest whiskers, in heights of the box."""


@dataclass(frozen=True)
class Heights:
    """Points with their heights, what was found about them, and what the heights are."""

    points: KeyPoints
    found: Altitude | None
    description: str = ""


def altitude_figure(heights: Heights, quantity: str, title: str, options: DemPlot) -> Any:
    """Draw one of QUANTITIES of the used points by height."""
    width = inches(options.fig_size, 8.0)
    sheet = Sheet(width, 0.53 * width, title)
    tall = sheet.height - sheet.top - 2.2
    axes = sheet.axes(0.85, 0.6, width - 1.15, tall)
    counts = sheet.axes(0.85, 0.6 + tall + 0.1, width - 1.15, 0.9)
    axes.set_ylabel(QUANTITIES[quantity], fontsize=NORMAL)
    counts.set_ylabel("points\nper bin", fontsize=SMALL)
    what = f"altitude ({heights.description or 'units of the DEM'})"
    lines = wrapped(what, width - 1.2, NORMAL)[:2]
    counts.set_xlabel("\n".join(lines), fontsize=NORMAL)
    axes.tick_params(labelbottom=False)
    if heights.found is None or not heights.found.bins:
        note(axes, "no key points with a height in the statistics")
        return sheet.figure
    used = heights.points.chosen(heights.points.used & np.isfinite(heights.points.altitude))
    values = quantities(used)[quantity]
    _counts(counts, heights.found.bins)
    _bins(axes, heights.found, quantity)
    _boxes(axes, used.altitude, values, heights.found.bins, options.show_fliers)
    _slope(axes, used.altitude, values, heights.found, quantity)
    _finish(axes, counts, values, heights.found.bins)
    return sheet.figure


def _counts(axes: Any, bins: tuple[Bin, ...]) -> None:
    middle, width = _places(bins)
    number = [one.n for one in bins]
    axes.bar(middle, number, 0.85 * width, color=PALE, edgecolor=MUTED, linewidth=0.5)
    axes.set_ylim(0, 1.35 * max(number))
    axes.set_yticks([0, max(number)])
    if len(bins) <= 20:
        for at, count in zip(middle, number):
            axes.text(at, count, f"{count:,}", ha="center", va="bottom", fontsize=SMALL)


def _places(bins: tuple[Bin, ...]) -> tuple[Array, float]:
    """Middles of the bins, and their width."""
    return np.array([(one.low + one.high) / 2 for one in bins]), bins[0].high - bins[0].low


def _bins(axes: Any, found: Altitude, quantity: str) -> None:
    """Draw mean, band and RMSE of the bins."""
    middle, _ = _places(found.bins)
    mean, std, rmse = (
        np.array([getattr(one, name)[quantity] for one in found.bins])
        for name in ("mean", "std", "rmse")
    )
    band = {"color": BLUE, "alpha": 0.2, "linewidth": 0, "label": "± 1 std of the points"}
    dot = {"marker": "o", "markersize": 4, "zorder": 4} if len(middle) <= MOST_BOXES else {}
    axes.fill_between(middle, mean - std, mean + std, **band)
    axes.plot(middle, mean, color=BLUE, linewidth=1.5, label="mean", **dot)
    axes.plot(middle, rmse, color=ORANGE, linewidth=1.3, linestyle="--", label="RMSE", **dot)


def _boxes(axes: Any, heights: Array, values: Array, bins: tuple[Bin, ...], fliers: bool) -> None:
    """Draw a box for each bin, or the points themselves behind few of them."""
    if len(bins) < FEW_BINS:
        dot = {"s": 5, "color": MUTED, "alpha": 0.35, "linewidths": 0, "zorder": 1}
        axes.scatter(heights, values, rasterized=True, **dot)
    if len(bins) > MOST_BOXES:
        return
    middle, width = _places(bins)
    owner = np.floor(heights / width).astype(np.int64)
    numbers = [int(np.floor((one.low + one.high) / 2 / width)) for one in bins]
    axes.bxp(
        [_box(values[owner == number]) for number in numbers],
        positions=middle,
        widths=0.5 * width,
        showfliers=fliers,
        manage_ticks=False,
        zorder=3,
        medianprops={"color": INK, "linewidth": 1.4},
        boxprops={"color": MUTED},
        whiskerprops={"color": MUTED},
        capprops={"color": MUTED},
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": MUTED},
    )


def _box(values: Array) -> dict[str, Any]:
    low, middle, high = (float(v) for v in np.percentile(values, (25, 50, 75)))
    reach = WHISKER * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    whiskers = {"whislo": float(inside.min()), "whishi": float(inside.max())}
    outside = values[(values < low - reach) | (values > high + reach)]
    return {"q1": low, "med": middle, "q3": high, "fliers": outside, **whiskers}


def _slope(axes: Any, heights: Array, values: Array, found: Altitude, quantity: str) -> None:
    slope = found.slopes.get(quantity)
    if slope is None:
        return
    ends = np.array([found.low, found.high])
    line = np.median(values) + slope.value / PER * (ends - np.median(heights))
    known = np.isfinite([slope.low, slope.high]).all()
    sure = f"95 %: {slope.low:.3g} to {slope.high:.3g}" if known else "interval not known"
    sure += ", not certain" if known and not slope.certain else ""
    text = f"slope {slope.value:.3g} px per {PER:g} of height ({sure})"
    axes.plot(ends, line, color=ALARM, linewidth=1.6, linestyle=":", label=text, zorder=5)


def _finish(axes: Any, counts: Any, values: Array, bins: tuple[Bin, ...]) -> None:
    """Give both axes the same heights, and a legend above the drawing."""
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    low, high = np.percentile(values, (0.2, 99.8))
    low, high = min(low, 0.0), max(high, 0.0)
    spare = max(0.08 * (high - low), 0.005)
    axes.set_ylim(low - spare, high + spare)
    few_ticks(axes)
    few_ticks(counts)
    counts.set_yticks([0, max(one.n for one in bins)])
    margin = 0.3 * (bins[0].high - bins[0].low)
    for one in (axes, counts):
        one.set_xlim(bins[0].low - margin, bins[-1].high + margin)
    columns = 4 if axes.figure.get_figwidth() > 10.5 else 2
    where = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncol": columns, "borderaxespad": 0.3}
    axes.legend(fontsize=SMALL, frameon=False, **where)
