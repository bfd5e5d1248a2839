# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions over the bands of an image, read by a parser of our own.

The text becomes a list of steps for a small stack machine; nothing of it is ever run as Python.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InvalidOption
from . import arithmetic as maths
from .arithmetic import MOST_EXPONENT
from .complaints import (
    CONSTANTS,
    LEVELS,
    is_band,
    missing,
    no_band_of_percentile,
    unexpected,
    unknown,
    unknown_band,
    unknown_field,
    wrong_count,
)
from .lexing import Token, refused, tokens
from .machine import FUNCTIONS, OPERATORS, Expression, Step

MOST_DEPTH = 50
MOST_STEPS = 500

WORDS = {"&": "and", "|": "or", "~": "not"}
NOT, COMPARING, MINUS = 3, 4, 7
"""How strongly "not", comparisons and the minus of one number bind, see LEVELS."""


@dataclass(frozen=True)
class Names:
    """What names in an expression mean: bands of an image, its nodata value, fields of a feature.

    `whole` says that the bands hold whole numbers, `alpha` that the image has alpha beside them.
    """

    bands: int
    image: str = ""
    nodata: float | None = None
    whole: bool = True
    fields: tuple[str, ...] = ()
    alpha: bool = False


def parse(text: str, names: Names) -> Expression:
    """Read an expression.

    Raises InvalidOption that says what is wrong and points at the character.
    """
    return _Parser(text, names).parsed()


@dataclass
class _Parser:
    """Precedence climbing over the words of a text.

    Every method that reads an operand returns its number when it is a constant, else None.
    """

    text: str
    names: Names
    words: list[Token] = field(init=False)
    at: int = 0
    depth: int = 0
    count: int = 0
    steps: list[Step] = field(default_factory=list)
    used: dict[str, dict[Any, None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.words = list(tokens(self.text))

    def parsed(self) -> Expression:
        results = [self._result()]
        while self._accept(";"):
            results.append(self._result())
        token = self.token
        if token.kind != "end":
            raise self._wrong(token, unexpected(token))
        listed = {name: tuple(found) for name, found in self.used.items()}
        return Expression(
            self.text,
            tuple(results),
            tuple(sorted(listed.get("band", ()))),
            listed.get("percentile", ()),
            listed.get("field", ()),
            bool(listed.get("nan")),
        )

    @property
    def token(self) -> Token:
        return self.words[self.at]

    def _result(self) -> tuple[Step, ...]:
        self.steps = []
        self._operand(1)
        return tuple(self.steps)

    def _operand(self, level: int) -> float | None:
        """Read operands joined by operators that bind at least as strongly as the level."""
        constant = self._first(level)
        links = 0
        while True:
            operator = self._operator()
            if LEVELS.get(operator, 0) < level:
                return constant
            token = self._next()
            # a power and its sign bind to the right; a chain of comparisons is read here
            bound = MINUS if operator == "**" else LEVELS[operator] + 1
            right = self._deeper(token, bound)
            if LEVELS[operator] == COMPARING:
                links = self._comparison(token, operator, links)
                constant = None
                continue
            if operator == "**":
                self._refuse_power(token, right)
            self._emit(token, Step("call", OPERATORS[operator], 2))
            constant = _folded(operator, constant, right)

    def _operator(self) -> str:
        word = self.token.word
        return WORDS.get(word, word)

    def _comparison(self, token: Token, operator: str, links: int) -> int:
        """Emit a comparison; in a chain, what comes before holds as well."""
        more = LEVELS.get(self._operator(), 0) == COMPARING
        self._emit(token, Step("link" if more else "compare", operator))
        if more:
            return links + 1
        for _ in range(links):
            self._emit(token, Step("call", maths.both, 2))
        return 0

    def _first(self, level: int) -> float | None:
        """Read an operand with the signs before it."""
        token, word = self.token, self._operator()
        if word == "not":
            if level > NOT:
                raise self._wrong(token, f'Put "{token.text} …" {token.place} into parentheses.')
            self._next()
            self._deeper(token, NOT)
            self._emit(token, Step("call", maths.inverted, 1))
            return None
        if word == "-":
            self._next()
            constant = self._deeper(token, MINUS)
            self._emit(token, Step("call", maths.negated, 1))
            return None if constant is None else -constant
        return self._atom()

    def _deeper(self, token: Token, level: int) -> float | None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise self._wrong(
                token, f"More than {MOST_DEPTH} levels lie inside one another {token.place}."
            )
        found = self._operand(level)
        self.depth -= 1
        return found

    def _atom(self) -> float | None:
        token = self.token
        if token.kind == "number":
            return self._number(self._next())
        if token.kind == "name" and token.word not in LEVELS:
            return self._name(self._next())
        if token.kind == "field":
            return self._field(self._next())
        if token.word == "(":
            self._next()
            constant = self._deeper(token, 1)
            self._close(token)
            return constant
        raise self._wrong(token, missing(token, self.words[self.at - 1].text if self.at else ""))

    def _number(self, token: Token) -> float | None:
        value = float(token.text)
        if not math.isfinite(value):
            raise self._wrong(token, f"The number {token.place} is too large.")
        if self._accept("%"):
            return self._percentile(token, value)
        whole = token.text.isdigit()
        self._emit(token, Step("push", maths.number(int(token.text) if whole else value)))
        return value

    def _percentile(self, token: Token, percent: float) -> float | None:
        band = self._next()
        number = self._band_number(band)
        if number is None:
            raise self._wrong(band, no_band_of_percentile(band))
        if not 0 <= percent <= 100:
            raise self._wrong(token, f"The percentile {token.text} {token.place} is not 0 to 100.")
        self._use("percentile", (percent, number))
        self._emit(token, Step("percentile", (percent, number)))
        return None

    def _name(self, token: Token) -> float | None:
        if self.token.word == "(":
            return self._function(token)
        band = self._band_number(token)
        if band is not None:
            self._use("band", band)
            self._emit(token, Step("band", band))
            return None
        value = self._constant(token)
        if not math.isfinite(value):
            self._use("nan", True)
        self._emit(token, Step("push", maths.number(value)))
        return value

    def _constant(self, token: Token) -> float:
        if token.word == "nodata":
            value = self.names.nodata
            if value is None:
                sentence = f'"nodata" {token.place}: the image{self._image} declares no such value.'
                raise self._wrong(token, sentence)
            return int(value) if float(value).is_integer() else value
        if token.word in CONSTANTS:
            return CONSTANTS[token.word]
        raise self._wrong(token, unknown(token, self.names.bands, called=False))

    def _band_number(self, token: Token) -> int | None:
        """Return the band that a name means, None when it means no band."""
        if not is_band(token):
            return None
        digits = token.word[1:]
        if digits[0] == "0" or len(digits) > 6 or int(digits) > self.names.bands:
            names = self.names
            raise self._wrong(token, unknown_band(token, self._image, names.bands, names.alpha))
        return int(digits)

    def _field(self, token: Token) -> float | None:
        name = token.text[1:-1].strip()
        if name not in self.names.fields:
            raise self._wrong(token, unknown_field(token, self.names.fields))
        self._use("field", name)
        self._emit(token, Step("field", name))
        return None

    def _function(self, token: Token) -> float | None:
        if token.word not in FUNCTIONS:
            raise self._wrong(token, unknown(token, self.names.bands, called=True))
        wanted, function = FUNCTIONS[token.word]
        opening, begin = self._next(), len(self.steps)
        first: list[Step] = []
        last: float | None = None
        given = 0
        while given == 0 and self.token.word != ")" or given and self._accept(","):
            last = self._deeper(opening, 1)
            first = first or self.steps[begin:]
            given += 1
        self._close(opening)
        if given != wanted and not (wanted < 0 and given >= -wanted):
            raise self._wrong(token, wrong_count(token, wanted, given))
        if token.word == "bit":
            self._check_bit(token, first, last)
        self._emit(token, Step("call", function, given))
        return None

    def _check_bit(self, token: Token, first: list[Step], last: float | None) -> None:
        if len(first) != 1 or first[0].action != "band" or not self.names.whole:
            sentence = f"bit {token.place} needs a band of whole numbers first, as in bit(b1, 3)."
            raise self._wrong(token, sentence)
        if last is None or last not in range(63):
            raise self._wrong(token, f"bit {token.place} needs the number of a bit, 0 to 62.")

    def _refuse_power(self, token: Token, exponent: float | None) -> None:
        if exponent is not None and not abs(exponent) <= MOST_EXPONENT:
            raise self._wrong(
                token, f'The exponent after "**" {token.place} is beyond {MOST_EXPONENT}.'
            )

    def _emit(self, token: Token, step: Step) -> None:
        self.steps.append(step)
        self.count += 1
        if self.count > MOST_STEPS:
            raise self._wrong(
                token, f"The expression has more than {MOST_STEPS} parts {token.place}."
            )

    def _use(self, kind: str, what: Any) -> None:
        self.used.setdefault(kind, {})[what] = None

    def _next(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.at += 1
        return token

    def _accept(self, symbol: str) -> bool:
        if self.token.word != symbol:
            return False
        self._next()
        return True

    def _close(self, opening: Token) -> None:
        if not self._accept(")"):
            token = self.token
            if token.kind == "end" or token.word == ";":
                sentence = f'Missing ")" {token.place} for the "(" {opening.place}.'
                raise self._wrong(token, sentence)
            raise self._wrong(token, unexpected(token))

    def _wrong(self, token: Token, sentence: str) -> InvalidOption:
        return refused(self.text, token.at, sentence)

    @property
    def _image(self) -> str:
        return f' "{self.names.image}"' if self.names.image else ""


def _folded(operator: str, left: float | None, right: float | None) -> float | None:
    """The number that two constants make; only exponents need it."""
    if left is None or right is None or operator in ("and", "or"):
        return None
    with np.errstate(all="ignore"):
        a, b = np.float64(left), np.float64(right)
        if operator == "//" and not b:
            return math.nan
        found: Any = {"+": a + b, "-": a - b, "*": a * b, "/": a / b, "**": a**b}.get(operator)
        return float(a // b if found is None else found)
