# SPDX-License-Identifier: GPL-2.0-or-later
"""Spectral profiles of images before and after correction, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from .drawing import INK, MUTED, NORMAL, PALE, colormap, shortened
from .figures import CYCLE, band_title
from .html import Table

NAMED = 24
"""Images in the legend; the others are counted."""

SLANTED = 6
"""More letters than these in a name, and names below the axis are slanted when they are many."""


@dataclass(frozen=True)
class Profile:
    """An image's values per band: mean, and the band that `low` and `high` enclose."""

    name: str
    mean: Array
    std: Array
    low: Array
    high: Array
    pixels: int


@dataclass(frozen=True)
class ProfileLook:
    """How profiles are drawn; `positions` are wavelengths or None for equal steps."""

    title: str = "Spectral profiles"
    bands_axis: str = "Band"
    values_axis: str = "Mean value"
    line_width: float = 1.0
    legend: bool = True
    spread: bool = False
    positions: tuple[float, ...] | None = None
    band_names: tuple[str, ...] = ()
    size: tuple[float, float] = (10.0, 6.0)


def profile_figure(pairs: Sequence[tuple[Profile, Profile]], look: ProfileLook) -> Any:
    """Return a figure with one color for each image, dashed before and solid after."""
    figure = require("matplotlib.figure", "Figures").Figure(figsize=look.size, dpi=100)
    figure.patch.set_facecolor("white")
    axes = figure.add_subplot()
    bands = len(pairs[0][0].mean)
    x = np.arange(bands) if look.positions is None else np.array(look.positions)
    order = np.argsort(x, kind="stable")
    for number, (before, after) in enumerate(pairs):
        color = _color(number, len(pairs))
        for profile, style in ((before, (0, (4, 2.2))), (after, "-")):
            how = {"color": color, "linestyle": style, "linewidth": look.line_width}
            axes.plot(x[order], profile.mean[order], marker="o", markersize=2.5, **how)
        if look.spread:
            ends = (after.low[order], after.high[order])
            axes.fill_between(x[order], *ends, color=color, alpha=0.12, linewidth=0)
    _axes(axes, x, look)
    if look.legend:
        _legend(axes, [before.name for before, _ in pairs])
    axes.set_title(shortened(look.title, 120), loc="left", color=INK, fontweight="bold")
    figure.tight_layout()
    return figure


def profile_table(pairs: Sequence[tuple[Profile, Profile]], band_names: Sequence[str]) -> Table:
    """Return means and spreads of all images and bands."""
    rows = []
    for before, after in pairs:
        for band in range(len(before.mean)):
            rows.append(
                (
                    before.name,
                    band_title(band_names, band),
                    *(float(v[band]) for v in (before.mean, after.mean, before.std, after.std)),
                )
            )
    columns = ("Image", "Band", "Mean before", "Mean after", "Std before", "Std after")
    return Table("Values of each image", columns, tuple(rows))


def mean_spread(profiles: Sequence[Profile]) -> float | None:
    """Return how far the means of images differ: std over images in % of the mean, over bands."""
    means = np.array([profile.mean for profile in profiles if profile.pixels])
    if not len(means):
        return None
    level = np.abs(means.mean(0))
    known = level > 0
    return float((100 * means.std(0)[known] / level[known]).mean()) if known.any() else None


def _color(number: int, count: int) -> Any:
    if count <= len(CYCLE):
        return CYCLE[number]
    return colormap("turbo", "viridis")(0.05 + 0.9 * number / max(1, count - 1))


def _axes(axes: Any, x: Array, look: ProfileLook) -> None:
    axes.set_xlabel(shortened(look.bands_axis, 80), color=INK)
    axes.set_ylabel(shortened(look.values_axis, 80), color=INK)
    axes.grid(color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=NORMAL, color=MUTED)
    if look.positions is not None:
        return
    names = [
        look.band_names[at] if at < len(look.band_names) and look.band_names[at] else str(at + 1)
        for at in range(len(x))
    ]
    step = max(1, len(x) // 30)
    slanted = max(map(len, names)) > SLANTED and len(names) > SLANTED
    how: dict[str, Any] = {"rotation": 40, "ha": "right"} if slanted else {}
    axes.set_xticks(x[::step])
    axes.set_xticklabels([shortened(name, 24) for name in names[::step]], **how)


def _legend(axes: Any, names: Sequence[str]) -> None:
    """Colors of the images, then what the two kinds of lines mean."""
    line = require("matplotlib.lines", "Figures").Line2D
    handles = [
        line([], [], color=_color(number, len(names)), label=shortened(name, 32))
        for number, name in enumerate(names[:NAMED])
    ]
    if len(names) > NAMED:
        handles.append(line([], [], alpha=0, label=f"and {len(names) - NAMED} more"))
    handles.append(line([], [], color=MUTED, linestyle=(0, (4, 2.2)), label="before"))
    handles.append(line([], [], color=MUTED, label="after"))
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
    axes.legend(handles=handles, frameon=False, fontsize=NORMAL, **place)
