# SPDX-License-Identifier: GPL-2.0-or-later
"""The text of an iota2 configuration file, in its current and its older syntax, as plain values.

Current: sections at the margin, indented lines `key : value` below them. Older: `section: { … }`
with nested mappings, texts joined by `+` and references `$section.key`. Nothing is evaluated as
code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+|\#[^\n]*)
      | (?P<line>\n)
      | (?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
      | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<reference>\$[\w.]+)
      | (?P<name>[A-Za-z_][\w.\-]*)
      | (?P<sign>[:{}\[\]()+,])""",
    re.VERBOSE,
)

_WORDS = {"True": True, "False": False, "None": None, "true": True, "false": False}
_CLOSING = {"{": "}", "[": "]", "(": ")"}
_DEEPEST = 20
OUTSIDE = "task_retry_limits"
"""Section of keys that stand at the margin with a value."""

_END = "end of the file"


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int
    column: int


@dataclass(frozen=True)
class _Reference:
    """A value that stands elsewhere: `$section.key`."""

    path: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class _Joined:
    """Texts joined by `+`."""

    parts: tuple[Any, ...]
    line: int


def read_sections(text: str, title: str) -> dict[str, dict[str, Any]]:
    """Return the values of a configuration text as {section: {key: value}}.

    `title` names the file in errors. Raises InvalidOption with the line that cannot be read.
    """
    sections = _Reader(list(_tokens(text, title)), title).sections()
    return {name: _resolved(entries, sections, title, ()) for name, entries in sections.items()}


def _tokens(text: str, title: str) -> Iterator[_Token]:
    line, start, place = 1, 0, 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found:
            raise InvalidOption(_unreadable(text, place, line, title))
        kind = str(found.lastgroup)
        if kind == "line":
            line, start = line + 1, found.end()
        elif kind != "blank":
            yield _Token(kind, found.group(), line, place - start)
        place = found.end()
    yield _Token("end", _END, line, 0)


def _unreadable(text: str, place: int, line: int, title: str) -> str:
    if text[place] == "@":
        return (
            f"{title}, line {line}: other files cannot be included with @. Copy their sections "
            "into this file."
        )
    shown = text[place:].splitlines()[0][:40]
    return f'{title}, line {line}: "{shown}" cannot be read. Write texts and paths in quotes.'


class _Reader:
    """Reads tokens one after the other; `title` names the file in errors."""

    def __init__(self, tokens: list[_Token], title: str) -> None:
        self._tokens = tokens
        self._title = title
        self._at = 0

    def sections(self) -> dict[str, dict[str, Any]]:
        """Return all sections; one that comes twice is continued."""
        found: dict[str, dict[str, Any]] = {}
        while self._here.kind != "end":
            if self._here.kind != "name":
                raise self._error("a section name")
            token = self._take()
            name, entries = token.text, {}
            self._sign(":")
            if self._here.text == "{":
                entries = self._value(0)
            elif self._here.line > token.line or self._here.kind == "end":
                entries = self._indented()
            else:
                # a retry key that is not indented
                name, entries = OUTSIDE, {name: self._value(0)}
            found.setdefault(name, {}).update(entries)
            if self._here.text == ",":
                self._take()
        return found

    @property
    def _here(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _sign(self, sign: str) -> None:
        if self._here.text != sign:
            raise self._error(f'"{sign}"')
        self._take()

    def _error(self, wanted: str) -> InvalidOption:
        here = self._here
        shown = here.text if here.kind == "end" else f'"{here.text}"'
        return InvalidOption(
            f"{self._title}, line {here.line}: {wanted} is expected where {shown} stands."
        )

    def _indented(self) -> dict[str, Any]:
        """Read the lines below a section that stands at the margin."""
        entries: dict[str, Any] = {}
        while self._here.kind != "end" and self._here.column > 0:
            key = self._key()
            entries[key] = None if self._starts_entry() else self._value(0)
        return entries

    def _key(self) -> str:
        if self._here.kind not in ("name", "text", "number"):
            raise self._error("a key")
        token = self._take()
        self._sign(":")
        return str(ast.literal_eval(token.text)) if token.kind == "text" else token.text

    def _starts_entry(self) -> bool:
        """Return True when a new entry or section begins here: the value is left out."""
        here, then = self._here, self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        return here.kind == "end" or (here.kind == "name" and then.text == ":")

    def _value(self, depth: int) -> Any:
        line, parts = self._here.line, [self._atom(depth)]
        while self._here.text == "+":
            self._take()
            parts.append(self._atom(depth))
        return parts[0] if len(parts) == 1 else _Joined(tuple(parts), line)

    def _atom(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise self._error("a value that is not nested so deeply")
        token = self._here
        if token.kind in ("text", "number"):
            return ast.literal_eval(self._take().text.lstrip("+"))
        if token.kind == "name":
            word = self._take().text
            return _WORDS.get(word, word)
        if token.kind == "reference":
            return _Reference(tuple(self._take().text[1:].split(".")), token.line)
        if token.text in _CLOSING:
            return self._several(self._take().text, depth)
        raise self._error("a value")

    def _several(self, opening: str, depth: int) -> Any:
        closing, keyed = _CLOSING[opening], opening == "{"
        items: list[Any] = []
        while self._here.text != closing:
            key = self._key() if keyed else None
            empty = keyed and (self._here.text in (",", closing) or self._starts_entry())
            items.append((key, None if empty else self._value(depth + 1)))
            if self._here.text == ",":
                self._take()
        self._take()
        return dict(items) if keyed else [item for _, item in items]


def _resolved(value: Any, sections: dict[str, Any], title: str, seen: tuple[Any, ...]) -> Any:
    """Return a value with its references looked up and its texts joined."""
    if isinstance(value, dict):
        return {key: _resolved(item, sections, title, seen) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, sections, title, seen) for item in value]
    if isinstance(value, _Joined):
        parts = [_resolved(part, sections, title, seen) for part in value.parts]
        if not all(isinstance(part, str) for part in parts):
            raise InvalidOption(f"{title}, line {value.line}: only texts can be joined with +.")
        return "".join(parts)
    if not isinstance(value, _Reference):
        return value
    found: Any = sections
    for key in value.path:
        if not isinstance(found, dict) or key not in found:
            raise InvalidOption(
                f"{title}, line {value.line}: ${'.'.join(value.path)} names no key of this file."
            )
        found = found[key]
    if value in seen:
        raise InvalidOption(f"{title}, line {value.line}: this reference leads back to itself.")
    return _resolved(found, sections, title, (*seen, value))
