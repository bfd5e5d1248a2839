# SPDX-License-Identifier: GPL-2.0-or-later
"""Key points that a user brings along, in any of the forms that programs write them."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidOption
from ..grid import Grid
from ..matching.keypoints import Column, KeyPoints
from ..progress import SILENT, Progress
from ..vector import read_points
from .georeferencer import ControlPoints, key_points_of, read_control_points
from .layer import read_key_points
from .table import text_lines
from .tiepoints import between, key_points_of_ties, known_pairs, read_tie_points

AROSICS = ("X_MAP", "Y_MAP", "X_SHIFT_M", "Y_SHIFT_M")
"""Columns by which a table of AROSICS is known: places and shifts in map units."""

UNKNOWN = -9999.0
"""What AROSICS writes where it has found nothing."""


def read_given(
    path: str,
    reference: tuple[str, Grid],
    moving: tuple[str, Grid],
    progress: Progress = SILENT,
) -> KeyPoints:
    """Read key points of two images, each given by its file name and grid.

    By extension and contents: .points of QGIS, tie points in JSON, layers and tables of key points
    of ours, tables of AROSICS. Points that are switched off there are not used. Raises
    ImageIOError when the file cannot be read, InvalidOption when it holds no such points.
    """
    grids = (reference[1], moving[1])
    ending = os.path.splitext(path.partition("|")[0])[1].lower()
    if ending == ".points":
        return key_points_of(read_control_points(path), *grids)
    if ending == ".json":
        names = (reference[0], moving[0])
        pairs = known_pairs(read_tie_points(path), names, progress)
        return key_points_of_ties(between(pairs, *names), *grids)
    if ending == ".csv":
        columns = _table(path)
        if columns:
            return _of_arosics(columns, *grids)
        return read_key_points(path, grids[0], progress)
    found = read_points(path)
    if all(name in found.columns for name in AROSICS):
        return _of_arosics(found.columns, *grids)
    return read_key_points(path, grids[0], progress)


def _table(path: str) -> dict[str, list[str]]:
    """Return the columns of a table of AROSICS; empty when it is another one."""
    lines = text_lines(path, os.path.basename(path))
    rows = list(csv.reader(lines, delimiter=";" if ";" in lines[0] else ","))
    names = [name.strip() for name in rows[0]]
    if not all(name in names for name in AROSICS):
        return {}
    return {name: [row[at] for row in rows[1:]] for at, name in enumerate(names)}


def _of_arosics(columns: Mapping[str, Sequence[Any]], reference: Grid, moving: Grid) -> KeyPoints:
    """Return a table of AROSICS, whose shifts are what has to be added to the moving image."""
    x, y, east, north = (_numbers(columns, name) for name in AROSICS)
    known = np.isfinite(x + y + east + north) & (east != UNKNOWN) & (north != UNKNOWN)
    outlier = columns.get("OUTLIER", [False] * len(x))
    enabled = np.array([str(mark).strip().lower() in ("0", "false", "") for mark in outlier])
    rows = np.flatnonzero(known)
    nothing = np.zeros(len(rows))
    control = ControlPoints(
        *((x + east)[rows], (y + north)[rows], x[rows], y[rows]),
        enabled[rows],
        nothing,
        nothing,
        reference.crs,
    )
    return key_points_of(control, reference, moving)


def _numbers(columns: Mapping[str, Sequence[Any]], name: str) -> Column:
    try:
        return np.array(
            [np.nan if value in (None, "") else float(value) for value in columns[name]]
        )
    except (TypeError, ValueError) as error:
        raise InvalidOption(f"Tie points: column {name} holds what is no number.") from error
