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


def read_rows(
    path: str, *widths: int, names: Iterable[tuple[int, str]] = ()
) -> Iterator[list[Any]]:
    """Yield the rows of a CSV file that end in a label and a number; names of regions are text.

    `widths` are the numbers of columns that a row may have. `names` are the (label, text) of
    classes that are called by texts. A first line of titles is left out. Raises ImageIOError when
    the file cannot be read, InvalidOption with the line that does not fit or says a second time
    what one before it has said.
    """
    title, seen = os.path.basename(path), set[tuple[str, ...]]()
    codes = {text: label for label, text in names}
    for number, cells in _cells(path):
        if number == 1 and not any(character.isdigit() for character in cells[-1]):
            continue
        label = codes.get(cells[-2]) if len(cells) > 1 else None
        if len(cells) > 1 and label is None and cells[-2].isdigit():
            label = int(cells[-2])
        if len(cells) not in widths or label is None or not cells[-1].isdigit():
            raise InvalidOption(
                f"{title}, line {number}: {','.join(cells)} does not have "
                f"{' or '.join(map(str, widths))} columns that end in a label and a number."
            )
        _once(seen, cells[:-1], f"{title}, line {number}")
        yield [*cells[:-2], label, int(cells[-1])]


def _once(seen: set[tuple[str, ...]], cells: Sequence[str], place: str) -> None:
    if tuple(cells) in seen:
        raise InvalidOption(f"{place}: {','.join(cells)} stands here a second time.")
    seen.add(tuple(cells))


def read_groups(path: str) -> tuple[tuple[int, str], ...]:
    """Read lines `label,group`; raises as read_rows does."""
    title = os.path.basename(path)
    found, seen = {}, set[tuple[str, ...]]()
    for number, cells in _cells(path):
        if number == 1 and not cells[0].isdigit():
            continue
        if len(cells) != 2 or not cells[0].isdigit() or not cells[1]:
            raise InvalidOption(f"{title}, line {number}: {','.join(cells)} is not label,group.")
        _once(seen, cells[:1], f"{title}, line {number}")
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
