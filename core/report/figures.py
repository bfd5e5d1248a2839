# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of reports, drawn by Matplotlib when it is there; never through pyplot.

Every function returns a Figure of `html`; without Matplotlib its markup is empty, and the report
says so in one line.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array, Mask
from .drawing import inline_svg, shortened
from .html import Figure, figure_of

BEFORE, AFTER = "#d58a4d", "#1f6f78"
LINE, GRID, TEXT = "#5d6873", "#dfe4e8", "#34424f"
BAND_COLORS = {"blue": "#2f6fb5", "green": "#3f8f4f", "red": "#c0392b", "nir": "#8e4585"}
CYCLE = ("#1f6f78", "#d58a4d", "#6a5aa8", "#3f8f4f", "#c0392b", "#8a6d00", "#2f6fb5", "#8c564b")

LABELED = 36
"""Rows with a name of their own; with more, values are drawn sorted and without names."""


def overlap_chart(
    labels: Sequence[str],
    before: Sequence[float | None],
    after: Sequence[float | None],
) -> Figure:
    """Draw the difference of each pair of images before and after, one row for each pair."""
    pairs = sorted(
        (
            (label, float(old), float(new))
            for label, old, new in zip(labels, before, after)
            if old is not None and new is not None
        ),
        key=lambda pair: pair[1],
    )
    title = "Difference in the overlaps"
    caption = "Difference of block means of two images without sign, % of mean; less is better."

    def draw() -> str:
        named = len(pairs) <= LABELED
        figure = _figure(8.2, 0.9 + (0.24 * len(pairs) if named else 3.2))
        axes = figure.add_subplot()
        rows = np.arange(len(pairs))
        old, new = (np.array([pair[side] for pair in pairs], float) for side in (1, 2))
        axes.hlines(rows, old, new, color=GRID, linewidth=3 if named else 1, zorder=1)
        size = 42 if named else 12
        axes.scatter(old, rows, s=size, color=BEFORE, label="before", zorder=2, clip_on=False)
        axes.scatter(new, rows, s=size, color=AFTER, label="after", zorder=3, clip_on=False)
        _name_rows(axes, [shortened(pair[0], 44) for pair in pairs] if named else [], "pairs")
        axes.set_xlim(left=0)
        axes.set_xlabel("difference (% of mean)")
        _legend(axes)
        return inline_svg(figure)

    return figure_of(title, caption, draw) if pairs else Figure(title)


def adjustment_chart(
    names: Sequence[str],
    gains: Array,
    offsets: Array,
    *,
    bands: Sequence[str] = (),
) -> Figure:
    """Draw gains[image, band] and offsets[image, band] beside each other, one row per image."""
    caption = (
        "What each image is multiplied by and what is added then; an image without change has "
        "gain 1 and offset 0."
    )

    def draw() -> str:
        named = len(names) <= LABELED
        figure = _figure(8.2, 1.1 + (0.26 * len(names) if named else 3.2))
        left, right = figure.subplots(1, 2, sharey=True)
        panels = ((left, gains, 1.0, "gain"), (right, offsets, 0.0, "offset (image units)"))
        for axes, values, neutral, label in panels:
            axes.axvline(neutral, color=LINE, linewidth=1, zorder=1)
            _band_dots(axes, np.asarray(values, float), bands)
            axes.set_xlabel(label)
        _name_rows(left, [shortened(name, 30) for name in names] if named else [], "images")
        _plain_axes(right)
        left.invert_yaxis()
        handles, texts = left.get_legend_handles_labels()
        columns = min(len(texts), 8)
        figure.legend(handles, texts, loc="upper center", ncol=columns, frameon=False, fontsize=9)
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / figure.get_figheight()))
        return inline_svg(figure)

    return figure_of("Gains and offsets", caption, draw)


def ground_map(
    shapes: Mapping[str, Sequence[Array]],
    *,
    lines: Sequence[Array] = (),
    title: str = "Footprints",
    caption: str = "",
    unit: str = "map units",
) -> Figure:
    """Draw the polygons of each image on the ground, and lines (seamlines) over them.

    A shape is a list of rings[point, (x, y)] in map units; rings inside others are holes.
    """

    def draw() -> str:
        figure = _figure(8.2, 5.4)
        axes = figure.add_subplot()
        patches, paths = require("matplotlib.patches", "Figures"), require("matplotlib.path", "")
        for index, (name, rings) in enumerate(shapes.items()):
            path = paths.Path.make_compound_path(*(_closed(paths.Path, ring) for ring in rings))
            color = CYCLE[index % len(CYCLE)]
            style: dict[str, Any] = {"facecolor": color + "22", "edgecolor": color}
            axes.add_patch(patches.PathPatch(path, linewidth=1.3, **style))
            if len(shapes) <= LABELED:
                where = _middle(np.asarray(max(rings, key=_area), float))
                box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.75, "lw": 0}
                how: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "bbox": box}
                axes.annotate(shortened(name, 22), where, zorder=6, **how)
        for line in lines:
            axes.plot(*np.asarray(line, float).T, color="white", linewidth=3, zorder=4)
            axes.plot(*np.asarray(line, float).T, color="#dc1414", linewidth=1.4, zorder=5)
        axes.set_aspect("equal", adjustable="datalim")
        axes.autoscale_view()
        axes.margins(0.03)
        axes.set_xlabel(f"x ({unit})")
        axes.set_ylabel(f"y ({unit})")
        axes.ticklabel_format(useOffset=False, style="plain")
        axes.tick_params(labelsize=8)
        return inline_svg(figure)

    return figure_of(title, caption, draw)


def lines_over(picture: Array, lines: Sequence[Array], *, title: str, caption: str = "") -> Figure:
    """Draw lines (points[point, (col, row)] in pixels) over picture[row, col, color] (uint8)."""

    def draw() -> str:
        rows, cols = picture.shape[:2]
        width = min(10.0, 8.0 * cols / rows)
        figure = _figure(width, width * rows / cols)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(picture, interpolation="antialiased", extent=(0, cols, rows, 0))
        for line in lines:
            axes.plot(*np.asarray(line, float).T, color="white", linewidth=2.2, alpha=0.6)
            axes.plot(*np.asarray(line, float).T, color="#dc1414", linewidth=1.1)
        axes.set_xlim(0, cols)
        axes.set_ylim(rows, 0)
        axes.set_axis_off()
        return _jpeg(figure)

    return figure_of(title, caption, draw)


@dataclass(frozen=True)
class Drawn:
    """Points of a panel joined by a line, or single ones where `dots`; a color or a number."""

    x: Array
    y: Array
    color: str | int
    label: str = ""
    dots: bool = False
    wide: float = 1.1


def panels(
    contents: Mapping[str, Sequence[Drawn]],
    axes_titles: tuple[str, str],
    *,
    title: str,
    caption: str = "",
) -> Figure:
    """Draw panels beside each other, three in a row, one for each band: lines and dots."""

    def draw() -> str:
        across = min(3, len(contents))
        down = -(-len(contents) // across)
        figure = _figure(1.2 + 2.9 * across, 0.6 + 2.6 * down)
        for index, (name, drawn) in enumerate(contents.items()):
            axes = figure.add_subplot(down, across, index + 1)
            for one in drawn:
                color = CYCLE[one.color % len(CYCLE)] if isinstance(one.color, int) else one.color
                how: dict[str, Any] = {"color": color, "label": shortened(one.label, 24) or None}
                if one.dots:
                    axes.scatter(one.x, one.y, s=5, alpha=0.45, linewidths=0, **how)
                else:
                    axes.plot(one.x, one.y, linewidth=one.wide, **how)
            _plain_axes(axes)
            axes.tick_params(axis="both", labelsize=8)
            axes.set_title(shortened(name, 30), fontsize=9, color=TEXT, loc="left")
            axes.set_xlabel(axes_titles[0], fontsize=8)
            axes.set_ylabel(axes_titles[1] if index % across == 0 else "", fontsize=8)
        handles, texts = figure.axes[0].get_legend_handles_labels()
        if texts:
            columns = min(len(texts), 2 * across)
            how = {"ncol": columns, "frameon": False, "fontsize": 8}
            figure.legend(handles, texts, loc="upper center", **how)
        lines = -(-len(texts) // max(1, 2 * across))
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.24 * lines / figure.get_figheight()))
        return inline_svg(figure)

    return figure_of(title, caption, draw)


def picture_strip(
    pictures: Sequence[tuple[str, Array]], *, title: str = "Before and after", caption: str = ""
) -> Figure:
    """Draw pictures[row, col, (red, green, blue)] (uint8) beside each other, titled."""

    def draw() -> str:
        shapes = [picture.shape for _, picture in pictures]
        ratio = max(rows / cols for rows, cols, _ in shapes)
        width = 10.0 / len(pictures)
        figure = _figure(10.0, min(8.0, width * ratio) + 0.35)
        for axes, (text, picture) in zip(_row_of_axes(figure, len(pictures)), pictures):
            axes.imshow(picture, interpolation="nearest", aspect="equal")
            axes.set_title(shortened(text, 60), fontsize=10, color=TEXT, pad=5)
            axes.set_axis_off()
        figure.subplots_adjust(0.005, 0.01, 0.995, 1 - 0.3 / figure.get_figheight(), wspace=0.03)
        return _jpeg(figure)

    return figure_of(title, caption, draw)


def quick_look(
    values: Array, valid: Mask, stretch: Sequence[tuple[float, float]], *, size: int = 700
) -> Array:
    """Return a picture[row, col, 3] (uint8) of values[band, row, col], at most `size` px wide.

    `values` holds the bands to show as red, green and blue, or one band; `stretch` gives the
    values shown black and white for each. Pixels that are not valid are light gray.
    """
    step = max(1, -(-max(values.shape[1:]) // size))
    small, usable = values[:, ::step, ::step], valid[::step, ::step]
    low, high = (np.array(ends, np.float32)[:, None, None] for ends in zip(*stretch))
    scaled = (small.astype(np.float32) - low) / np.maximum(high - low, 1e-12)
    bright = np.clip(np.nan_to_num(scaled), 0, 1) ** 0.85 * 255
    picture = np.moveaxis(np.broadcast_to(bright, (3, *small.shape[1:])), 0, -1)
    return np.where(usable[..., None], picture, 236).astype(np.uint8)


def band_title(names: Sequence[str], band: int) -> str:
    """Return the name of a band, counted from 0, or its number where it has none."""
    return names[band] if band < len(names) and names[band] else f"band {band + 1}"


def _figure(width: float, height: float) -> Any:
    figure = require("matplotlib.figure", "Figures").Figure(figsize=(width, height), dpi=100)
    figure.patch.set_facecolor("white")
    return figure


def _row_of_axes(figure: Any, count: int) -> list[Any]:
    return [figure.add_subplot(1, count, index + 1) for index in range(count)]


def _name_rows(axes: Any, names: Sequence[str], unnamed: str) -> None:
    """Write a name at each row, or only what the rows are when they are too many."""
    _plain_axes(axes)
    if names:
        axes.set_yticks(range(len(names)))
        axes.set_yticklabels(names, fontsize=9)
        axes.set_ylim(-0.6, len(names) - 0.4)
    else:
        axes.set_yticks([])
        axes.set_ylabel(unnamed)


def _plain_axes(axes: Any) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9, color=LINE)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.label.set_color(TEXT)


def _legend(axes: Any) -> None:
    """Above the drawing, where it cannot cover a point."""
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncol=2, frameon=False, fontsize=9)
    axes.figure.tight_layout()


def _band_dots(axes: Any, values: Array, bands: Sequence[str]) -> None:
    count = values.shape[1]
    spread = np.linspace(-0.22, 0.22, count) if count > 1 else np.zeros(1)
    for band in range(count):
        name = band_title(bands, band)
        color = BAND_COLORS.get(name.lower(), CYCLE[band % len(CYCLE)])
        rows = np.arange(len(values)) + spread[band]
        size = 30 if len(values) <= LABELED else 8
        axes.scatter(
            values[:, band], rows, s=size, color=color, label=shortened(name, 20), zorder=2
        )


def _closed(path: Any, ring: Array) -> Any:
    points = np.asarray(ring, float)
    points = points if (points[0] == points[-1]).all() else np.vstack([points, points[:1]])
    return path(points, closed=True)


def _middle(ring: Array) -> tuple[float, float]:
    """Center of gravity of a ring's area; the mean of its corners when it has none."""
    x, y = (ring - ring[0]).T
    cross = x[:-1] * y[1:] - x[1:] * y[:-1]
    total = cross.sum()
    if abs(total) < 1e-12:
        middle = ring.mean(0)
        return float(middle[0]), float(middle[1])
    at = [float(((v[:-1] + v[1:]) * cross).sum() / (3 * total)) for v in (x, y)]
    return at[0] + float(ring[0, 0]), at[1] + float(ring[0, 1])


def _area(ring: Array) -> float:
    x, y = np.asarray(ring, float).T
    return abs(float(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1)))) / 2


def _jpeg(figure: Any) -> str:
    require("matplotlib.backends.backend_agg", "Figures").FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="jpg", dpi=140, pil_kwargs={"quality": 86, "optimize": True})
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
