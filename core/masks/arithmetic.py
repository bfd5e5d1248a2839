# SPDX-License-Identifier: GPL-2.0-or-later
"""Arithmetic of expressions: whole numbers stay exact, and what is not defined is remembered."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Mask

LARGEST = 2**63 - 1
SMALL = 2**31 - 1
MOST_EXPONENT = 64


@dataclass(frozen=True)
class Value:
    """Numbers of pixels (or one for all), `bad` where they are not defined.

    `low` and `high` enclose whole numbers, which are int32, int64 or bool; both are None for
    decimal numbers, which are float64.
    """

    array: Array
    bad: Mask | None = None
    low: int | None = None
    high: int | None = None

    @property
    def ends(self) -> tuple[int, int] | None:
        """Smallest and largest possible whole number; None for decimal numbers."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def floats(self) -> Array:
        """The numbers as float64."""
        return self.array.astype(np.float64, copy=False)

    @property
    def ints(self) -> Array:
        """Whole numbers as int64."""
        return self.array.astype(np.int64, copy=False)

    @property
    def truth(self) -> Mask:
        """Where it is not 0."""
        return np.asarray(self.array != 0)


def number(value: float | int | None) -> Value:
    """Return a constant; None is defined nowhere."""
    if value is None:
        return Value(np.array(0.0), np.array(True))
    if isinstance(value, bool):
        return Value(np.array(value), None, int(value), int(value))
    if isinstance(value, int) and abs(value) <= LARGEST:
        return Value(np.array(value, np.int64), None, value, value)
    return Value(np.array(value, np.float64))


def pixels(values: Array) -> Value:
    """Return a band's pixels."""
    if values.dtype.kind == "b":
        return Value(values, None, 0, 1)
    if values.dtype.kind in "iu" and values.dtype != np.uint64:
        low, high = int(np.iinfo(values.dtype).min), int(np.iinfo(values.dtype).max)
        return Value(values.astype(_holding((low, high))), None, low, high)
    return Value(values.astype(np.float64))


def negated(a: Value) -> Value:
    """Return -a."""
    return _summed(operator.sub, number(0), a)


def added(a: Value, b: Value) -> Value:
    """Return a + b."""
    return _summed(operator.add, a, b)


def subtracted(a: Value, b: Value) -> Value:
    """Return a - b."""
    return _summed(operator.sub, a, b)


def multiplied(a: Value, b: Value) -> Value:
    """Return a * b."""
    return _summed(operator.mul, a, b)


def divided(a: Value, b: Value) -> Value:
    """Return a / b, not defined where b is 0."""
    zero = np.asarray(b.array == 0)
    below: Array = np.where(zero, 1, b.array) if zero.any() else b.array
    with np.errstate(all="ignore"):
        return Value(np.true_divide(a.array, below, dtype=np.float64), _any(a.bad, b.bad, zero))


def floored(a: Value, b: Value) -> Value:
    """Return the whole number below a / b, not defined where b is 0."""
    zero = np.asarray(b.array == 0)
    bad = _any(a.bad, b.bad, zero)
    if a.ends and b.ends:
        most = max(map(abs, a.ends))
        if most <= LARGEST:
            return Value(np.where(zero, 0, a.ints // np.where(zero, 1, b.ints)), bad, -most, most)
    with np.errstate(all="ignore"):
        return Value(np.floor_divide(a.floats, np.where(zero, 1.0, b.floats)), bad)


def raised(a: Value, b: Value) -> Value:
    """Return a ** b, not defined for 0 to a negative power and negative numbers to a broken one."""
    bad = _any(a.bad, b.bad)
    if a.ends and b.ends and b.low == b.high and 0 <= b.ends[0] <= MOST_EXPONENT:
        exponent = b.ends[0]
        corners = [end**exponent for end in a.ends]
        corners += [0] if a.ends[0] < 0 < a.ends[1] else []
        if _fit(corners):
            return Value(a.ints**exponent, bad, min(corners), max(corners))
    base, power = a.floats, b.floats
    wrong = ((base == 0) & (power < 0)) | ((base < 0) & (power != np.floor(power)))
    with np.errstate(all="ignore"):
        return Value(np.power(np.where(wrong, 1.0, base), power), _any(bad, wrong))


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def compared(symbol: str, a: Value, b: Value) -> Value:
    """Return where a comparison holds."""
    whole = a.ends and b.ends
    sides = (a.array, b.array) if whole else (a.floats, b.floats)
    return _claim(COMPARISONS[symbol](*sides), _any(a.bad, b.bad))


def both(a: Value, b: Value) -> Value:
    """Return where both are not 0; false as soon as one is false, defined or not the other."""
    bad = _any(a.bad, b.bad)
    if bad is not None:
        bad = bad & ~_surely(a, ~a.truth) & ~_surely(b, ~b.truth)
    return _claim(a.truth & b.truth, bad)


def either(a: Value, b: Value) -> Value:
    """Return where one is not 0; true as soon as one is true, defined or not the other."""
    bad = _any(a.bad, b.bad)
    if bad is not None:
        bad = bad & ~_surely(a, a.truth) & ~_surely(b, b.truth)
    return _claim(_surely(a, a.truth) | _surely(b, b.truth), bad)


def inverted(a: Value) -> Value:
    """Return where it is 0."""
    return _claim(~a.truth, a.bad)


def chosen(condition: Value, x: Value, y: Value) -> Value:
    """Return x where the condition holds, else y; what the other one is there does not matter."""
    where = condition.truth
    bad = condition.bad
    if x.bad is not None or y.bad is not None:
        sides = [np.array(False) if side.bad is None else side.bad for side in (x, y)]
        bad = _any(bad, np.where(where, sides[0], sides[1]))
    if x.ends and y.ends:
        ends = (*x.ends, *y.ends)
        return Value(np.where(where, x.ints, y.ints), bad, min(ends), max(ends))
    return Value(np.where(where, x.floats, y.floats), bad)


def smallest(*values: Value) -> Value:
    """Return the smallest of the values."""
    return _extreme(np.minimum, min, values)


def largest(*values: Value) -> Value:
    """Return the largest of the values."""
    return _extreme(np.maximum, max, values)


def clipped(x: Value, low: Value, high: Value) -> Value:
    """Return x, at least `low` and at most `high`."""
    return smallest(largest(x, low), high)


def absolute(a: Value) -> Value:
    """Return a without sign."""
    if a.ends:
        most = max(map(abs, a.ends))
        if most <= LARGEST:
            return Value(np.abs(a.ints), a.bad, 0, most)
    return Value(np.abs(a.floats), a.bad)


def bit(a: Value, n: Value) -> Value:
    """Return bit number n (0 = lowest) of whole numbers."""
    return Value((a.ints >> n.ints) & 1, _any(a.bad, n.bad), 0, 1)


def rounding(function: Callable[[Array], Array]) -> Callable[[Value], Value]:
    """Return a function that leaves whole numbers as they are."""

    def rounded(a: Value) -> Value:
        return a if a.ends else Value(function(a.floats), a.bad)

    return rounded


def plain(
    function: Callable[[Array], Array], wrong: Callable[[Array], Array] | None = None
) -> Callable[[Value], Value]:
    """Return a function of decimal numbers, not defined where `wrong` says so."""

    def computed(a: Value) -> Value:
        values, bad = a.floats, a.bad
        if wrong is not None:
            outside = np.asarray(wrong(values))
            values, bad = np.where(outside, 1.0, values), _any(bad, outside)
        with np.errstate(all="ignore"):
            return Value(np.asarray(function(values)), bad)

    return computed


def _summed(combine: Callable[[Any, Any], Any], a: Value, b: Value) -> Value:
    """Exact whole numbers where the result cannot leave 64 bits, else decimal numbers."""
    bad = _any(a.bad, b.bad)
    if a.ends and b.ends:
        corners = [combine(x, y) for x in a.ends for y in b.ends]
        if _fit(corners):
            kind = _holding((*corners, *a.ends, *b.ends))
            both_sides = a.array.astype(kind, copy=False), b.array.astype(kind, copy=False)
            return Value(combine(*both_sides), bad, min(corners), max(corners))
    with np.errstate(all="ignore"):
        return Value(combine(a.floats, b.floats), bad)


def _extreme(
    function: Callable[[Any, Any], Any],
    of_ends: Callable[[Sequence[int]], int],
    values: Sequence[Value],
) -> Value:
    first, *others = values
    for other in others:
        bad = _any(first.bad, other.bad)
        if first.ends and other.ends:
            low, high = (of_ends(pair) for pair in zip(first.ends, other.ends))
            first = Value(function(first.ints, other.ints), bad, low, high)
        else:
            first = Value(function(first.floats, other.floats), bad)
    return first


def _fit(corners: Sequence[int]) -> bool:
    return max(map(abs, corners)) <= LARGEST


def _holding(ends: Sequence[int]) -> Any:
    """The smaller type that holds whole numbers up to some ends, also those calculated from."""
    return np.int32 if max(map(abs, ends)) <= SMALL else np.int64


def _claim(where: Array, bad: Mask | None) -> Value:
    return Value(np.asarray(where), bad, 0, 1)


def _surely(a: Value, where: Mask) -> Mask:
    """Where a claim holds and is defined."""
    return where if a.bad is None else where & ~a.bad


def _any(*masks: Mask | None) -> Mask | None:
    """Where any of some masks is True; None for nowhere."""
    found: Mask | None = None
    for mask in masks:
        if mask is not None and mask.any():
            found = mask if found is None else found | mask
    return found
