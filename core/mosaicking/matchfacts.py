# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known about gains and offsets besides them, kept for later runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..radiometry.agreement import Agreement, PairAgreement

BANDS = ("mean_difference", "std_ratio", "correlation")


def facts_of_matching(found: Agreement, groups: int, empty: tuple[str, ...]) -> dict[str, Any]:
    """Return what the file of gains does not tell."""
    return {
        "mean_difference_before": found.before,
        "mean_difference_after": found.after,
        "pairs": [asdict(pair) for pair in found.pairs],
        "groups": groups,
        "empty": list(empty),
    }


def known_matching(facts: Mapping[str, Any]) -> tuple[Agreement, int, tuple[str, ...]] | None:
    """Return agreement, groups and images without valid pixels out of such facts, if they tell."""
    if "pairs" not in facts:
        return None
    pairs = tuple(
        PairAgreement(**{**one, **{name: _numbers(one[name]) for name in BANDS}})
        for one in facts["pairs"]
    )
    before, after = facts["mean_difference_before"], facts["mean_difference_after"]
    return Agreement(before, after, pairs), int(facts["groups"]), tuple(facts["empty"])


def _numbers(values: list[float | None]) -> tuple[float, ...]:
    """Return numbers of JSON, where None stands for what is none."""
    return tuple(math.nan if value is None else float(value) for value in values)
