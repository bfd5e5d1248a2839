# SPDX-License-Identifier: GPL-2.0-or-later
"""Positions that several images show: read, written, seen as key points."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidOption
from ..grid import Grid
from ..image import Array
from ..matching.keypoints import KeyPoints
from ..progress import SILENT, Progress
from ..stage import write_text
from .georeferencer import ControlPoints, key_points_of
from .table import text_lines

Column = NDArray[np.float64]


@dataclass(frozen=True)
class TiePoints:
    """What two images show alike: array positions (x right, y down, integer = pixel center).

    `first, second` [point, (x, y)]; `weights` and `sigmas` (px) are None where they are not known.
    """

    image_1: str
    image_2: str
    first: Array
    second: Array
    weights: Column | None = None
    sigmas: Column | None = None

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.first)

    def swapped(self) -> TiePoints:
        """Return the same points with the images exchanged."""
        return TiePoints(
            self.image_2, self.image_1, self.second, self.first, self.weights, self.sigmas
        )


def write_tie_points(path: str, pairs: Sequence[TiePoints]) -> str:
    """Write the tie points of pairs as JSON, numbers without loss; return the absolute path.

    Raises ImageIOError with the reason.
    """
    text = json.dumps({"tie_points": [_entry(pair) for pair in pairs]}, allow_nan=False)
    return write_text(path, text + "\n")


def read_tie_points(path: str) -> tuple[TiePoints, ...]:
    """Read the tie points of pairs; weights and standard deviations may be absent.

    Raises ImageIOError when the file cannot be read, InvalidOption when it holds something else.
    """
    name = os.path.basename(path)
    try:
        document = json.loads("\n".join(text_lines(path, name)))
        return tuple(_pair(entry) for entry in document["tie_points"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidOption(
            f"{name} holds no tie points: a JSON file with a member tie_points is expected."
        ) from error


def known_pairs(
    pairs: Iterable[TiePoints], names: Collection[str], progress: Progress = SILENT
) -> tuple[TiePoints, ...]:
    """Return the pairs whose images are among `names`; the others are counted and named.

    Images go by file name, with or without extension; what is returned has the names asked for.
    """
    found, strange = [], dict[str, int]()
    for pair in pairs:
        ends = [_called(end, names) for end in (pair.image_1, pair.image_2)]
        for end, mine in zip((pair.image_1, pair.image_2), ends):
            if mine is None:
                strange[end] = strange.get(end, 0) + len(pair)
        if ends[0] is not None and ends[1] is not None:
            both = (pair.first, pair.second, pair.weights, pair.sigmas)
            found.append(TiePoints(ends[0], ends[1], *both))
    for end, count in strange.items():
        progress.warn(f"{count} tie points belong to {end}, which is not among the images.")
    return tuple(found)


def between(pairs: Iterable[TiePoints], image_1: str, image_2: str) -> TiePoints:
    """Return the tie points of two images, whichever of them comes first in the file."""
    names = (image_1, image_2)
    found = []
    for pair in pairs:
        ends = (_called(pair.image_1, names), _called(pair.image_2, names))
        if ends == names:
            found.append(pair)
        elif ends == names[::-1]:
            found.append(pair.swapped())
    return TiePoints(
        image_1,
        image_2,
        np.concatenate([np.empty((0, 2)), *(pair.first for pair in found)]),
        np.concatenate([np.empty((0, 2)), *(pair.second for pair in found)]),
        _joined([pair.weights for pair in found]),
        _joined([pair.sigmas for pair in found]),
    )


def key_points_of_ties(pair: TiePoints, reference: Grid, moving: Grid) -> KeyPoints:
    """Return tie points whose first image is the reference as key points of its grid.

    Their displacements go through the map, so the grids may differ in CRS, pixels and rotation.
    Points of weight 0 are disabled; key points are sorted by their positions.
    """
    first, second = pair.first.T + 0.5, pair.second.T + 0.5
    true, shown = reference.to_map(first[0], first[1]), moving.to_map(second[0], second[1])
    enabled = np.ones(len(pair), bool) if pair.weights is None else pair.weights > 0
    nothing = np.zeros(len(pair))
    control = ControlPoints(*true, *shown, enabled, nothing, nothing, reference.crs)
    return key_points_of(control, reference, moving)


def _entry(pair: TiePoints) -> dict[str, Any]:
    points = np.stack([pair.first, pair.second], 1).astype(float).tolist()
    entry: dict[str, Any] = {"image_1": pair.image_1, "image_2": pair.image_2, "points": points}
    for name in ("weights", "sigmas"):
        column = getattr(pair, name)
        if column is not None:
            entry[name] = np.asarray(column, float).tolist()
    return entry


def _pair(entry: Mapping[str, Any]) -> TiePoints:
    points = np.array(entry["points"], np.float64).reshape(-1, 2, 2)
    if not np.isfinite(points).all():
        raise ValueError("points")
    columns = [_column(entry.get(name), len(points)) for name in ("weights", "sigmas")]
    first, second = points[:, 0], points[:, 1]
    return TiePoints(str(entry["image_1"]), str(entry["image_2"]), first, second, *columns)


def _column(values: Any, count: int) -> Column | None:
    if values is None:
        return None
    column = np.array(values, np.float64)
    if column.shape != (count,):
        raise ValueError("weights")
    return column


def _joined(columns: Sequence[Column | None]) -> Column | None:
    """One column of several pairs; None unless every pair has it."""
    present = [column for column in columns if column is not None]
    return np.concatenate(present) if present and len(present) == len(columns) else None


def _called(name: str, names: Collection[str]) -> str | None:
    """The image that a name of the file means."""
    base = os.path.basename(name)
    if base in names:
        return base
    stem = os.path.splitext(base)[0]
    return next((one for one in names if stem in (one, os.path.splitext(one)[0])), None)
