# SPDX-License-Identifier: GPL-2.0-or-later
"""Small tables of labels and numbers that users write, as CSV."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..errors import InvalidOption
from .text import read_lines


def read_rows(path: str, *widths: int) -> Iterator[list[Any]]:
    """Yield the rows of a CSV file of whole numbers; names of regions may be text.

    `widths` are the numbers of columns that a row may have; the last two are a label and a number.
    A first line of titles is left out. Raises ImageIOError when the file cannot be read,
    InvalidOption with the line that does not fit.
    """
    title = os.path.basename(path)
    for number, cells in _cells(path):
        digits = [cell.isdigit() for cell in cells]
        if number == 1 and not digits[-1]:
            continue
        if len(cells) not in widths or not all(digits[-2:]):
            raise InvalidOption(
                f"{title}, line {number}: {','.join(cells)} does not have "
                f"{' or '.join(map(str, widths))} columns that end in a label and a number."
            )
        yield [int(cell) if digit else cell for cell, digit in zip(cells, digits)]


def read_groups(path: str) -> tuple[tuple[int, str], ...]:
    """Read lines `label,group`; raises as read_rows does."""
    title = os.path.basename(path)
    found = {}
    for number, cells in _cells(path):
        if number == 1 and not cells[0].isdigit():
            continue
        if len(cells) != 2 or not cells[0].isdigit() or not cells[1]:
            raise InvalidOption(f"{title}, line {number}: {','.join(cells)} is not label,group.")
        found[int(cells[0])] = cells[1]
    return tuple(sorted(found.items()))


def _cells(path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each line that says something."""
    for number, row in enumerate(csv.reader(read_lines(path)), 1):
        if row:
            yield number, [cell.strip() for cell in row]


def csv_text(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as CSV; cells with commas or quotes in them are quoted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)
    return text.getvalue()
