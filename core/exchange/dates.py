# SPDX-License-Identifier: GPL-2.0-or-later
"""The date of an image, from its name or its metadata."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date, timedelta

from ..errors import OrthoweaveError
from ..raster import open_image

FIRST, LAST = date(1900, 1, 1), date(2199, 12, 31)
"""Other dates are numbers that only look like one."""

KEYS = ("ACQUISITION", "ACQUIRED", "SENSING", "DATE")
"""Words in the names of metadata that hold a date, the most telling first."""

_FORMS = (
    r"(?<!\d)(?P<year>\d{4})[-_.:](?P<month>\d\d)[-_.:](?P<day>\d\d)(?!\d)",
    r"(?<!\d)(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?!\d)",
    # Landsat scenes before 2017: sensor, path and row, year, day of the year
    r"(?:L[A-Z]\d\d{6}|(?<![\dA-Za-z]))(?P<year>\d{4})(?P<count>\d{3})(?!\d)",
)


def date_of(path: str) -> str | None:
    """Return the date of an image as YYYY-MM-DD, None when neither name nor metadata has one."""
    found = next(_dates(os.path.basename(path)), None) or _declared(path)
    return None if found is None else found.isoformat()


def _declared(path: str) -> date | None:
    try:
        metadata = open_image(path).details.metadata
    except OrthoweaveError:  # who reads its pixels says why
        return None
    for word in KEYS:
        for key, text in metadata:
            found = next(_dates(text), None) if word in key.upper() else None
            if found is not None:
                return found
    return None


def _dates(text: str) -> Iterator[date]:
    for form in _FORMS:
        for match in re.finditer(form, text):
            made = _date(match.groupdict())
            if made is not None and FIRST <= made <= LAST:
                yield made


def _date(parts: dict[str, str]) -> date | None:
    try:
        if "count" in parts:
            return date(int(parts["year"]), 1, 1) + timedelta(_day_of_year(parts["count"]) - 1)
        return date(int(parts["year"]), int(parts["month"]), int(parts["day"]))
    except ValueError:
        return None


def _day_of_year(text: str) -> int:
    if not 1 <= int(text) <= 366:
        raise ValueError(text)
    return int(text)
