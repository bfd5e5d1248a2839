# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a co-registration: whether it counts and why, numbers, figures, tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .html import Figure, Number, Repeat, Report, Table, Verdict

THRESHOLDS = (
    "Accepted: enough windows agree, the residual of check windows does not grow by more than "
    "0.01 px, the images are not less alike, the reliability is 20 or more, the shift lies within "
    "MAX_SHIFT, and the scale within 0.9 and 1.1. Good: the residual after is at most 0.3 px."
)

GOOD = 0.3
"""Residual after the correction up to which it is good, px."""

READING = (
    "The residual is the root of the mean squared displacement of check windows, in pixels of the "
    "reference: windows that took no part in the correction, matched again in the corrected image.",
    "A single window is known to a few hundredths of a pixel only: where the residual after is "
    "about as large as that noise, what is left is smaller. What all windows together can tell is "
    "given as the residual beyond the noise of measuring.",
    "Across bands and sensors single windows scatter by some tenths of a pixel, so the residual "
    "after overstates what is left.",
    "Reliability joins the share of windows that agree, how much of the usable area they cover, "
    "and how well two halves of them agree with each other.",
    "Shift, rotation and scale say where the moving image lies, seen from the reference: x to the "
    "right, y down, rotation clockwise.",
)


@dataclass(frozen=True)
class Facts:
    """What a report tells: texts, the numbers of the run, the numbers of quality by name."""

    title: str
    accepted: bool
    reason: str
    numbers: tuple[Number, ...]
    quality: Mapping[str, Any] = field(default_factory=dict)
    dropped: tuple[tuple[str, int], ...] = ()
    warnings: tuple[str, ...] = ()
    repeat: Repeat = field(default_factory=Repeat)


def registration_report(facts: Facts, figures: tuple[Figure, ...]) -> Report:
    """Return the report of a pair."""
    after = facts.quality.get("rmse_after")
    grade = "poor"
    if facts.accepted:
        grade = "good" if after is not None and after <= GOOD else "usable"
    return Report(
        title=facts.title,
        verdict=Verdict(grade if facts.accepted else "failed", facts.reason, THRESHOLDS),
        numbers=facts.numbers,
        figures=figures,
        tables=tuple(_tables(facts)),
        reading=READING,
        warnings=facts.warnings,
        repeat=facts.repeat,
    )


def _tables(facts: Facts) -> Iterator[Table]:
    quality = facts.quality
    if not quality:
        return
    count = quality["check_windows"]
    source = (
        "windows of the fit, since too few others matched"
        if quality["checked_on_fit"]
        else ("windows that took no part in the fit")
    )
    yield Table(
        "Before and after",
        ("", "Before", "After"),
        (
            ("Residual (RMSE), px", quality["rmse_before"], quality["rmse_after"]),
            (
                "Correlation of the edges",
                quality["correlation_before"],
                quality["correlation_after"],
            ),
            (
                "Mutual information, nats",
                quality["information_before"],
                quality["information_after"],
            ),
            ("Noise of measuring single windows, px", None, quality.get("measuring_noise")),
            ("Beyond the noise of measuring, px", None, quality.get("accuracy")),
            ("Median length, px", None, quality["median"]),
            ("95 % within, px", None, quality["p95"]),
        ),
        f"{count} {source}; {quality['check_windows_excluded']} others could not be matched both "
        "times or contradict themselves.",
    )
    yield Table(
        "Support",
        ("", "Value"),
        (
            ("Windows matched", quality["n_points"]),
            ("Windows that agree", quality["n_inliers"]),
            ("Share of the usable area they cover", quality["coverage"]),
            ("Difference of two halves, px", quality["agreement"]),
            ("Reliability, 0 to 100", quality["reliability"]),
        ),
    )
    if facts.dropped:
        yield Table("Windows left out", ("Reason", "Windows"), facts.dropped)
