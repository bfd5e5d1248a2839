# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions over the fields of features, such as {cloud} * -1, that say which is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime

from ..errors import InvalidOption
from .expressions import Names, parse
from .lexing import Token, quoted, refused, tokens
from .machine import Expression


def rank_values(expression: str, rows: Sequence[Mapping[str, object]]) -> list[float]:
    """Return the value of an expression with {field} names for each row of fields.

    Numbers, truth values, and texts that hold a number or a date (2024-05-31, counted in days)
    serve. NaN stands where a field is empty (None, "") or the result is not defined. Raises
    InvalidOption that points at the character, also for a text that is no number.
    """
    read = read_rank(expression, tuple(dict.fromkeys(name for row in rows for name in row)))
    return [_value(read, row) for row in rows]


def read_rank(expression: str, fields: Sequence[str]) -> Expression:
    """Return a ranking expression, read for features with these fields.

    Raises InvalidOption that points at the character.
    """
    found = parse(expression, Names(bands=0, fields=tuple(fields)))
    if len(found.results) > 1:
        at = next(token.at for token in tokens(expression) if token.text == ";")
        sentence = f'A rank is one number: ";" at character {at + 1} separates two.'
        raise refused(expression, at, sentence)
    return found


def _value(read: Expression, row: Mapping[str, object]) -> float:
    numbers = {name: _number(read.text, name, row.get(name)) for name in read.fields}
    (found,) = read.evaluate({}, fields=numbers)
    return float(found.values) if bool(found.finite) else math.nan


def _number(text: str, name: str, value: object) -> float | None:
    """Return the number of a field, None when it is empty."""
    if value is None or value == "":
        return None
    if isinstance(value, date):
        return _days(value)
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
        with suppress(ValueError):
            return _days(datetime.fromisoformat(value.strip().replace("/", "-")))
        raise _no_number(text, name, value)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise _no_number(text, name, str(value)) from error


def _days(value: date) -> float:
    if not isinstance(value, datetime):
        return float(value.toordinal())
    return value.toordinal() + (value.hour * 3600 + value.minute * 60 + value.second) / 86400


def _no_number(text: str, name: str, value: str) -> InvalidOption:
    token = next(filter(lambda token: _names(token, name), tokens(text)))
    sentence = (
        f"The field {quoted(token.text)} {token.place} holds {quoted(value)}, which is neither a "
        "number nor a date."
    )
    return refused(text, token.at, sentence)


def _names(token: Token, name: str) -> bool:
    return token.kind == "field" and token.text[1:-1].strip() == name
