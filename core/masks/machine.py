# SPDX-License-Identifier: GPL-2.0-or-later
"""A stack machine that computes expressions over the bands of an image, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Array, Mask
from . import arithmetic as maths
from .arithmetic import Value

Percentile = tuple[float, int]
"""A percentage and a band."""

OPERATORS: dict[str, Callable[[Value, Value], Value]] = {
    "or": maths.either,
    "and": maths.both,
    "+": maths.added,
    "-": maths.subtracted,
    "*": maths.multiplied,
    "/": maths.divided,
    "//": maths.floored,
    "**": maths.raised,
}
FUNCTIONS: dict[str, tuple[int, Callable[..., Value]]] = {
    "abs": (1, maths.absolute),
    "sqrt": (1, maths.plain(np.sqrt, lambda x: x < 0)),
    "log": (1, maths.plain(np.log, lambda x: x <= 0)),
    "log10": (1, maths.plain(np.log10, lambda x: x <= 0)),
    "exp": (1, maths.plain(np.exp)),
    "sin": (1, maths.plain(np.sin)),
    "cos": (1, maths.plain(np.cos)),
    "tan": (1, maths.plain(np.tan)),
    "round": (1, maths.rounding(np.rint)),
    "floor": (1, maths.rounding(np.floor)),
    "ceil": (1, maths.rounding(np.ceil)),
    "min": (-2, maths.smallest),
    "max": (-2, maths.largest),
    "where": (3, maths.chosen),
    "clip": (3, maths.clipped),
    "bit": (2, maths.bit),
}
"""Number of arguments (-2: at least two) and what computes it."""


@dataclass(frozen=True)
class Step:
    """What the stack machine does next: "push" a Value, "band", "percentile", "field", "call"…"""

    action: str
    argument: Any = None
    count: int = 0


@dataclass(frozen=True)
class Outcome:
    """What an expression gives: values, and where it is not `defined` (None: everywhere)."""

    values: Array
    undefined: Mask | None

    @property
    def finite(self) -> Mask:
        """Where it is defined and neither NaN nor infinite."""
        found = np.isfinite(self.values)
        return np.asarray(found if self.undefined is None else found & ~self.undefined)

    @property
    def holds(self) -> Mask:
        """Where it is defined and not 0."""
        return np.asarray((self.values != 0) & self.finite)


@dataclass(frozen=True)
class Expression:
    """An expression that was read: one list of steps for each result."""

    text: str
    results: tuple[tuple[Step, ...], ...]
    bands: tuple[int, ...] = ()
    percentiles: tuple[Percentile, ...] = ()
    fields: tuple[str, ...] = ()
    speaks_of_nan: bool = False

    def evaluate(
        self,
        bands: Mapping[int, Array],
        percentiles: Mapping[Percentile, float | None] | None = None,
        fields: Mapping[str, float | None] | None = None,
    ) -> tuple[Outcome, ...]:
        """Return the outcome of each result for pixels of the bands named in `bands`.

        `percentiles` and `fields` hold a number for each of those named there; None is defined
        nowhere. Whole numbers come out as int64, claims as bool, all others as float64; a result
        without bands is a single number.
        """
        known = _Known(bands, percentiles or {}, fields or {})
        return tuple(_run(steps, known) for steps in self.results)


@dataclass(frozen=True)
class _Known:
    bands: Mapping[int, Array]
    percentiles: Mapping[Percentile, float | None]
    fields: Mapping[str, float | None]


def _run(steps: tuple[Step, ...], known: _Known) -> Outcome:
    stack: list[Value] = []
    for step in steps:
        _ACTIONS[step.action](stack, step, known)
    (found,) = stack
    return Outcome(found.array, found.bad)


def _push(stack: list[Value], step: Step, known: _Known) -> None:
    stack.append(step.argument)


def _band(stack: list[Value], step: Step, known: _Known) -> None:
    stack.append(maths.pixels(known.bands[step.argument]))


def _percentile(stack: list[Value], step: Step, known: _Known) -> None:
    stack.append(maths.number(known.percentiles[step.argument]))


def _field(stack: list[Value], step: Step, known: _Known) -> None:
    stack.append(maths.number(known.fields[step.argument]))


def _call(stack: list[Value], step: Step, known: _Known) -> None:
    given = [stack.pop() for _ in range(step.count)][::-1]
    stack.append(step.argument(*given))


def _compare(stack: list[Value], step: Step, known: _Known) -> None:
    right, left = stack.pop(), stack.pop()
    stack.append(maths.compared(step.argument, left, right))


def _link(stack: list[Value], step: Step, known: _Known) -> None:
    """Compare, and keep the right side for the next comparison of the chain."""
    right, left = stack.pop(), stack.pop()
    stack += [maths.compared(step.argument, left, right), right]


_ACTIONS: dict[str, Callable[[list[Value], Step, _Known], None]] = {
    "push": _push,
    "band": _band,
    "percentile": _percentile,
    "field": _field,
    "call": _call,
    "compare": _compare,
    "link": _link,
}
