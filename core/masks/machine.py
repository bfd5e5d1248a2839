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


CLAIMING = (maths.either, maths.both, maths.inverted, maths.bit)
PASSING = (maths.chosen, maths.smallest, maths.largest, maths.clipped)
"""What gives true or false whatever it gets, and what gives it when it gets it."""


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
    def defined(self) -> Mask:
        """Where it is defined and not NaN; infinite numbers count."""
        found = ~np.isnan(self.values)
        return np.asarray(found if self.undefined is None else found & ~self.undefined)

    @property
    def finite(self) -> Mask:
        """Where it is defined and neither NaN nor infinite."""
        return self.finite_as(self.values.dtype)

    def finite_as(self, dtype: np.dtype[Any]) -> Mask:
        """Where it is defined, and a finite number once it is of a decimal type."""
        values = self.values
        if values.dtype.kind == "f":
            with np.errstate(over="ignore"):
                values = values.astype(dtype, copy=False)
        found = np.isfinite(values)
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

    @property
    def logical(self) -> tuple[bool, ...]:
        """Which results are true or false (bits are), and no numbers."""
        return tuple(_claims(steps) for steps in self.results)

    @property
    def always_defined(self) -> bool:
        """True when every pixel with valid whole numbers has a result."""
        steps = [step for result in self.results for step in result]
        plain = all(s.action not in ("percentile", "field", "push") or _whole(s) for s in steps)
        return plain and all(s.argument in CLAIMING for s in steps if s.action == "call")

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each result."""
        return tuple(" ".join(piece.split()) for piece in self.text.split(";"))

    def evaluate(
        self,
        bands: Mapping[int, Array],
        percentiles: Mapping[Percentile, float | None] | None = None,
        fields: Mapping[str, float | None] | None = None,
    ) -> tuple[Outcome, ...]:
        """Return the outcome of each result for pixels of the bands named in `bands`.

        `percentiles` and `fields` hold a number for each of those named there; None is defined
        nowhere. Whole numbers come out as int32 or int64, claims as bool, all others as float64; a
        result without bands is a single number.
        """
        known = _Known(bands, percentiles or {}, fields or {})
        return tuple(_run(steps, known) for steps in self.results)


def _whole(step: Step) -> bool:
    return step.action == "push" and step.argument.ends is not None


def _claims(steps: tuple[Step, ...]) -> bool:
    """Whether steps end with a claim, which needs no values to be known."""
    stack: list[bool] = []
    for step in steps:
        if step.action == "call":
            given = [stack.pop() for _ in range(step.count)][::-1]
            given = given[1:] if step.argument is maths.chosen else given
            passed = step.argument in PASSING and all(given)
            stack.append(passed or step.argument in CLAIMING)
        elif step.action in ("compare", "link"):
            stack[-2:] = [True] if step.action == "compare" else [True, stack[-1]]
        else:
            stack.append(step.action == "push" and step.argument.array.dtype == bool)
    return stack[-1]


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
