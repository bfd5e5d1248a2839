# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of a co-registration: overlays, displacements, residuals, where windows agree."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deps import require
from ..image import Array, Mask
from ..matching.keypoints import LOW_SCORE, OUTLIER, KeyPoints
from .drawing import (
    BLUE,
    INK,
    MUTED,
    NORMAL,
    ORANGE,
    PALE,
    SMALL,
    Picture,
    Sheet,
    framed,
    inline_svg,
    note,
    rounded_down,
    show,
)
from .html import Figure, figure_of

Column = NDArray[np.float64]

STRETCH = (1.0, 99.0)
"""Percentiles of an overlay's values that become black and white."""

OVERLAY = 2.6
"""Side of an overlay, inches."""

PANEL = 4.6
"""Width of a map, inches."""

DOTS = 2
"""Screen pixels for a pixel of the images that blink."""

BLINK = 1.6
"""Seconds of a turn in which reference and moving image alternate."""


@dataclass(frozen=True)
class Place:
    """Pieces of both images at one place: the reference, the moving image before and after."""

    title: str
    reference: Array
    before: Array
    after: Array
    valid: Mask


@dataclass(frozen=True)
class Windows:
    """The windows over the reference: side in px, role "fit" or "check", whether they agree."""

    points: KeyPoints
    size: float
    role: Array
    agree: Mask
    residual: tuple[Column, Column]


@dataclass(frozen=True)
class Drawn:
    """What the figures show; `checked` are lengths before and after at check windows, px."""

    reference: Picture
    places: tuple[Place, ...]
    windows: Windows
    checked: tuple[Column, Column]


def figures(drawn: Drawn) -> tuple[Figure, ...]:
    """Return the figures of a report; without Matplotlib they are empty, which the page says."""
    return tuple(figure_of(*one) for one in _drawings(drawn))


Drawing = tuple[str, str, Callable[[], str]]


def _drawings(drawn: Drawn) -> Iterator[Drawing]:
    if drawn.places:
        yield (
            "Overlay before and after",
            "Reference in red, moving image in cyan: where both agree the picture is gray, and red "
            "and cyan fringes beside each other are a displacement. The places with the clearest "
            "structure.",
            lambda: inline_svg(overlay_figure(drawn.places)),
        )
        yield (
            "Blinking",
            "Reference and moving image in turn, before (left) and after (right) the correction: "
            "what jumps is displaced.",
            lambda: blinking(drawn.places[0]),
        )
    yield (
        "Displacement and what is left",
        "Arrows are drawn too long, by the factor below them. Left: where the moving image shows "
        "each window. Right: what the correction leaves of it.",
        lambda: inline_svg(vector_figure(drawn)),
    )
    yield (
        "Residuals",
        "How far windows lie from the correction. Check windows took no part in it; they were "
        "matched again in the corrected image.",
        lambda: inline_svg(residual_figure(drawn)),
    )
    yield (
        "Coverage",
        "Where windows agree on the correction, where they do not, and which ones check it. Cells "
        "are those in which support is counted.",
        lambda: inline_svg(coverage_figure(drawn)),
    )


def overlay_figure(places: tuple[Place, ...]) -> Any:
    """Draw red-cyan overlays of places, before above after."""
    gap, head = 0.25, 0.32
    width = 0.3 + len(places) * (OVERLAY + gap)
    sheet = Sheet(max(width, 6.0), 2 * (OVERLAY + head) + 0.25, "Overlay before and after")
    for number, place in enumerate(places):
        left = 0.3 + number * (OVERLAY + gap)
        ends = (("before", place.before), ("after", place.after))
        for row, (word, moving) in enumerate(ends):
            axes = sheet.axes(left, head + row * (OVERLAY + head), OVERLAY, OVERLAY)
            colors = red_cyan(place.reference, moving, place.valid)
            axes.imshow(colors, interpolation="nearest", aspect="equal")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(f"{place.title}, {word}", fontsize=SMALL, loc="left", pad=3)
    return sheet.figure


def red_cyan(reference: Array, moving: Array, valid: Mask) -> Array:
    """Return colors[row, col, 3] (uint8): the reference in red, the moving image in the others."""
    red, cyan = (_stretched(values, valid) for values in (reference, moving))
    colors = np.stack([red, cyan, cyan], -1)
    return np.where(valid[..., None], colors, np.uint8(255))


def _stretched(values: Array, valid: Mask) -> Array:
    """Return values as shades (uint8)."""
    known = values[valid]
    low, high = np.percentile(known, STRETCH) if known.size else (0.0, 1.0)
    shades = (np.where(valid, values, low) - low) / max(float(high - low), 1e-12)
    return np.asarray(np.rint(255 * np.clip(shades, 0, 1)).astype(np.uint8))


def blinking(place: Place) -> str:
    """Return HTML in which reference and moving image take turns, without any script."""
    base = _address(_stretched(place.reference, place.valid))
    parts = []
    for word, values in (("before", place.before), ("after", place.after)):
        top = _address(_stretched(values, place.valid))
        rows, cols = values.shape
        box = f"width:{DOTS * cols}px;height:{DOTS * rows}px"
        parts.append(
            f'<div style="display:inline-block;position:relative;margin-right:1rem;{box}">'
            f'<img src="{base}" alt="reference" style="position:absolute;{box}">'
            f'<img src="{top}" alt="moving image {word}" class="blinks" '
            f'style="position:absolute;{box}"></div>'
        )
    style = (
        f"<style>.blinks{{animation:blinks {BLINK}s steps(1) infinite}}"
        "@keyframes blinks{0%{opacity:0}50%{opacity:1}}"
        "@media (prefers-reduced-motion:reduce){.blinks{animation-duration:6s}}</style>"
    )
    return f"{style}<div>{''.join(parts)}</div>"


def _address(shades: Array) -> str:
    """Return a gray picture as an address that holds it."""
    pillow = require("matplotlib.image", "Figures").PIL.Image
    stream = io.BytesIO()
    pillow.fromarray(shades).save(stream, "jpeg", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def vector_figure(drawn: Drawn) -> Any:
    """Draw the displacements over the reference, and beside them what is left."""
    sheet, (over, beside) = _maps(drawn, "Displacement and what is left", 2)
    windows = drawn.windows
    points = windows.points
    known = windows.agree & np.isfinite(points.dx)
    show(over, drawn.reference)
    framed(beside, drawn.reference)
    over.set_title("Displacement of the moving image", fontsize=NORMAL, loc="left", pad=4)
    beside.set_title("What the correction leaves", fontsize=NORMAL, loc="left", pad=4)
    _arrows(over, points, (points.dx, points.dy), known, "#f2c53d")
    _arrows(beside, points, windows.residual, known, BLUE)
    return sheet.figure


def _maps(drawn: Drawn, title: str, count: int) -> tuple[Sheet, list[Any]]:
    """Return axes for maps of the reference side by side, with room for a line below."""
    height = float(np.clip(PANEL * drawn.reference.aspect, 1.2, 6.0))
    width = min(PANEL, height / drawn.reference.aspect)
    left, gap = 0.8, 0.75
    sheet = Sheet(max(left + count * (width + gap), 6.0), height + 1.35, title)
    return sheet, [
        sheet.axes(left + number * (width + gap), 0.3, width, height) for number in range(count)
    ]


def _arrows(
    axes: Any, points: KeyPoints, vectors: tuple[Column, Column], known: Mask, color: str
) -> None:
    """Draw arrows whose longest are as long as windows are apart, and say by what factor."""
    if not known.any():
        note(axes, "no windows agree")
        return
    dx, dy = (values[known] for values in vectors)
    longest = float(np.percentile(np.hypot(dx, dy), 98))
    wide = abs(float(np.diff(axes.get_xlim())[0])) / 14
    factor = rounded_down(wide / longest) if longest > 0 else 1.0
    axes.quiver(
        points.x0[known],
        points.y0[known],
        dx,
        dy,
        angles="xy",
        scale_units="xy",
        scale=1 / factor,
        color=color,
        edgecolor=INK,
        linewidth=0.4,
        width=0.005,
        zorder=4,
    )
    box = axes.get_position()
    low = box.y0 - 0.62 / axes.figure.get_figheight()
    text = f"drawn {factor:,.3g} times as long; the longest are {longest:.2g} px"
    axes.figure.text(box.x0, low, text, fontsize=SMALL, color=MUTED, va="top")


def residual_figure(drawn: Drawn) -> Any:
    """Draw how long residuals are: of windows that agree, and of check windows before and after."""
    sheet = Sheet(9.6, 3.6, "Residuals")
    axes = [sheet.axes(0.8 + number * 4.7, 0.3, 3.9, 2.5) for number in (0, 1)]
    windows = drawn.windows
    length = np.hypot(*windows.residual)[windows.agree]
    _histogram(axes[0], [(length, BLUE, "windows that agree")], "distance from the correction (px)")
    before, after = drawn.checked
    ends = [(before, ORANGE, "before"), (after, BLUE, "after")]
    _histogram(axes[1], ends, "displacement of check windows (px)")
    return sheet.figure


def _histogram(axes: Any, parts: list[tuple[Column, str, str]], label: str) -> None:
    """Draw the numbers of values in bins, each part in its color and hatching."""
    finite = [values[np.isfinite(values)] for values, _, _ in parts]
    axes.set_xlabel(label, fontsize=NORMAL)
    axes.set_ylabel("windows", fontsize=NORMAL)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if not sum(map(len, finite)):
        note(axes, "none")
        return
    most = max(float(values.max(initial=0.0)) for values in finite)
    bins = np.linspace(0, max(most, 1e-3) * 1.02, 25)
    for number, (values, (_, color, name)) in enumerate(zip(finite, parts)):
        rms = float(np.sqrt(np.mean(values**2))) if len(values) else math.nan
        axes.hist(
            values,
            bins,
            color=color,
            alpha=0.75,
            edgecolor=INK,
            linewidth=0.5,
            hatch="//" if number == 0 and len(parts) > 1 else None,
            label=f"{name}: RMSE {rms:.3g} px",
        )
    # windows are counted in whole numbers, and the legend stands above the bars
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(0, axes.get_ylim()[1] * (1.1 + 0.1 * len(parts)))
    axes.legend(fontsize=SMALL, frameon=False, loc="upper right")


LOOKS = {
    "agrees": (BLUE, "s", "agrees"),
    "checks": ("#f2c53d", "D", "checks"),
    "disagrees": (ORANGE, "x", "disagrees"),
    "dropped": (MUTED, ".", "no match"),
}
"""Color, mark and name of windows: told apart by their form as well."""


def coverage_figure(drawn: Drawn) -> Any:
    """Draw where windows agree, check, disagree or could not be matched."""
    sheet, (axes,) = _maps(drawn, "Coverage", 1)
    show(axes, drawn.reference)
    left, top, right, bottom = drawn.reference.frame
    for share in (0.25, 0.5, 0.75):
        axes.axvline(left + share * (right - left), color=PALE, linewidth=0.6)
        axes.axhline(top + share * (bottom - top), color=PALE, linewidth=0.6)
    windows = drawn.windows
    status = windows.points.status
    kinds = {
        "agrees": windows.agree,
        "checks": (windows.role == "check") & (status != LOW_SCORE),
        "disagrees": status == OUTLIER,
        "dropped": status == LOW_SCORE,
    }
    for name, which in kinds.items():
        color, marker, label = LOOKS[name]
        count = int(which.sum())
        axes.scatter(
            windows.points.x0[which],
            windows.points.y0[which],
            s=26,
            c=color,
            marker=marker,
            linewidths=1.4 if marker == "x" else 0.5,
            **({} if marker == "x" else {"edgecolors": "white"}),
            label=f"{label} ({count})",
            zorder=4,
        )
    how = {"fontsize": SMALL, "frameon": False, "ncol": 4, "loc": "lower left"}
    foot = axes.get_position().x0, 0.0
    axes.legend(bbox_to_anchor=foot, bbox_transform=axes.figure.transFigure, **how)
    return sheet.figure
