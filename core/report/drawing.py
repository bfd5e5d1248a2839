# SPDX-License-Identifier: GPL-2.0-or-later
"""What the drawings of points share: a sheet measured in inches, dots, pictures, PNG and SVG."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array, Mask
from ..stage import staged

DPI = 100
"""Of the PNG files."""

PACKED = 3
"""Compression of the PNG files: half the time of the usual 6, and hardly larger."""

SVG_DPI = 72
"""Of what is a picture inside an SVG: photographs and clouds of points."""

INK, MUTED, PALE, ALARM = "#1d2329", "#55606b", "#dfe4e8", "#b3261e"
BLUE, ORANGE = "#1f6f78", "#c8691b"
PAPER = "#e3e7ea"
"""Behind colored points: no colormap's white or pale middle vanishes on it."""

MOST = 40.0
"""Inches of the side of a figure."""

PAGE = 920
"""Width of a page, px of the screen: wider drawings are made smaller."""

MAGENTA = (255, 0, 255)
"""Pixels that are not valid."""

VECTOR_DOTS = 400
"""More points than these are a picture inside an SVG."""

COLORS = 48
"""Of a cloud of points inside an SVG."""

SQUARE_DOTS = 3000
"""More points than these are squares that touch each other, so that colors make a map."""

SMALL, NORMAL, LARGE = 8.5, 9.5, 12.0
BEYOND_FONT = "\u2e80"
"""From here on Matplotlib's own font has no letters (Chinese, Japanese, Korean, emoji)."""

MAX_TITLE = 1200
"""Letters of a title; beyond, its middle is left out."""


@dataclass(frozen=True)
class Picture:
    """A decimated image: values[row, col] and valid[row, col].

    `frame` holds the outer edges of what it shows: left, top, right, bottom in full pixels, so
    that the center of the first pixel is 0 and its left edge -0.5.
    """

    name: str
    values: Array
    valid: Mask
    frame: tuple[float, float, float, float]

    @property
    def aspect(self) -> float:
        """Height divided by width."""
        left, top, right, bottom = self.frame
        return (bottom - top) / (right - left)


class Sheet:
    """A figure on which boxes are placed in inches from its upper left corner, below the title."""

    def __init__(self, width: float, height: float, title: str) -> None:
        lines = wrapped(title, width - 0.6, LARGE)
        self.width = width
        self.top = 0.2 + 0.225 * len(lines)
        self.height = height + self.top
        make = require("matplotlib.figure", "Figures").Figure
        self.figure: Any = make(figsize=(width, self.height), dpi=DPI)
        self.figure.patch.set_facecolor("white")
        middle = 1 - (self.top - 0.06) / self.height
        how = {"fontsize": LARGE, "color": INK, "ha": "left", "va": "bottom", "linespacing": 1.25}
        self.figure.text(0.3 / width, middle, "\n".join(lines), fontweight="bold", **how)

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Return axes whose box stands at these inches."""
        low = 1 - (self.top + top + height) / self.height
        box = (left / self.width, low, width / self.width, height / self.height)
        axes = self.figure.add_axes(box)
        axes.tick_params(labelsize=SMALL, color=MUTED, labelcolor=INK)
        for spine in axes.spines.values():
            spine.set_color(MUTED)
            spine.set_linewidth(0.7)
        return axes

    def text(self, left: float, top: float, text: str, **how: Any) -> None:
        """Write at these inches; the place is the upper left corner of the text."""
        style = {"fontsize": NORMAL, "color": INK, "va": "top", "ha": "left", **how}
        place = (left / self.width, 1 - (self.top + top) / self.height)
        self.figure.text(*place, text, **style)

    def colorbar(self, shown: Any, box: Sequence[float], label: str) -> Any:
        """Draw a horizontal scale of colors in a box (left, top, width, height), with its label."""
        axes = self.axes(*box)
        bar = self.figure.colorbar(shown, cax=axes, orientation="horizontal", extend="neither")
        bar.set_label(label, fontsize=NORMAL, color=INK)
        bar.outline.set_linewidth(0.5)
        bar.locator = _ticks(box[2] / 0.75)
        bar.update_ticks()
        axes.tick_params(labelsize=SMALL)
        return bar


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Return the lines of a text in bold letters of this size that fit a width in inches."""
    lines, room = [""], width * 72 / size
    longest = min(25, max(4, int(room / 1.2)))
    for word in re.findall(rf"\S{{1,{longest}}}\s*", shortened(text, MAX_TITLE)):
        if _ems(lines[-1] + word.rstrip()) > room:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines if line] or [""]


def _ems(text: str) -> float:
    """Width of a text in bold letters, in font sizes, rather too much than too little."""
    return sum(
        _WIDTHS.get(letter, 0.8 if letter > "z" or letter.isupper() else 0.71) for letter in text
    )


_WIDTHS = {
    **dict.fromkeys("mwMW@%&…—", 1.15),
    **dict.fromkeys(" ilIjft.,:;!|'()[]-/", 0.45),
}


def shortened(text: str, letters: int) -> str:
    """Return a text of at most so many letters, its middle left out, as Matplotlib can show it."""
    half = max(1, letters // 2 - 1)
    return plain_letters(text if len(text) <= letters else f"{text[:half]}…{text[-half:]}")


def plain_letters(text: str) -> str:
    """Return a text as Matplotlib can show it: no formula, no letter that its font lacks."""
    drawn = "".join(letter if letter < BEYOND_FONT else "□" for letter in text)
    return drawn.replace("$", r"\$")


def colormap(name: str, fallback: str) -> Any:
    """Return a colormap of Matplotlib; `fallback` when this version has none of that name."""
    known = require("matplotlib", "Figures").colormaps
    return known[name if name in known else fallback]


def inches(size: float, least: float = 5.0) -> float:
    """Return a size that was asked for a figure, kept to what can be drawn and read."""
    return float(np.clip(size, least, MOST)) if np.isfinite(size) else 12.0


def rounded_down(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at most the value."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(digit for digit in (1.0, 2.0, 5.0) if digit * power <= value * 1.0001) * power


def scale(low: float, high: float) -> Any:
    """Return the mapping of values to colors; equal or unknown limits get a width."""
    low, high = widened(low, high)
    return require("matplotlib.colors", "Figures").Normalize(low, high)


def widened(low: float, high: float, least: float = 1e-3) -> tuple[float, float]:
    """Return limits that are finite and differ by `least` or more."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return -1.0, 1.0
    spare = max(0.0, least - (high - low)) / 2
    return float(low - spare), float(high + spare)


def gray(picture: Picture) -> Array:
    """Return a picture[row, col, 3] (uint8): 0.5 to 99.5 % of its valid values, rest magenta."""
    usable = picture.valid & np.isfinite(picture.values)
    values = np.where(usable, picture.values, 0).astype(np.float32)
    seen = values[usable]
    low, high = np.percentile(seen, (0.5, 99.5)) if seen.size else (0.0, 1.0)
    bright = np.clip((values - low) / max(float(high - low), 1e-12), 0, 1)
    shades = np.round(bright * 255).astype(np.uint8)
    return np.where(usable[..., None], shades[..., None], np.array(MAGENTA, np.uint8))


def show(axes: Any, picture: Picture) -> None:
    """Draw a picture at its place, row axis downward."""
    left, top, right, bottom = picture.frame
    extent = (left, right, bottom, top)
    axes.imshow(gray(picture), extent=extent, interpolation="nearest", aspect="equal")
    framed(axes, picture)


def framed(axes: Any, picture: Picture) -> None:
    """Give axes the limits of a picture, and its pixels as units."""
    left, top, right, bottom = picture.frame
    axes.set_facecolor(PAPER)
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    few_ticks(axes)
    axes.set_xlabel("column (px)", fontsize=NORMAL, labelpad=2)
    axes.set_ylabel("row (px)", fontsize=NORMAL, labelpad=2)


def few_ticks(axes: Any) -> None:
    """Leave so few ticks that their numbers cannot touch."""
    box = axes.get_position()
    width, height = axes.figure.get_size_inches() * (box.width, box.height)
    axes.xaxis.set_major_locator(_ticks(width / 0.75))
    axes.yaxis.set_major_locator(_ticks(height / 0.45))


def _ticks(most: float) -> Any:
    make = require("matplotlib.ticker", "Figures").MaxNLocator
    return make(int(min(8, max(2, most))), steps=[1, 2, 2.5, 5, 10])


def dots(axes: Any, x: Array, y: Array, values: Array, **how: Any) -> Any:
    """Draw points colored by values (cmap, norm in `how`) and return what a color scale needs.

    Many points are small squares, drawn in order of their values: the largest lie on top.
    """
    count = len(x)
    box = axes.get_position()
    width, height = axes.figure.get_size_inches() * (box.width, box.height) * 72
    cover = width * height / max(count, 1)
    order = np.argsort(np.abs(values), kind="stable")
    marker: dict[str, Any] = {
        "marker": "s",
        "antialiased": False,
        "linewidths": 0,
        "s": max(cover, 3),
    }
    if count <= SQUARE_DOTS:
        size = min(0.4 * cover, 36.0)
        marker = {"marker": "o", "linewidths": 0.3, "edgecolors": MUTED, "s": max(size, 3)}
    marker.update(how, rasterized=count > VECTOR_DOTS, zorder=2.5)
    return axes.scatter(x[order], y[order], c=values[order], **marker)


def note(axes: Any, text: str) -> None:
    """Write in the middle of axes why nothing is drawn there."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 4}
    how = {"ha": "center", "va": "center", "color": MUTED, "fontsize": NORMAL, "bbox": box}
    axes.text(0.5, 0.5, text, transform=axes.transAxes, zorder=5, **how)


def write_png(figure: Any, path: str) -> None:
    """Write a figure as a PNG file."""
    with staged(path) as temporary:
        fast = {"compress_level": PACKED}
        figure.savefig(
            temporary, format="png", dpi=DPI, metadata={"Software": None}, pil_kwargs=fast
        )


def inline_svg(figure: Any) -> str:
    """Return a figure as SVG for the inside of an HTML page; text is drawn as outlines."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", dpi=SVG_DPI, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    for pattern, new in _SHORTER:
        text = re.sub(pattern, new, text, flags=re.DOTALL)
    text = re.sub(r'(?<= d=")[^"]+', lambda d: re.sub(r"(\.\d)\d+", r"\1", d.group()), text)
    width, height = figure.get_size_inches()
    wide = min(PAGE, width * 96)
    size = f'width="{wide:.0f}" height="{wide * height / width:.0f}"'
    text = re.sub(
        r'(?<=<svg) width="[^"]*" height="[^"]*"|(?<=<svg) height="[^"]*" width="[^"]*"',
        " " + size,
        text,
        count=1,
    )
    return re.sub(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)", _lighter, text).strip()


def _lighter(found: re.Match[str]) -> str:
    """An embedded picture as JPEG, or, where it is transparent, with few colors."""
    pillow = require("matplotlib.image", "Figures").PIL.Image  # Matplotlib cannot be without it
    picture = pillow.open(io.BytesIO(base64.b64decode(found.group(1))))
    stream, kind = io.BytesIO(), "png"
    if picture.mode != "RGBA" or picture.getextrema()[3][0] > 200:
        kind = "jpeg"
        picture.convert("RGB").save(stream, kind, quality=82, subsampling=0)
    else:
        picture.quantize(COLORS, method=2).save(stream, kind)
    text = base64.b64encode(stream.getvalue()).decode("ascii")
    return f"data:image/{kind};base64,{text}" if len(text) < len(found.group(1)) else found.group()


_SHORTER = (
    (r"^.*?(?=<svg)", ""),
    (r"<metadata>.*?</metadata>", ""),
    # inside HTML the names need no address; xlink:href is what the browser of QGIS 3 knows
    (r' xmlns(?::xlink)?="[^"]*"', ""),
    (r"(\.\d{3})\d+", r"\1"),
    (r"\s*\n\s*", "\n"),
)
