# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of an expression, each with its place in the text, and errors that point at it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import InvalidOption

MOST_CHARACTERS = 2000
AROUND = 40
"""Characters of the text shown before and behind the place that an error points at."""

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<field>\{[^{}\r\n]*\})"
    r"|(?P<symbol>\*\*|//|<=|>=|==|!=|[-+*/%()<>&|~,;])"
)
_BLANK = re.compile(r"[ \t\r\n]*")
_GLUED = re.compile(r"[A-Za-z_0-9.]+")
_HINTS = {
    "=": 'write "==" to compare',
    "!": 'write "not" or "!="',
    "^": 'write "**" for a power',
    ".": "a number such as 0.5 may hold one, nothing else",
    "[": "a band is written b1",
    "{": "a field is written {name}",
    ":": 'write "where(condition, x, y)" for a choice',
    "?": 'write "where(condition, x, y)" for a choice',
    "'": "texts mean nothing here",
    '"': "texts mean nothing here",
}


@dataclass(frozen=True)
class Token:
    """A word of the text: "number", "name", "field", "symbol" or "end"; `at` counts from 0."""

    kind: str
    text: str
    at: int

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"at character {self.at + 1}"

    @property
    def word(self) -> str:
        """A name or symbol as it is compared: names mean the same in small and large letters."""
        return self.text.lower() if self.kind in ("name", "symbol") else ""


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of an expression and the end.

    Raises InvalidOption that points at the character for anything that is no word of the language.
    """
    if len(text) > MOST_CHARACTERS:
        raise refused(
            text,
            MOST_CHARACTERS,
            f"The expression has {len(text):,} characters; it must end before character "
            f"{MOST_CHARACTERS + 1}.",
        )
    at = _blank(text, 0)
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise refused(text, at, _strange(text, at))
        token = Token(str(found.lastgroup), found.group(), at)
        if token.kind == "number" and _GLUED.match(text, found.end()):
            whole = _GLUED.match(text, at)
            word = whole.group() if whole else token.text
            raise refused(text, at, f"{quoted(word)} {token.place} is not a number.")
        yield token
        at = _blank(text, found.end())
    yield Token("end", "", len(text))


def refused(text: str, at: int, sentence: str) -> InvalidOption:
    """Return the error that says what is wrong, with the text and a caret below the character."""
    start = max(0, at - AROUND)
    shown = "".join(c if c.isprintable() else " " for c in text[start : at + AROUND])
    before = "… " if start else ""
    after = " …" if at + AROUND < len(text) else ""
    return InvalidOption(f"{sentence}\n{before}{shown}{after}\n{' ' * (len(before) + at - start)}^")


def quoted(word: str) -> str:
    """Return a word in quotes, its end left out when it is long."""
    return f'"{word}"' if len(word) <= AROUND else f'"{word[:AROUND]}…"'


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _strange(text: str, at: int) -> str:
    """The sentence for a character that begins no word."""
    letter, place = text[at], f"at character {at + 1}"
    if letter == "=":
        return f'One "=" {place}: {_HINTS["="]}.'
    if letter.isascii() and letter.isprintable():
        hint = f": {_HINTS[letter]}" if letter in _HINTS else ""
        return f'"{letter}" {place} is not allowed{hint}.'
    code = f"U+{ord(letter):04X}"
    alike = unicodedata.normalize("NFKC", letter).strip()
    hint = f' Write "{alike}".' if alike.isascii() and alike.isprintable() and alike else ""
    shown = f'"{letter}" ({code})' if letter.isprintable() else f"The character {code}"
    return f"{shown} {place} is not one of the plain letters, digits and operators.{hint}"
