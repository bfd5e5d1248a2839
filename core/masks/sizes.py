# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for the size of polygons, and tables of old and new values, as users write them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidOption
from ..image import Array
from .arithmetic import COMPARISONS

MOST = 2**31 - 1
"""Largest value of a polygon, with either sign."""

_RULE = re.compile(
    r"\s*(?P<how><=|>=|<|>)?\s*(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>px|%)?\s*"
)


@dataclass(frozen=True)
class SizeRule:
    """Which polygons are kept: a comparison with an area, or with a percentile of all areas."""

    how: str
    number: float
    unit: str

    def kept(self, areas: NDArray[np.float64], pixel_area: float) -> NDArray[np.bool_]:
        """Return which of areas[polygon], px, are kept; a pixel has an area in map units."""
        if not areas.size:
            return np.zeros(0, bool)
        limit = self.number
        if self.unit == "%":
            rank = math.ceil(Fraction(repr(self.number)) * len(areas) / 100)
            limit = float(np.sort(areas)[min(len(areas), max(1, rank)) - 1])
        measured = areas if self.unit else areas * pixel_area
        return np.asarray(COMPARISONS[self.how](measured, limit))


def size_rule(text: str | None) -> SizeRule | None:
    """Return what ">100", "<=50px", "95%" or a bare number (meaning >) says, None for nothing.

    Raises InvalidOption for any other text.
    """
    if not text or not text.strip():
        return None
    found = _RULE.fullmatch(text)
    if found is None:
        raise InvalidOption(
            f"Size of polygons: {text!r} is not a size such as >100, <=50px or >95%."
        )
    number = float(found["number"])
    if found["unit"] == "%" and number > 100:
        raise InvalidOption(f"Size of polygons: {number:g} % is above 100 %.")
    return SizeRule(found["how"] or ">", number, found["unit"] or "")


Table = tuple[tuple[int, "int | None"], ...]
"""Old and new values; None drops the old one."""


def value_table(text: str | None) -> Table:
    """Return what "1:10,2:" says: 1 becomes 10, 2 is dropped.

    Raises InvalidOption for any other text, and for values that polygons cannot have.
    """
    found: dict[int, int | None] = {}
    for piece in filter(None, (part.strip() for part in (text or "").split(","))):
        old, colon, new = (word.strip() for word in piece.partition(":"))
        try:
            key, value = int(old), int(new) if new else None
        except ValueError:
            key, colon = 0, ""
        if not colon:
            raise InvalidOption(f"Values: {piece!r} is not old:new with whole numbers, as in 1:10.")
        if key in found:
            raise InvalidOption(f"Values: {key} is given twice.")
        if max(abs(key), abs(value or 0)) > MOST:
            raise InvalidOption(
                f"Values: {piece!r} goes beyond what polygons can have, -{MOST} to {MOST}."
            )
        found[key] = value
    return tuple(found.items())


def renamed(values: Array, table: Table, dropped: int) -> Array:
    """Return values in which old ones are replaced by new ones, or by `dropped`."""
    out = values.copy() if table else values
    for old, new in table:
        out[values == old] = dropped if new is None else new
    return out
