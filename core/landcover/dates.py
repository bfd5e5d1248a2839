# SPDX-License-Identifier: GPL-2.0-or-later
"""Calendar days of time series, written YYYYMMDD."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from ..errors import InvalidOption

_DATE = re.compile(r"\d{8}(\.\d+)?")


@lru_cache(maxsize=4096)
def day(text: str) -> int:
    """Return the number of a day, counted over all years; "20151208.1" is the same day again.

    Raises ValueError for a text that is no day.
    """
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return date(int(text[:4]), int(text[4:6]), int(text[6:8])).toordinal()


def text_of(number: int) -> str:
    """Return a day as YYYYMMDD."""
    return f"{date.fromordinal(number):%Y%m%d}".rjust(8, "0")


def parsed_day(text: str, label: str) -> int:
    """Return the number of a day that a user gave.

    Raises InvalidOption with the label when it is none.
    """
    try:
        return day(text.strip())
    except ValueError as error:
        raise InvalidOption(
            f"{label}: {text.strip()!r} is no date. Write it as YYYYMMDD, for example 20180511."
        ) from error


def regular(start: int, end: int, step: int) -> tuple[str, ...]:
    """Return every step-th day from the first one on, while it is not behind the last."""
    return tuple(text_of(number) for number in range(start, end + 1, step))


def listed_days(lines: Iterable[str], title: str) -> tuple[str, ...]:
    """Return the days of a file's lines, one YYYYMMDD each, in ascending order; blanks are skipped.

    Raises InvalidOption that names the line.
    """
    found = {
        parsed_day(line, f"{title}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    }
    if not found:
        raise InvalidOption(f"{title} holds no dates. Write one YYYYMMDD in each line.")
    return tuple(text_of(number) for number in sorted(found))
