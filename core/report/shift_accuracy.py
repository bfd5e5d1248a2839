# SPDX-License-Identifier: GPL-2.0-or-later
"""Figure 04 of a shift analysis: the cloud of displacements, its circles, and the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array
from ..matching.accuracy import Accuracy, Axis, Distances
from ..matching.keypoints import KeyPoints
from .drawing import (
    ALARM,
    BLUE,
    INK,
    MUTED,
    NORMAL,
    ORANGE,
    PAPER,
    SMALL,
    Sheet,
    colormap,
    dots,
    few_ticks,
    inches,
    note,
    plain_letters,
    scale,
    wrapped,
)
from .plot_options import CePlot

CELLS = 80
"""Cells along each axis in which points are counted for their color."""

BINS = 41
LOW = 4.4
"""Upper edge of the curve of radial errors, inches."""

CROWDED = 8.0
"""A cloud this many times smaller than the axes is drawn a second time, enlarged."""

STEPS = np.linspace(0, 100, 301)
"""Percentages at which the curve of radial errors has a corner."""


UPRIGHT = 0.95
"""Cosine of the largest angle (18 degrees) between rows and columns and the map's directions."""


@dataclass(frozen=True)
class Setting:
    """What was compared how: told beside the numbers.

    `crs` and `moving_crs` are names of the two CRS ("" = none), `pixel_size` those of the
    reference in map units (None = not known), `confidence` and `tolerance` (px) of the request,
    `seen`: rows that turn (dx, dy) into px to the right and down as the map shows them.
    """

    crs: str = ""
    moving_crs: str = ""
    pixel_size: tuple[float, float] | None = None
    confidence: float = 0.4
    tolerance: float = 0.5
    seen: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))

    @property
    def turned(self) -> str:
        """What right and down mean where the map shows them otherwise, "" where it does not."""
        right, down = self.seen[0][0], self.seen[1][1]
        if min(right, down) >= UPRIGHT:
            return ""
        if right >= UPRIGHT and down <= -UPRIGHT:
            return (
                "The rows of the reference run upward on the map: what is down in dy and in the "
                "figures is up on the map."
            )
        return (
            "The reference lies turned or mirrored on the map: right and down in dx, dy and the "
            "figures follow its columns and rows."
        )

    @property
    def doubt(self) -> str:
        """What makes map units doubtful, "" for nothing."""
        if not self.crs:
            lacking = "The reference has" if self.moving_crs else "The images have"
            source = "come from PIXEL_SIZE" if self.pixel_size else "are not known"
            return f"{lacking} no CRS: map units {source}."
        if self.crs != self.moving_crs:
            moving = self.moving_crs or "none"
            return f"The CRS differ: reference {self.crs}, moving image {moving}."
        return ""


@dataclass(frozen=True)
class _Cloud:
    """Vectors in one unit, as they are drawn: y upward on paper unless `down`."""

    x: Array
    y: Array
    names: tuple[str, str]
    found: Distances
    down: bool


def accuracy_figure(
    points: KeyPoints, numbers: Accuracy, setting: Setting, title: str, options: CePlot
) -> Any:
    """Draw the used points in map units, or in pixels where the size of a pixel is not known."""
    high = inches(options.fig_size, 7.5)
    sheet, cloud = Sheet(high * 5 / 3, high - 0.4, title), _cloud(points, numbers)
    side = high - 0.4 - 3.0
    left, top = 0.95, 1.25
    main = sheet.axes(left, top, side, side)
    above = sheet.axes(left, 0.1, side, 1.0)
    beside = sheet.axes(left + side + 0.15, top, 1.0, side)
    limit = _limit(cloud, _per_pixel(numbers, setting))
    shown = _scatter(main, cloud, limit, options)
    label = "points in a cell of 1/80 of the axes' length"
    sheet.colorbar(shown, (left, top + side + 0.62, side, 0.14), label)
    _histogram(above, cloud.x, cloud.found.x, limit)
    _histogram(beside, cloud.y, cloud.found.y, limit, upright=True)
    beside.set_ylim(main.get_ylim())
    right = left + side + 2.0
    width = sheet.width - right - 0.3
    _numbers(sheet, (right, 0.1, width), numbers, (setting, _outside(cloud, limit)))
    curve = sheet.axes(right + 0.3, LOW, width - 0.3, sheet.height - sheet.top - LOW - 0.65)
    _cumulative(curve, cloud, setting, numbers)
    if len(cloud.x):
        corner = ((left + side + 0.1) / sheet.width, 1 - (sheet.top + 0.02) / sheet.height)
        place = {"loc": "upper left", "bbox_to_anchor": corner, "borderaxespad": 0}
        handles = main.get_legend_handles_labels()
        sheet.figure.legend(*handles, frameon=False, fontsize=SMALL, **place)
    return sheet.figure


def _per_pixel(numbers: Accuracy, setting: Setting) -> float:
    """Length of a pixel in the unit that is drawn."""
    if numbers.ground is None:
        return 1.0
    if numbers.pixels.ce90 > 0:
        return numbers.ground.ce90 / numbers.pixels.ce90
    return float(np.mean(setting.pixel_size)) if setting.pixel_size else 1.0


def _cloud(points: KeyPoints, numbers: Accuracy) -> _Cloud:
    used = points.chosen(points.used)
    if numbers.ground is None:
        names = ("dx (px, positive = right)", "dy (px, positive = down)")
        return _Cloud(used.dx, used.dy, names, numbers.pixels, down=True)
    unit = plain_letters(numbers.ground.unit or "map units")
    names = (f"east ({unit})", f"north ({unit})")
    return _Cloud(used.east, used.north, names, numbers.ground, down=False)


def _limit(cloud: _Cloud, per_pixel: float) -> float:
    """Half the length of the axes: holds 0, the circles and 99 % of the points."""
    if not len(cloud.x):
        return 1.0
    far = np.percentile(np.maximum(np.abs(cloud.x), np.abs(cloud.y)), 99)
    return 1.12 * max(float(far), cloud.found.ce95, 0.01 * per_pixel)


def _outside(cloud: _Cloud, limit: float) -> int:
    return int(np.count_nonzero(np.maximum(np.abs(cloud.x), np.abs(cloud.y)) > limit))


def _scatter(axes: Any, cloud: _Cloud, limit: float, options: CePlot) -> Any:
    colors = colormap(options.ce_scatter_colormap, "viridis")
    axes.set_xlim(-limit, limit)
    axes.set_ylim((limit, -limit) if cloud.down else (-limit, limit))
    shown = _dense(axes, cloud, (0.0, 0.0), limit, colors)
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.axvline(0, color=MUTED, linewidth=0.7)
    few_ticks(axes)
    axes.set_xlabel(cloud.names[0], fontsize=NORMAL, labelpad=2)
    axes.set_ylabel(cloud.names[1], fontsize=NORMAL, labelpad=2)
    if not len(cloud.x):
        note(axes, "no key points in the statistics")
        return shown
    _circles(axes, cloud.found)
    _enlarged(axes, cloud, limit, colors)
    return shown


def _dense(axes: Any, cloud: _Cloud, center: tuple[float, float], half: float, colors: Any) -> Any:
    """Draw the points inside a square, colored by how many lie in a point's cell."""
    axes.set_facecolor(PAPER)
    x, y = cloud.x - center[0], cloud.y - center[1]
    inside = (np.abs(x) <= half) & (np.abs(y) <= half)
    x, y = x[inside], y[inside]
    col, row = (np.minimum((v / half + 1) / 2 * CELLS, CELLS - 1).astype(np.int64) for v in (x, y))
    cell = col * CELLS + row
    count = np.bincount(cell, minlength=1)[cell].astype(float)
    norm = scale(0.0, max(1.0, float(count.max(initial=1.0))))
    return dots(axes, x + center[0], y + center[1], count, cmap=colors, norm=norm)


def _circles(axes: Any, found: Distances) -> None:
    turn = np.linspace(0, 2 * np.pi, 181)
    for name, radius, color, style in _radii(found):
        text = f"{name} = {radius:.3g} {plain_letters(found.unit)}"
        line = {"color": color, "linestyle": style, "linewidth": 1.6, "label": text}
        axes.plot(radius * np.cos(turn), radius * np.sin(turn), **line)


def _radii(found: Distances) -> tuple[tuple[str, float, str, str], ...]:
    return ("CE90", found.ce90, ALARM, "-"), ("CE95", found.ce95, ORANGE, "--")


def _enlarged(axes: Any, cloud: _Cloud, limit: float, colors: Any) -> None:
    """Draw a small cloud far from 0 a second time, in the corner that it does not touch."""
    half = 4 * max(float(cloud.x.std()), float(cloud.y.std()))
    if not limit / 2000 < half < limit / CROWDED:
        return
    x, y = float(np.median(cloud.x)), float(np.median(cloud.y))
    place = (0.63 if x < 0 else 0.12, 0.6 if (y > 0) == cloud.down else 0.07, 0.34, 0.34)
    inset = axes.inset_axes(place)
    inset.set_xlim(x - half, x + half)
    inset.set_ylim((y + half, y - half) if cloud.down else (y - half, y + half))
    _dense(inset, cloud, (x, y), half, colors)
    inset.set_title("the same points, enlarged", fontsize=SMALL, pad=3)
    inset.tick_params(labelsize=SMALL - 1)
    inset.locator_params(nbins=3)


def _histogram(axes: Any, values: Array, found: Axis, limit: float, upright: bool = False) -> None:
    """Draw the histogram of one axis with the normal curve of its mean and std."""
    edges = np.linspace(-limit, limit, BINS + 1)
    count = np.histogram(values, edges)[0]
    how: dict[str, Any] = {"color": BLUE, "alpha": 0.45, "linewidth": 0}
    draw = axes.barh if upright else axes.bar
    draw((edges[1:] + edges[:-1]) / 2, count, edges[1] - edges[0], **how)
    most = float(count.max(initial=1))
    if found.std > (edges[1] - edges[0]) / 2:  # a narrower curve would only hide the bar
        at = np.linspace(-limit, limit, 400)
        curve = np.exp(-0.5 * ((at - found.mean) / found.std) ** 2) / np.sqrt(2 * np.pi)
        curve *= len(values) * (edges[1] - edges[0]) / found.std
        most = max(most, float(curve.max()))
        axes.plot(*((curve, at) if upright else (at, curve)), color=INK, linewidth=1)
    _plain(axes, upright, most, limit)


def _plain(axes: Any, upright: bool, most: float, limit: float) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if upright:
        axes.set(xlim=(0, 1.1 * most), ylim=(-limit, limit), xticks=[int(most)])
        axes.set_xlabel("points", fontsize=SMALL)
        axes.tick_params(labelleft=False)
    else:
        axes.set(xlim=(-limit, limit), ylim=(0, 1.1 * most), yticks=[int(most)])
        axes.set_ylabel("points", fontsize=SMALL)
        axes.tick_params(labelbottom=False)


def _numbers(
    sheet: Sheet,
    box: tuple[float, float, float],
    numbers: Accuracy,
    known: tuple[Setting, int],
) -> None:
    left, top, width = box
    size = min(NORMAL, width * 72 / 0.61 / 53)
    style = {"fontfamily": "monospace", "fontsize": size, "linespacing": 1.35}
    lines = [*_table(numbers), "", *_facts(numbers, *known)]
    sheet.text(left, top, plain_letters("\n".join(lines)), **style)
    doubt = "\n".join(wrapped(known[0].doubt, width, size)[:2])
    above = LOW - 0.35  # the legend of the curve stands between
    sheet.text(left, above, doubt, fontsize=size, color=ALARM, fontweight="bold", va="bottom")


def _table(numbers: Accuracy) -> Iterator[str]:
    """Lines of the table of numbers: pixels (y down), and map units beside them."""
    found = [numbers.pixels, *([numbers.ground] if numbers.ground else [])]
    unit = numbers.ground.unit[:8] if numbers.ground else ""
    heads = ["dx px", "dy px", f"east {unit}", f"north {unit}"][: 2 * len(found)]
    yield " " * 9 + "".join(f"{head:>11}" for head in heads)
    for label, name in _ROWS:
        values = (getattr(axis, name) for one in found for axis in (one.x, one.y))
        yield f"{label:<9}" + "".join(f"{_short(value):>11}" for value in values)
    yield ""
    for label, name in (("RMSE", "rmse"), ("CE90", "ce90"), ("CE95", "ce95")):
        parts = (f"{_short(getattr(one, name))} {one.unit}" for one in found)
        yield f"{label:<9}" + " = ".join(parts)


_ROWS = (
    *(("min", "minimum"), ("max", "maximum"), ("median", "median"), ("mean", "mean")),
    *(("std", "std"), ("RMSE", "rmse"), ("NMAD", "nmad")),
)


def _short(value: float) -> str:
    return f"{value + 0.0:.4g}" if np.isfinite(value) else "–"


def _facts(numbers: Accuracy, setting: Setting, outside: int) -> Iterator[str]:
    yield "dx to the right, dy down, in pixels of the reference"
    what = "1 point" if numbers.n == 1 else f"{numbers.n:,} points"
    yield f"{what} with a score of {setting.confidence:g} or more"
    yield f"confident pixels: {_short(numbers.percent_confident)} % of the valid ones"
    size = setting.pixel_size
    if size:
        unit = numbers.ground.unit if numbers.ground else "map units"
        yield f"pixel size: {size[0]:.6g} x {size[1]:.6g} {unit}"
    yield f"CRS: {setting.crs[:44] or 'none'}"
    if outside:
        yield f"outside of the axes: {outside:,} points"


def _cumulative(axes: Any, cloud: _Cloud, setting: Setting, numbers: Accuracy) -> None:
    """Draw which share of the points has which radial error."""
    unit = plain_letters(cloud.found.unit)
    axes.set_xlabel(f"radial error ({unit})", fontsize=NORMAL, labelpad=2)
    axes.set_ylabel("points within (%)", fontsize=NORMAL, labelpad=2)
    axes.set_ylim(0, 100)
    axes.grid(color=PAPER, linewidth=0.8)
    if not len(cloud.x):
        note(axes, "no key points in the statistics")
        return
    error = np.hypot(cloud.x, cloud.y)
    axes.plot(np.percentile(error, STEPS), STEPS, color=BLUE, linewidth=1.8)
    for name, radius, color, style in _radii(cloud.found):
        axes.axvline(radius, color=color, linestyle=style, linewidth=1.2, label=name)
    ends = [float(np.percentile(error, 99.5)), cloud.found.ce95]
    asked = setting.tolerance * _per_pixel(numbers, setting)
    if max(ends) == 0 or asked < 4 * max(ends):
        text = f"tolerance {setting.tolerance:g} px"
        axes.axvline(asked, label=text, color=INK, linestyle=":", linewidth=1.4)
        ends.append(asked)
    axes.set_xlim(0, max(1.08 * max(ends), 1e-3))
    few_ticks(axes)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncol=3, fontsize=SMALL, frameon=False)
