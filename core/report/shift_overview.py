# SPDX-License-Identifier: GPL-2.0-or-later
"""Figure 01 of a shift analysis: both images, size and direction of the displacements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..image import Array
from ..matching.keypoints import KeyPoints
from .drawing import (
    NORMAL,
    Picture,
    Sheet,
    colormap,
    dots,
    framed,
    inches,
    note,
    scale,
    shortened,
    show,
)
from .plot_options import OverviewPlot

WIDE, TALL = 0.38, 2.6
"""Height divided by width from where on the four panels stand in one column or one row."""

LEFT, GAP_X, GAP_Y, HEAD, BAR = 0.75, 0.8, 0.6, 0.3, 0.16
NARROW = 1.8
"""Least width of a panel, inches, so that its texts do not touch the next one's."""

COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW", "N")
SEEN = ("up", "", "right", "", "down", "", "left", "", "up")


def overview_figure(
    points: KeyPoints,
    reference: Picture,
    moving: Picture,
    title: str,
    options: OverviewPlot,
) -> Any:
    """Draw both images and the used points by radial error and by direction.

    Directions are those of the map when `points` has them, else those of the reference's pixels.
    """
    places, sheet = _sheet(reference.aspect, inches(options.fig_size), title)
    panels = [sheet.axes(*place) for place in places]
    for axes, picture, role in zip(panels, (moving, reference), ("Moving", "Reference")):
        show(axes, picture)
        _head(axes, f"{role}: {picture.name}")
    used = points.chosen(points.used)
    for axes, place, draw in zip(panels[2:], places[2:], (_by_size, _by_direction)):
        framed(axes, reference)
        shown = draw(axes, used, options)
        if not len(used):
            note(axes, "no key points in the statistics")
        low = place[1] + place[3] + 0.55
        bar = sheet.colorbar(shown, (place[0], low, place[2], BAR), _LABELS[draw])
        if draw is _by_direction:
            each = 1 if place[2] > 3 else 2
            bar.set_ticks(np.arange(0, 9, each) * 45.0)
            bar.set_ticklabels((COMPASS if _on_map(used) else SEEN)[::each])
    return sheet.figure


def _sheet(aspect: float, size: float, title: str) -> tuple[list[Sequence[float]], Sheet]:
    """Places of the four panels, and the sheet they fit."""
    columns = 1 if aspect < WIDE else 4 if aspect > TALL else 2
    width = (size - LEFT - 0.35 - (columns - 1) * GAP_X) / columns
    height = float(np.clip(width * aspect, 1.1, size))
    width = max(min(width, height / aspect), NARROW)
    step = height + HEAD + GAP_Y
    under = 0.75  # scale of colors below the panels of points
    places: list[Sequence[float]] = []
    for index in range(4):
        row, column = divmod(index, columns)
        lower = under * max(0, index - 2) if columns == 1 else 0.0
        left = LEFT + column * (width + GAP_X)
        places.append((left, HEAD + row * step + lower, width, height))
    last = places[-1]
    right, bottom = last[0] + last[2] + 0.35, last[1] + last[3] + 1.2
    return places, Sheet(max(size, right), bottom, title)


def _head(axes: Any, text: str) -> None:
    box = axes.get_position()
    letters = max(16, int(box.width * axes.figure.get_figwidth() * 72 / (NORMAL * 0.6)))
    axes.set_title(shortened(text, letters), fontsize=NORMAL, loc="left", pad=4)


def _by_size(axes: Any, used: KeyPoints, options: OverviewPlot) -> Any:
    error = used.radial_error
    most = options.shift_axes_limit
    if options.shift_auto_axes_limit:
        most = float(error.mean() + 3 * error.std()) if len(error) else 1.0
    _head(axes, "Radial error")
    colors = colormap(options.shift_colormap, "viridis")
    return dots(axes, used.x0, used.y0, error, cmap=colors, norm=scale(0.0, max(most, 0.01)))


def _by_direction(axes: Any, used: KeyPoints, options: OverviewPlot) -> Any:
    _head(axes, "Direction of the displacement")
    moved = used.chosen(used.radial_error > 0)
    if len(used) and not len(moved):
        note(axes, "every displacement is 0")
    colors = colormap(options.theta_colormap, "twilight_shifted")
    return dots(axes, moved.x0, moved.y0, _direction(moved), cmap=colors, norm=scale(0.0, 360.0))


_LABELS = {
    _by_size: "radial error (px)",
    _by_direction: "where the moving image lies",
}


def _on_map(used: KeyPoints) -> bool:
    return bool(np.isfinite(used.bearing).any())


def _direction(used: KeyPoints) -> Array:
    """Degrees clockwise from map north, or from the top of the reference."""
    return used.bearing if _on_map(used) else (used.angle + 90.0) % 360.0
