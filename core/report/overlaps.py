# SPDX-License-Identifier: GPL-2.0-or-later
"""How well images match, for the reports of all radiometric steps: verdict and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from .html import Table, Verdict, number_text

GOOD, USABLE = 3.0, 8.0
"""Overlap differences after correction, % of the mean, up to which a result has this grade."""

READING = (
    "The difference in the overlaps says how well images match: each overlap is cut into blocks, "
    "and the means of the two images in a block are compared.",
    "What remains after one gain and offset per image changes inside images: vignetting, haze, "
    "shadows, change on the ground.",
    "A std ratio near 1 means equal contrast. A low correlation points at change, clouds or "
    "images that do not lie on each other.",
    "Down-weighted is the part of an overlap that disagreed with the rest and hardly counted.",
)

_ADVICE = {
    "good": "They match well.",
    "usable": "Steps may show where images meet; blend along the seams.",
    "poor": "Look at the worst pairs: clouds, change, or images that do not lie on each other.",
}


class Pair(Protocol):
    """The numbers of a pair of overlapping images; tuples hold one value per band."""

    @property
    def first(self) -> str:
        """Name of an image."""

    @property
    def second(self) -> str:
        """Name of the other."""

    @property
    def pixels(self) -> int:
        """Common pixels."""

    @property
    def used(self) -> bool:
        """Whether they were enough."""

    @property
    def before(self) -> float | None:
        """Difference in % of the mean."""

    @property
    def after(self) -> float | None:
        """Difference after correction."""

    @property
    def std_ratio(self) -> tuple[float, ...]:
        """Ratio of the corrected spreads."""

    @property
    def correlation(self) -> tuple[float, ...]:
        """Correlation of the common pixels."""

    @property
    def down_weighted(self) -> float:
        """Share of the overlap that hardly counted."""


def overlap_verdict(
    before: float | None,
    after: float | None,
    *,
    pairs: Iterable[Pair] = (),
    changed: bool = False,
) -> Verdict:
    """Return how well images agree after correction; None when no overlap could be compared.

    The worst of `pairs` is named when it is not good, however many others hide it. Where the
    ground looks `changed`, even images that were made alike are no more than usable.
    """
    if before is None or after is None:
        return Verdict("failed", "No overlap could be compared; the images were not matched.")
    grade = "good" if after <= GOOD else "usable" if after <= USABLE else "poor"
    worst = max((pair for pair in pairs if pair.used), key=_after, default=None)
    advice = _ADVICE[grade]
    if worst is not None and _after(worst) > GOOD:
        pair = f"{worst.first} and {worst.second} differ most, by {_after(worst):.2g} %."
        advice = pair if grade == "good" else f"{pair} {advice}"
    if changed:
        grade = "poor" if grade == "poor" else "usable"
        advice = "But large parts of the ground look changed, and blocks may have hidden that."
    return Verdict(
        grade,
        f"In the overlaps the images differ by {after:.2g} % of the mean, before by "
        f"{before:.2g} %. {advice}",
        f"good: up to {GOOD:g} %; usable: up to {USABLE:g} %; poor: more.",
    )


def pair_table(pairs: Iterable[Pair], after: str = "after") -> Table:
    """Return the table of all overlaps, the worst first; `after` says after what."""
    return Table(
        "Overlaps, worst first",
        (
            "Image",
            "Image",
            "Common pixels",
            "Difference before, %",
            f"Difference {after}, %",
            f"Std ratio {after}",
            "Correlation",
            "Down-weighted, %",
        ),
        tuple(map(_pair_row, sorted(pairs, key=_after, reverse=True))),
        "Differences are those of block means without sign, in % of the mean, averaged over the "
        "bands. Std ratio and correlation: one number per band.",
    )


def adjustment_table(
    names: Sequence[str],
    groups: Sequence[int | None],
    gains: Sequence[Sequence[float]],
    offsets: Sequence[Sequence[float]],
) -> Table:
    """Return the table of gains[image][band] and offsets[image][band]."""
    rows = zip(names, groups, map(_joined, gains), map(_joined, offsets))
    return Table(
        "Gain and offset of each image",
        ("Image", "Group", "Gains", "Offsets"),
        tuple(rows),
        "y = gain · x + offset, one number per band. Images of one group are connected by "
        "overlaps.",
    )


def _after(pair: Pair) -> float:
    return pair.after or 0.0


def _pair_row(pair: Pair) -> tuple[object, ...]:
    return (
        pair.first,
        pair.second,
        pair.pixels,
        pair.before,
        pair.after,
        _joined(pair.std_ratio),
        _joined(pair.correlation),
        100.0 * pair.down_weighted if pair.used else "not used",
    )


def _joined(values: Iterable[float]) -> str:
    return ", ".join(map(number_text, values))
