# SPDX-License-Identifier: GPL-2.0-or-later
"""Key points as the table of KARIOS, with our columns after its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InvalidOption
from ..image import Array
from ..matching.keypoints import USED, Column, KeyPoints
from ..stage import write_text
from .text import read_lines

KARIOS = (
    *("x0", "y0", "dx", "dy", "score", "radial error", "angle"),
    *("zncc_score", "mutual_info_score", "mi_score"),
)
OURS = ("east", "north", "bearing", "sigma_x", "sigma_y", "x_map", "y_map")
REQUIRED = ("x0", "y0", "dx", "dy", "score")
OPTIONAL = (
    *("sigma_x", "sigma_y", "east", "north", "x_map", "y_map"),
    *("zncc_score", "mutual_info_score", "mi_score", "altitude"),
)
ALIASES = {"alt": "altitude"}
"""Names of newer versions of KARIOS, and ours for them."""

_PLACES = ("x0", "y0", "x_map", "y_map")
"""Six digits would move these."""


def table_name(moving: str, reference: str) -> str:
    """Return the name of a pair's table; names of images without folder and extension."""
    return f"KLT_matcher_{moving}_{reference}.csv"


def write_table(path: str, points: KeyPoints) -> str:
    """Write the accepted points, empty where a value is not known; return the absolute path.

    Whole numbers for x0 and y0, 12 significant digits for map positions, 6 for everything else.
    Raises ImageIOError with the reason.
    """
    names = (*KARIOS, *OURS)
    form = ";".join("%.12g" if name in _PLACES else "%.6g" for name in names)
    rows = listed(points.chosen(points.accepted), names)
    lines = [form % row for row in rows]
    text = "\n".join([";".join(names), *(line.replace("nan", "") for line in lines), ""])
    return write_text(path, text)


def listed(points: KeyPoints, names: Sequence[str]) -> list[tuple[float, ...]]:
    """Return the named columns row by row, as numbers; "radial error" is `radial_error`."""
    # + 0 makes -0 a plain 0
    columns = [getattr(points, name.replace(" ", "_")) + 0.0 for name in names]
    return list(zip(*(column.tolist() for column in columns)))


def read_table(path: str) -> KeyPoints:
    """Read a table of ours or of KARIOS, with or without the optional columns, in any order.

    All points are taken as used. Numbers may have a decimal comma, as spreadsheets write them.
    Raises ImageIOError when the file cannot be read, InvalidOption when it is no such table.
    """
    title = os.path.basename(path)
    lines = text_lines(path, title)
    separator = ";" if ";" in lines[0] else ","
    names = [name.strip().strip('"') for name in lines[0].split(separator)]
    names = [ALIASES.get(name, name) for name in names]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InvalidOption(
            f"{title} is no table of key points: it has no column {' and no column '.join(missing)}"
            f". Its columns are: {', '.join(names)}."
        )
    rows = [line.split(separator) for line in lines[1:]]
    return points_of(_columns(rows, names, separator, title))


def points_of(columns: Mapping[str, Array]) -> KeyPoints:
    """Return points made of columns, sorted by x0, then y0.

    What is absent holds NaN; without a column of status codes all points are used.
    """
    empty = np.full(len(columns["x0"]), np.nan)
    found = {name: columns.get(name, empty) for name in (*REQUIRED, *OPTIONAL)}
    found["status"] = columns.get("status", np.full(len(empty), USED, np.uint8))
    return KeyPoints(**found).chosen(np.lexsort((found["y0"], found["x0"])))


def text_lines(path: str, title: str) -> list[str]:
    """Return the lines of a text file that hold something."""
    found = [line for line in read_lines(path) if line.strip()]
    if not found:
        raise InvalidOption(f"{title} is empty.")
    return found


def _columns(
    rows: Sequence[Sequence[str]], names: Sequence[str], separator: str, title: str
) -> dict[str, Column]:
    """Return the columns that matter as numbers; an empty cell is NaN."""
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise InvalidOption(
                f"{title}: row {number} has {len(row)} values, the header has {len(names)}."
            )
    wanted = [name for name in (*REQUIRED, *OPTIONAL) if name in names]
    found = {}
    for name in wanted:
        at = names.index(name)
        found[name] = _numbers([row[at] for row in rows], separator == ";", name, title)
    return found


def _numbers(cells: Sequence[str], commas: bool, name: str, title: str) -> Column:
    texts = [cell.replace(",", ".") if commas else cell for cell in cells]
    found = np.empty(len(texts))
    for row, text in enumerate(texts):
        try:
            found[row] = float(text) if text.strip(' "') else np.nan
        except ValueError as error:
            raise InvalidOption(
                f"{title}: row {row + 2} holds {cells[row]!r} in column {name}, which is no number."
            ) from error
    return found
