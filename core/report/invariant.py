# SPDX-License-Identifier: GPL-2.0-or-later
"""What invariant pixels say about pairs of images, for the report: verdict, tables, figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ..image import Array
from .figures import LINE, Drawn, band_title, panels
from .html import Figure, Table, Verdict

GOOD, USABLE = 3.0, 8.0
"""Differences of invariant pixels after correction, % of the mean, up to which a result has this
grade."""

SHOWN_PAIRS, SHOWN_BANDS = 8, 9
READING = (
    "The difference is that of single invariant pixels which took no part in the estimate, without "
    "sign and in percent of the mean; noise and small shifts of the images stay in it.",
    "A correlation near 1 says that the pixels lie on a line. A low one points at images that do "
    "not lie on each other, at change, or at pixels of one brightness only.",
    "The t-test asks whether means differ, the F-test whether variances do; a chance below 0.05 "
    "means yes. With many pixels even differences that do not matter are found.",
)

_ADVICE = {
    "good": "They match well.",
    "usable": "Noise, or ground that changed a little; look at the figure.",
    "poor": "Try another method, or look for clouds, change and images that do not lie on each "
    "other.",
}


class Tested(Protocol):
    """A test: statistic and chance."""

    @property
    def statistic(self) -> float:
        """t or F."""

    @property
    def chance(self) -> float:
        """Chance of it by luck."""


class Through(Protocol):
    """A line and its standard errors."""

    @property
    def gain(self) -> float:
        """Gain."""

    @property
    def offset(self) -> float:
        """Offset."""

    @property
    def gain_error(self) -> float:
        """Standard error of the gain."""

    @property
    def offset_error(self) -> float:
        """Standard error of the offset."""


class Band(Protocol):
    """What a band of a pair says."""

    @property
    def line(self) -> Through:
        """From the image to its reference."""

    @property
    def correlation(self) -> float:
        """Of the pixels used."""

    @property
    def rmse(self) -> float:
        """Of pixels kept for testing, after correction."""

    @property
    def t_before(self) -> Tested:
        """Equal means before correction."""

    @property
    def t_after(self) -> Tested:
        """Equal means after it."""

    @property
    def f_before(self) -> Tested:
        """Equal variances before correction."""

    @property
    def f_after(self) -> Tested:
        """Equal variances after it."""


class Pair(Protocol):
    """A pair of images."""

    @property
    def invariant(self) -> int:
        """Invariant pixels found."""

    @property
    def pixels(self) -> int:
        """Pixels used."""

    @property
    def first(self) -> str:
        """The image."""

    @property
    def robust(self) -> bool:
        """Whether all common pixels are used instead."""

    @property
    def before(self) -> float | None:
        """How far invariant pixels differ at first, % of the mean."""

    @property
    def second(self) -> str:
        """Its reference."""

    @property
    def after(self) -> float | None:
        """How far they differ once corrected."""

    @property
    def bands(self) -> Sequence[Band]:
        """One for each band."""


def invariant_verdict(pairs: Sequence[Pair]) -> Verdict:
    """Return how well invariant pixels agree after correction."""
    known = [(pair.before, pair.after) for pair in pairs if pair.after is not None]
    if not known:
        return Verdict("failed", "No common pixels could be compared; the images stay unchanged.")
    before, after = (float(np.mean([pair[at] or 0.0 for pair in known])) for at in (0, 1))
    grade = "good" if after <= GOOD else "usable" if after <= USABLE else "poor"
    advice = _ADVICE[grade]
    fallen = sum(pair.robust for pair in pairs)
    if fallen:
        grade = "poor" if fallen == len(pairs) or grade == "poor" else "usable"
        advice = (
            f"The invariant pixels of {fallen} of {len(pairs)} pairs could not be used; all common "
            "ones were, changed ones too."
        )
    return Verdict(
        grade,
        f"Invariant pixels differ by {after:.2g} % of the mean, before by {before:.2g} %. {advice}",
        f"good: up to {GOOD:g} %; usable: up to {USABLE:g} %; poor: more.",
    )


def invariant_tables(pairs: Sequence[Pair], bands: Sequence[str]) -> tuple[Table, ...]:
    """Return the tables of pairs and of their bands."""
    return (
        Table(
            "Pairs of images",
            (
                "Image",
                "Reference",
                "Invariant pixels",
                "Pixels used",
                "All common pixels instead",
                "Difference before, %",
                "Difference after, %",
            ),
            tuple(
                (p.first, p.second, p.invariant, p.pixels, p.robust, p.before, p.after)
                for p in pairs
            ),
            "Two thirds of the pixels used make the line, one third tests it.",
        ),
        Table(
            "Lines and tests of each band",
            (
                *("Image", "Reference", "Band", "Gain", "± (1 std)", "Offset", "± (1 std)"),
                *("Correlation", "RMSE (test)", "t before", "t after", "Chance after"),
                *("F before", "F after", "Chance after"),
            ),
            tuple(
                (pair.first, pair.second, band_title(bands, number), *_row(band))
                for pair in pairs
                for number, band in enumerate(pair.bands)
            ),
            "reference = gain · image + offset. RMSE and tests: pixels kept for testing, after the "
            "correction that the images get.",
        ),
    )


def invariant_figure(
    samples: Mapping[str, tuple[Array, Array]], pairs: Sequence[Pair], bands: Sequence[str]
) -> Figure:
    """Draw x and r[band, sample] of each pair, by its name, and the lines through them."""
    contents: dict[str, list[Drawn]] = {}
    shown = list(zip(samples.items(), pairs))[:SHOWN_PAIRS]
    alone = len({pair.second for pair in pairs}) == 1
    for number, ((name, (x, r)), pair) in enumerate(shown):
        label = pair.first if alone else name
        for band in range(min(len(x), SHOWN_BANDS)):
            drawn = contents.setdefault(band_title(bands, band), [])
            ends = np.array([x[band].min(), x[band].max()])
            if number == 0:
                drawn.append(Drawn(ends, ends, LINE, "unchanged", wide=0.8))
            line = pair.bands[band].line
            drawn.append(Drawn(x[band], r[band], number, "", dots=True))
            drawn.append(Drawn(ends, line.gain * ends + line.offset, number, label))
    title = "Invariant pixels"
    if not contents:
        return Figure(title, "No pixels were used.")
    partly = f" The first {SHOWN_PAIRS} of {len(pairs)} pairs." if len(pairs) > SHOWN_PAIRS else ""
    caption = f"Values of the reference over those of the image, and the line.{partly}"
    return panels(contents, ("image", "reference"), title=title, caption=caption)


def _row(band: Band) -> tuple[Any, ...]:
    line = band.line
    return (
        *(line.gain, line.gain_error, line.offset, line.offset_error),
        *(band.correlation, band.rmse),
        *(band.t_before.statistic, band.t_after.statistic, band.t_after.chance),
        *(band.f_before.statistic, band.f_after.statistic, band.f_after.chance),
    )
