# SPDX-License-Identifier: GPL-2.0-or-later
"""Figure 05 of a shift analysis: arrows of the local displacement, and what a model leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array
from ..matching.accuracy import Accuracy, Displacing
from ..matching.keypoints import Column, KeyPoints
from .drawing import (
    INK,
    NORMAL,
    SMALL,
    Picture,
    Sheet,
    colormap,
    dots,
    framed,
    inches,
    note,
    rounded_down,
    scale,
    show,
)
from .plot_options import OverviewPlot

CELLS = 16
"""Arrows along the longer side."""

WIDE = 0.5
"""Height divided by width from where on the panels stand below each other."""

ARROW = "#ffd92f"
WORTH = 1.05
"""A model with more unknowns is taken when a simpler one leaves this many times its RMSE."""

LEFT, GAP, HEAD = 0.75, 0.85, 0.35


@dataclass(frozen=True)
class Left:
    """What the best model leaves of each used point's displacement, px, and its radial RMSE."""

    model: str
    dx: Column
    dy: Column
    rmse: float


def best_model(points: KeyPoints, numbers: Accuracy) -> Left:
    """Return the residuals after the simplest model that leaves hardly more than any other."""
    used = points.chosen(points.used)
    found = [_left("median shift", *(v - np.median(v) if len(v) else v for v in _vectors(used)))]
    for name, solved in (("similarity", numbers.similarity), ("affine model", numbers.affine)):
        if solved is not None:
            rest = solved.model.residuals(used.x0, used.y0, used.dx, used.dy)
            found.append(_left(name, *rest))
    least = min(one.rmse for one in found)
    return next(one for one in found if one.rmse <= WORTH * least)


def _vectors(points: KeyPoints) -> tuple[Column, Column]:
    return points.dx, points.dy


def _left(model: str, dx: Column, dy: Column) -> Left:
    return Left(model, dx, dy, float(np.sqrt(np.mean(dx**2 + dy**2))) if len(dx) else 0.0)


def field_figure(
    points: KeyPoints,
    field: Displacing | None,
    numbers: Accuracy,
    reference: Picture,
    labels: tuple[str, OverviewPlot],
) -> Any:
    """Draw the local displacement over the reference, and the residuals beside it.

    Without a field the medians of the points in each cell are drawn. `labels` holds the title and
    the options whose size and colors are used.
    """
    title, options = labels
    places, sheet = _sheet(reference.aspect, inches(options.fig_size), title)
    over, beside = (sheet.axes(*place) for place in places)
    used, left = points.chosen(points.used), best_model(points, numbers)
    show(over, reference)
    framed(beside, reference)
    over.set_title("Local displacement", fontsize=NORMAL, loc="left", pad=4)
    text = f"Left after the {left.model}: RMSE {left.rmse:.3g} px"
    beside.set_title(text, fontsize=NORMAL, loc="left", pad=4)
    if not len(used):
        for axes in (over, beside):
            note(axes, "no key points in the statistics")
    cells = _cells(used, reference)
    x, y = (_medians(values, cells) for values in (used.x0, used.y0))
    moved = field.at(x, y) if field is not None else _cell_vectors(used.dx, used.dy, cells)
    _arrows(over, (x, y), moved, {"color": ARROW, "edgecolor": INK, "linewidth": 0.5})
    size = np.hypot(left.dx, left.dy)
    most = max(float(size.mean() + 3 * size.std()), 0.01) if len(size) else 1.0
    colors = colormap(options.shift_colormap, "viridis")
    shown = dots(beside, used.x0, used.y0, size, cmap=colors, norm=scale(0.0, most), alpha=0.6)
    rest = _cell_vectors(left.dx, left.dy, cells)
    _arrows(beside, (x, y), rest, {"color": INK, "edgecolor": "white", "linewidth": 0.5})
    at, top, width, height = places[1]
    sheet.colorbar(shown, (at, top + height + 0.95, width, 0.16), "length of the residual (px)")
    return sheet.figure


def _sheet(aspect: float, size: float, title: str) -> tuple[list[Sequence[float]], Sheet]:
    """Places of the two panels, and the sheet they fit."""
    beside = aspect >= WIDE
    columns = 2 if beside else 1
    width = (size - LEFT - 0.4 - (columns - 1) * GAP) / columns
    height = float(np.clip(width * aspect, 1.1, 1.2 * size))
    width = min(width, height / aspect)
    shift = (width + GAP, 0.0) if beside else (0.0, height + HEAD + 0.95)
    places: list[Sequence[float]] = [
        (LEFT, HEAD, width, height),
        (LEFT + shift[0], HEAD + shift[1], width, height),
    ]
    wide = max(LEFT + shift[0] + width + 0.4, 7.0)
    return places, Sheet(wide, HEAD + shift[1] + height + 1.6, title)


@dataclass(frozen=True)
class _Cells:
    """Which cell each point lies in: order of the points by cell, and where cells begin."""

    order: Array
    starts: Array


def _cells(used: KeyPoints, picture: Picture) -> _Cells:
    left, top, right, bottom = picture.frame
    step = max(right - left, bottom - top) / CELLS
    cell = np.floor((used.y0 - top) / step) * (2 * CELLS) + np.floor((used.x0 - left) / step)
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.diff(cell[order], prepend=np.nan))
    return _Cells(order, starts)


def _medians(values: Column, cells: _Cells) -> Column:
    parts = np.split(values[cells.order], cells.starts[1:])
    return np.array([np.median(part) for part in parts if len(part)])


def _cell_vectors(dx: Column, dy: Column, cells: _Cells) -> tuple[Column, Column]:
    return _medians(dx, cells), _medians(dy, cells)


def _arrows(
    axes: Any, at: tuple[Column, Column], vectors: tuple[Column, Column], style: dict[str, Any]
) -> None:
    """Draw arrows so long that the longest just do not touch, and below them what they mean."""
    length = np.hypot(*vectors)
    known = np.isfinite(length)
    longest = float(np.percentile(length[known], 98)) if known.any() else 0.0
    if longest <= 0:
        if known.any():
            _under(axes, "every displacement is 0")
        return
    spacing = max(abs(np.diff(axes.get_xlim())[0]), abs(np.diff(axes.get_ylim())[0])) / CELLS
    per_pixel = 0.95 * spacing / longest
    shape = {"width": 0.0045, "headwidth": 3.6, "headlength": 4.2, "headaxislength": 3.8}
    drawn = axes.quiver(
        *(values[known] for values in (*at, *vectors)),
        angles="xy",
        scale_units="xy",
        scale=1 / per_pixel,
        zorder=4,
        **shape,
        **style,
    )
    shown = rounded_down(longest)
    box = axes.get_position()
    low = box.y0 - 0.62 / axes.figure.get_figheight()
    key = {"coordinates": "figure", "labelpos": "E", "fontproperties": {"size": SMALL}}
    text = f"{shown:g} px (drawn {per_pixel:,.3g} times as long)"
    axes.quiverkey(drawn, box.x0 + 0.04, low, shown, text, **key)


def _under(axes: Any, text: str) -> None:
    box = axes.get_position()
    low = box.y0 - 0.65 / axes.figure.get_figheight()
    axes.figure.text(box.x0, low, text, fontsize=SMALL, color=INK)
