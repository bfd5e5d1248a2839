# SPDX-License-Identifier: GPL-2.0-or-later
"""How far the distributions of images lie apart, for reports: verdict, tables, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..image import Array
from .figures import AFTER, BEFORE, LINE, Drawn, band_title, panels
from .html import Figure, Table, Verdict, number_text

GOOD, USABLE = 2.0, 8.0
"""Differences of levels after correction, % of the mean, up to which a result has this grade."""

SHOWN_IMAGES, SHOWN_BANDS = 8, 9
"""Images and bands in a figure; the first ones are drawn."""

READING = (
    "The difference of levels compares the values below which equal shares of the pixels lie; it "
    "is 0 when two histograms are equal.",
    "Images of different ground have different histograms for a good reason. Where the ground "
    "differs a lot, limit the pixels with polygons, or use overlaps.",
)

_ADVICE = {
    "good": "They match well.",
    "usable": "Histograms keep different shapes: different ground, or more than a gain and offset.",
    "poor": "The images may show other ground, clouds, or need a histogram instead of a line.",
}


@dataclass(frozen=True)
class LevelRow:
    """An image before and after; one value per band where a tuple."""

    name: str
    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    mean: Array
    corrected: Array
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Distribution:
    """Values[band, share] of an image before and after, and those aimed at."""

    name: str
    before: Array
    after: Array
    aim: Array


def level_verdict(before: float | None, after: float | None) -> Verdict:
    """Return how near levels came to those aimed at; None when none could be compared."""
    if before is None or after is None:
        return Verdict("failed", "No levels could be compared; the images were not matched.")
    grade = "good" if after <= GOOD else "usable" if after <= USABLE else "poor"
    return Verdict(
        grade,
        f"Levels differ from the aim by {after:.2g} % of the mean, before by {before:.2g} %. "
        f"{_ADVICE[grade]}",
        f"good: up to {GOOD:g} %; usable: up to {USABLE:g} %; poor: more.",
    )


def level_table(rows: Sequence[LevelRow]) -> Table:
    """Return the table of all images."""
    titles = ("Image", "Gains", "Offsets", "Means before", "Means after")
    return Table(
        "What was done to each image",
        (*titles, "Difference before, %", "Difference after, %"),
        tuple(
            (
                row.name,
                *(joined(v) for v in (row.gains, row.offsets, row.mean, row.corrected)),
                _rounded(row.before),
                _rounded(row.after),
            )
            for row in rows
        ),
        "One number per band; y = gain · x + offset, or its straight form where a curve was used.",
    )


def _rounded(percent: float | None) -> float | None:
    """Return what is left of rounding errors as 0."""
    return None if percent is None else round(percent, 6)


def distribution_figure(found: Sequence[Distribution], bands: Sequence[str]) -> Figure:
    """Draw the share of pixels below each value, before and after, beside the aim."""
    if not found:
        return Figure("Levels before and after")
    shares = np.linspace(0, 100, found[0].before.shape[1])
    contents: dict[str, list[Drawn]] = {}
    for band in range(min(len(found[0].before), SHOWN_BANDS)):
        drawn = contents.setdefault(band_title(bands, band), [])
        for number, one in enumerate(found[:SHOWN_IMAGES]):
            first = number == 0
            aim = Drawn(one.aim[band], shares, LINE, "aim" * first, wide=3.0)
            before = Drawn(one.before[band], shares, BEFORE, "before" * first)
            after = Drawn(one.after[band], shares, AFTER, "after" * first)
            drawn += [aim, before, after]
    return panels(
        contents,
        ("value", "pixels below, %"),
        title="Levels before and after",
        caption="The share of the pixels below each value. Where the lines after correction lie "
        f"on the aim, the histograms are equal.{_partly(len(found))}",
    )


def curve_figure(curves: Mapping[str, tuple[Array, Array]], bands: Sequence[str]) -> Figure:
    """Draw y[band, point] over x[band, point] for each image: what a value becomes."""
    contents: dict[str, list[Drawn]] = {}
    for number, (name, (x, y)) in enumerate(list(curves.items())[:SHOWN_IMAGES]):
        for band in range(min(len(x), SHOWN_BANDS)):
            drawn = contents.setdefault(band_title(bands, band), [])
            if number == 0:
                every = np.array([v[0][band][[0, -1]] for v in curves.values()])
                ends = np.array([every.min(), every.max()])
                drawn.append(Drawn(ends, ends, LINE, "unchanged", wide=0.8))
            drawn.append(Drawn(x[band], y[band], number, name, wide=1.5))
    title = "What values become"
    if not contents:
        return Figure(title)
    caption = f"Corrected values over those of the file.{_partly(len(curves))}"
    return panels(contents, ("value", "corrected"), title=title, caption=caption)


def sample_figure(
    samples: Mapping[str, tuple[Sequence[Array], Sequence[Array], Array]], bands: Sequence[str]
) -> Figure:
    """Draw samples of the reference over those of each image, [band, sample], and the line.

    The third entry of each image holds its gains and offsets [band, 2].
    """
    contents: dict[str, list[Drawn]] = {}
    for number, (name, (x, y, line)) in enumerate(list(samples.items())[:SHOWN_IMAGES]):
        for band in range(min(len(x), SHOWN_BANDS)):
            drawn = contents.setdefault(band_title(bands, band), [])
            drawn.append(Drawn(x[band], y[band], number, "", dots=True))
            ends = np.array([x[band].min(), x[band].max()])
            drawn.append(Drawn(ends, line[band][0] * ends + line[band][1], number, name))
    title = "Samples and lines"
    if not contents:
        return Figure(title)
    caption = (
        "Samples of brightness classes, those of the reference over those of the image in sorted "
        f"order, and the line through them.{_partly(len(samples))}"
    )
    return panels(contents, ("image", "reference"), title=title, caption=caption)


def _partly(count: int) -> str:
    return f" The first {SHOWN_IMAGES} of {count} images." if count > SHOWN_IMAGES else ""


def joined(values: Sequence[float] | Array) -> str:
    """Return numbers as a text."""
    return ", ".join(number_text(float(value)) for value in values)
