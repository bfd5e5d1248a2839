# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said about expressions that cannot be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches

from .arithmetic import COMPARISONS
from .lexing import Token, quoted
from .machine import FUNCTIONS

CONSTANTS = {
    "pi": math.pi,
    "e": math.e,
    "nan": math.nan,
    "inf": math.inf,
    "true": True,
    "false": False,
}
LEVELS = {
    "or": 1,
    "and": 2,
    **dict.fromkeys(COMPARISONS, 4),
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "//": 6,
    "**": 8,
}
"""How strongly operators bind; "not" stands at 3, the minus of one number at 7."""

_FOREIGN = {"&&": '"&" or "and"', "||": '"|" or "or"', "<>": '"!="'}
"""Operators of other languages, and what is written here."""

_KNOWN = {*FUNCTIONS, *CONSTANTS, *LEVELS, "nodata", "not"}


def missing(token: Token, before: str) -> str:
    """Return the sentence for a place where a value should stand; `before` is the last word."""
    if token.word == "%":
        return f'"%" {token.place} has no percentage before it, such as 5%b1.'
    after = f" after {quoted(before)}" if before else ""
    if token.kind == "end":
        return (
            f"{'A value is missing' if before else 'The expression is empty'} {token.place}{after}."
        )
    if before + token.word in _FOREIGN:
        return (
            f"{quoted(before + token.word)} {token.place}: write {_FOREIGN[before + token.word]}."
        )
    return f"A value is missing {token.place}{after}; {quoted(token.text)} is none."


def unexpected(token: Token) -> str:
    """Return the sentence for a word that cannot follow what was read."""
    if token.word == "%":
        return (
            f'"%" {token.place} follows no number: a percentile is written 5%b1. There is no '
            "modulo."
        )
    if token.word == ")":
        return f'")" {token.place} closes nothing.'
    if token.word == "(":
        return f'"(" {token.place}: only functions are followed by a parenthesis.'
    if token.word == ",":
        return f'"," {token.place} stands outside the arguments of a function.'
    if token.kind == "name" and token.word not in _KNOWN and not is_band(token):
        return f"{quoted(token.text)} is not allowed here ({token.place})."
    return f"An operator is missing before {quoted(token.text)} {token.place}."


def unknown(token: Token, bands: int, *, called: bool) -> str:
    """Return the sentence for a name that means nothing, or no function where it is called."""
    what, known = "name", [*CONSTANTS, "nodata", *FUNCTIONS, "and", "or", "not"]
    if called:
        what, known = "function", list(FUNCTIONS)
        if is_band(token) or token.word in (*CONSTANTS, "nodata"):
            return f"{quoted(token.text)} {token.place} is not a function."
    elif token.word in FUNCTIONS:
        return f"The function {quoted(token.text)} {token.place} needs parentheses."
    near = get_close_matches(token.word, known, 1, 0.7)
    hint = f"Functions: {', '.join(FUNCTIONS)}."
    if near:
        hint = f"Did you mean {near[0]}?"
    elif not called and not bands:
        hint = "A field is written {name}."
    elif not called:
        hint = f"Bands are called b1{f' to b{bands}' if bands > 1 else ''}."
    return f"Unknown {what} {quoted(token.text)} {token.place}. {hint}"


def unknown_band(token: Token, image: str, bands: int, alpha: bool = False) -> str:
    """Return the sentence for a band that an image (in quotes, with a blank before) lacks."""
    if not bands:
        return f"{quoted(token.text)} {token.place}: there are no bands here, only {{field}}s."
    listed = f"{bands} bands (b1 to b{bands})" if bands > 1 else "1 band (b1)"
    listed += " and alpha" * alpha
    return f"Unknown name {quoted(token.text)} {token.place}: the image{image} has {listed}."


def no_band_of_percentile(token: Token) -> str:
    """Return the sentence for a percentage that no band follows."""
    return (
        f'A band such as b1 is missing after "%" {token.place}: 5%b1 is the 5th percentile of '
        "band 1. There is no modulo."
    )


def unknown_field(token: Token, fields: Sequence[str]) -> str:
    """Return the sentence for a field that features do not have."""
    known = f"the fields are: {', '.join(fields)}" if fields else "there are none here"
    return f"Unknown field {quoted(token.text)} {token.place}: {known}."


def wrong_count(token: Token, wanted: int, given: int) -> str:
    """Return the sentence for a call with too few or too many arguments."""
    need = f"at least {-wanted}" if wanted < 0 else str(wanted)
    plural = "" if need == "1" else "s"
    return f"{token.text} {token.place} takes {need} argument{plural}, not {given}."


def is_band(token: Token) -> bool:
    """Return True for a word that can only mean a band."""
    return token.kind == "name" and token.word[0] == "b" and token.word[1:].isdigit()
