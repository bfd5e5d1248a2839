# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions in the spelling of Orfeo Toolbox: `^`, `&&`, `||`, `!` and `condition ? x : y`.

They are rewritten to the words of our own language, and errors point at the user's own text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import InvalidOption
from ..image import Array
from .expressions import Names, parse
from .lexing import refused
from .machine import Expression

_WORDS = {"&&": " and ", "||": " or ", "^": "**", "!=": "!="}
_OPERAND = re.compile(r"[\s!+-]*[A-Za-z_0-9.]*[ \t]*")
_POINTED = re.compile(r"at character (\d+)")


@dataclass(frozen=True)
class _Piece:
    """Rewritten text and the place in the user's text of each of its characters."""

    text: str
    places: tuple[int, ...]

    def __add__(self, other: _Piece) -> _Piece:
        return _Piece(self.text + other.text, self.places + other.places)

    def __getitem__(self, part: slice) -> _Piece:
        return _Piece(self.text[part], self.places[part])


@dataclass(frozen=True)
class Formula:
    """Band maths over b1…bB, one result; picklable, since only its text is kept."""

    text: str
    names: Names

    def check(self) -> None:
        """Raise InvalidOption that points at the character, when it cannot be read."""
        self._read()

    @cached_property
    def expression(self) -> Expression:
        """The expression that was read."""
        return self._read()

    def _read(self) -> Expression:
        found = parse_otb(self.text, self.names)
        if len(found.results) != 1 or found.percentiles or found.fields:
            raise InvalidOption(
                f"Expression {self.text!r}: one result of bands is needed, without percentiles "
                "and fields."
            )
        return found

    def __call__(self, bands: Mapping[int, Array]) -> Array:
        """Return float64 values of numbered bands; NaN where they are not defined."""
        wanted = {number: bands[number] for number in self.expression.bands}
        (found,) = self.expression.evaluate(wanted)
        values = np.asarray(found.values, np.float64)
        return values if found.undefined is None else np.where(found.undefined, np.nan, values)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the expression, which holds functions."""
        return {"text": self.text, "names": self.names}


def parse_otb(text: str, names: Names) -> Expression:
    """Read an expression in our own spelling or in that of Orfeo Toolbox.

    Raises InvalidOption that says what is wrong and points at the character of this text.
    """
    piece = _choices(_respelled(text))
    try:
        return parse(piece.text, names)
    except InvalidOption as error:
        raise _moved(error, text, piece) from error


def split_expressions(text: str) -> tuple[str, ...]:
    """Return the expressions of a text, parted by commas that stand outside parentheses."""
    found, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth <= 0:
            found.append(text[start:at])
            start = at + 1
    found.append(text[start:])
    return tuple(one.strip() for one in found if one.strip())


def _respelled(text: str, start: int = 0, stop: int | None = None) -> _Piece:
    """Put our words for `^`, `&&`, `||` and for `!`, which binds as strongly as a sign."""
    stop = len(text) if stop is None else stop
    out, at = _Piece("", ()), start
    while at < stop:
        word = next((old for old in _WORDS if text.startswith(old, at)), text[at])
        if word == "!":
            end = min(_operand_end(text, at + 1), stop)
            inner = _respelled(text, at + 1, end)
            out = out + _Piece("(not ", (at,) * 5) + _cut(inner) + _Piece(")", (end - 1,))
            at = end
            continue
        new = _WORDS.get(word, word)
        out = out + _Piece(new, (at,) * len(new))
        at += len(word)
    return _Piece(out.text, (*out.places, stop))


def _operand_end(text: str, start: int) -> int:
    """Where the operand behind a sign ends: a name, a number, a call or parentheses."""
    found = _OPERAND.match(text, start)
    at = found.end() if found else start
    return _closing(text, at) + 1 if text.startswith("(", at) else at


def _choices(piece: _Piece) -> _Piece:
    """Rewrite `a ? b : c` as where(a, b, c), inside parentheses first; it binds to the right."""
    out, at = piece[:0], 0
    text = piece.text
    while at < len(text):
        if text[at] != "(":
            out = out + piece[at : at + 1]
            at += 1
            continue
        end = _closing(text, at)
        out = out + piece[at : at + 1] + _arguments(piece[at + 1 : end])
        at = end
    return _choice(out)


def _arguments(piece: _Piece) -> _Piece:
    """Rewrite what stands between two commas each."""
    found = piece[:0]
    for start, stop in _parts(piece.text, ","):
        comma = piece[stop : stop + 1] if stop < len(piece.text) else piece[:0]
        found = found + _choices(piece[start:stop]) + comma
    return found


def _choice(piece: _Piece) -> _Piece:
    """Rewrite the choices of a text whose parentheses are done."""
    mark = _outside(piece.text, "?")
    if mark is None:
        return piece
    colon = _partner(piece.text, mark)
    if colon is None:
        return piece
    here = piece.places[mark]
    condition, first, last = piece[:mark], piece[mark + 1 : colon], piece[colon + 1 :]
    opening = _Piece("where(", (here,) * 6)
    comma = _Piece(",", (here,))
    return (
        opening
        + _cut(condition)
        + comma
        + _choice(_cut(first))
        + _Piece(",", (piece.places[colon],))
        + _choice(_cut(last))
        + _Piece(")", (here,))
    )


def _cut(piece: _Piece) -> _Piece:
    """The piece without places behind its end."""
    return _Piece(piece.text, piece.places[: len(piece.text)])


def _closing(text: str, start: int) -> int:
    """Where the parenthesis closes, else the end."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if not depth:
            return at
    return len(text)


def _outside(text: str, wanted: str) -> int | None:
    """The first place of a character outside parentheses."""
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == wanted and depth == 0:
            return at
    return None


def _partner(text: str, mark: int) -> int | None:
    """The colon that belongs to a question mark."""
    depth = open_marks = 0
    for at in range(mark, len(text)):
        letter = text[at]
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            open_marks += (letter == "?") - (letter == ":")
            if letter == ":" and not open_marks:
                return at
    return None


def _parts(text: str, mark: str) -> list[tuple[int, int]]:
    """Beginnings and ends of what stands between marks outside parentheses."""
    found, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == mark and depth == 0:
            found.append((start, at))
            start = at + 1
    return [*found, (start, len(text))]


def _moved(error: InvalidOption, text: str, piece: _Piece) -> InvalidOption:
    """The same error about the user's text."""
    sentence = str(error).split("\n")[0]
    pointed = [_place(int(number), piece, text) for number in _POINTED.findall(sentence)]
    if not pointed:
        return error
    numbers = iter(pointed)
    sentence = _POINTED.sub(lambda _: f"at character {next(numbers) + 1}", sentence)
    return refused(text, pointed[0], sentence)


def _place(number: int, piece: _Piece, text: str) -> int:
    at = number - 1
    return piece.places[at] if at < len(piece.places) else len(text)
