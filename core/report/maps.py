# SPDX-License-Identifier: GPL-2.0-or-later
"""The difference of two images as a map, and images before and after beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array, Mask
from .drawing import INK, MUTED, NORMAL, PAPER, SMALL, colormap, shortened
from .figures import quick_look

Size = tuple[float, float]
Stretch = Sequence[tuple[float, float]]

MARGIN, HEAD, GAP = 0.35, 0.3, 0.03
"""Inches left of the pictures, above them, and between them."""


@dataclass(frozen=True)
class MapTexts:
    """What is written on a map of differences."""

    title: str = ""
    subtitle: str = ""
    label: str = "Mean difference"
    note: str = ""


def difference_figure(
    values: Array, valid: Mask, limit: float, texts: MapTexts, size: Size = (10.0, 6.0)
) -> Any:
    """Return a map of differences[row, col] whose colors are symmetric around 0."""
    figure = require("matplotlib.figure", "Figures").Figure(figsize=size, dpi=100)
    figure.patch.set_facecolor("white")
    width, height = size
    top = 0.62 + 0.26 * bool(texts.subtitle)
    bar = 0.85
    axes = figure.add_axes(
        (0.25 / width, (bar + 0.1) / height, 1 - 0.5 / width, 1 - (top + bar + 0.1) / height)
    )
    axes.set_facecolor(PAPER)
    shown = axes.imshow(
        np.where(valid, values, np.nan),
        cmap=colormap("RdBu_r", "coolwarm"),
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
        aspect="equal",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(MUTED)
    text: dict[str, Any] = {"ha": "left", "va": "top", "color": INK}
    figure.text(
        0.25 / width, 1 - 0.2 / height, shortened(texts.title, 120), fontsize=13,
        fontweight="bold", **text,
    )  # fmt: skip
    figure.text(0.25 / width, 1 - 0.48 / height, shortened(texts.subtitle, 160), **text)
    box = (0.25 / width, 0.55 / height, min(4.2, width - 0.5) / width, 0.16 / height)
    scale = figure.colorbar(shown, cax=figure.add_axes(box), orientation="horizontal")
    scale.set_label(shortened(texts.label, 90), fontsize=NORMAL, color=INK)
    scale.ax.tick_params(labelsize=SMALL)
    scale.outline.set_linewidth(0.5)
    if width > 7:
        right = {"ha": "right", "va": "bottom", "color": MUTED, "fontsize": SMALL}
        figure.text(1 - 0.25 / width, 0.2 / height, texts.note, linespacing=1.4, **right)
    return figure


@dataclass(frozen=True)
class Look:
    """A small picture of an image: values[band, row, col], valid, and what is written above."""

    name: str
    values: Array
    valid: Mask


@dataclass(frozen=True)
class Shown:
    """An image before (0) and after (1), and the values shown black and white of each band."""

    looks: tuple[Look, Look]
    stretches: tuple[Stretch, Stretch]


def before_after_figure(
    images: Sequence[Shown], labels: tuple[str, str], columns: int, size: Size = (10.0, 6.0)
) -> Any:
    """Return quick-looks in two rows (before, after), again below where they are many."""
    figure = require("matplotlib.figure", "Figures").Figure(figsize=size, dpi=100)
    figure.patch.set_facecolor("white")
    blocks = -(-len(images) // columns)
    width, height = (size[0] - MARGIN) / columns, size[1] / blocks
    # as high as the tallest picture needs, all of it in the middle of the sheet
    ratio = max(look.valid.shape[0] / look.valid.shape[1] for i in images for look in i.looks)
    tall = min((height - HEAD) / 2, width * ratio)
    spare = size[1] - blocks * (2 * tall + HEAD)
    for index, image in enumerate(images):
        block, column = divmod(index, columns)
        left, top = MARGIN + column * width, spare / 2 + block * (2 * tall + HEAD)
        for side in (0, 1):
            box = (left, top + HEAD + side * tall, width, tall)
            _draw(figure, image.looks[side], image.stretches[side], box)
            if column == 0:
                at = (MARGIN / 2 / size[0], 1 - (box[1] + tall / 2) / size[1])
                how: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center"}
                text = shortened(labels[side], max(6, int(tall * 12)))
                figure.text(*at, text, fontsize=NORMAL, color=INK, fontweight="bold", **how)
        at = ((left + width / 2) / size[0], 1 - (top + HEAD - 0.05) / size[1])
        name = shortened(image.looks[0].name, max(6, int(width * 13)))
        figure.text(*at, name, ha="center", va="bottom", fontsize=SMALL, color=INK)
    return figure


def _draw(figure: Any, look: Look, stretch: Stretch, box: Sequence[float]) -> None:
    """Draw an image in a box (left, top, width, height) in inches."""
    across, down = figure.get_size_inches()
    left, top, width, height = box
    space = (left + GAP, down - top - height + GAP, width - 2 * GAP, height - 2 * GAP)
    place = [v / size for v, size in zip(space, (across, down, across, down))]
    axes = figure.add_axes(place)
    picture = quick_look(look.values, look.valid, stretch, size=max(look.valid.shape))
    axes.imshow(picture, interpolation="nearest", aspect="equal")
    axes.set_axis_off()
