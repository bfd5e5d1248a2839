# SPDX-License-Identifier: GPL-2.0-or-later
"""The confusion matrix as a figure: counts colored by their share of the reference class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array

DPI = 200
FAINT = 1e-3
"""Counts up to this share of their row are not written."""

EMPTY = (0.9, 0.92, 0.93, 1.0)
"""Color of a reference class without pixels: neither good nor bad."""


def count_text(count: float) -> str:
    """Return a count as the figure writes it: 1.23e4 above 999."""
    if count <= 999:
        return f"{count:.0f}" if float(count).is_integer() else f"{count:.1f}"
    mantissa, _, exponent = f"{count:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def score_text(value: float) -> str:
    """Return a score with three decimals, "-" where it is undefined."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def confusion_figure(
    counts: Array,
    names: Sequence[str],
    scores: tuple[Array, Array, Array],
    overall: tuple[float, float],
) -> Any:
    """Return a Matplotlib figure of counts[reference, map].

    `scores` are precision, recall and F-score of each class, `overall` kappa and overall accuracy;
    NaN is undefined.
    """
    side = len(names)
    figure = require("matplotlib.figure", "Figures").Figure(
        figsize=(max(6.0, side / 2 + 2.5),) * 2, dpi=DPI, layout="constrained"
    )
    axes = figure.add_subplot()
    axes.imshow(_colors(counts), aspect="equal", extent=(0, side, side, 0), interpolation="none")
    axes.set_xlim(0, side + 2)
    axes.set_ylim(side + 1, 0)
    size = 8 if side <= 25 else 6
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size}
    _write_counts(axes, counts, style)
    _write_scores(axes, scores, style)
    axes.set_xticks(np.arange(side + 2) + 0.5, [*names, "Recall", "F-score"], rotation=90)
    axes.set_yticks(np.arange(side + 1) + 0.5, [*names, "Precision"])
    axes.tick_params(length=0, labelsize=size, top=True, bottom=False)
    axes.tick_params(labeltop=True, labelbottom=False)
    for place in range(side + 1):
        axes.axhline(place, color="white", linewidth=0.8)
        axes.axvline(place, color="white", linewidth=0.8)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_ylabel("reference", fontsize=size + 1)
    kappa, accuracy = map(score_text, overall)
    axes.set_title(f"KAPPA : {kappa} OA : {accuracy}\nproduced", fontsize=size + 2)
    return figure


def _shares(counts: Array) -> Array:
    rows = np.sum(counts, axis=1, keepdims=True).astype(float)
    return np.divide(counts, rows, out=np.zeros(np.shape(counts)), where=rows > 0)


def _colors(counts: Array) -> Array:
    """Return RGBA of each cell: green is good on the diagonal, red is bad elsewhere."""
    maps = require("matplotlib", "Figures").colormaps
    shares = _shares(counts)
    colors: Array = maps["Reds"](shares)
    diagonal = np.arange(len(shares))
    colors[diagonal, diagonal] = maps["RdYlGn"](np.diag(shares))
    colors[np.sum(counts, axis=1) == 0] = EMPTY
    colors[..., 3] = 0.8
    return colors


def _write_counts(axes: Any, counts: Array, style: dict[str, Any]) -> None:
    for (row, col), share in np.ndenumerate(_shares(counts)):
        if share > FAINT:
            axes.text(col + 0.5, row + 0.5, count_text(float(counts[row, col])), **style)


def _write_scores(axes: Any, scores: tuple[Array, Array, Array], style: dict[str, Any]) -> None:
    precision, recall, fscore = scores
    side = len(precision)
    for place in range(side):
        axes.text(place + 0.5, side + 0.5, score_text(float(precision[place])), **style)
        axes.text(side + 0.5, place + 0.5, score_text(float(recall[place])), **style)
        axes.text(side + 1.5, place + 0.5, score_text(float(fscore[place])), **style)
