# SPDX-License-Identifier: GPL-2.0-or-later
"""A correction in a file: what was found, for which images, how good."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageIOError, InvalidOption, NoSolution
from ..grid import Grid, Transform
from ..provenance import plain
from ..raster.wkt import customary, modern
from ..stage import write_text
from ..transform.bspline import MOST_NODES, BSplineField
from ..transform.correction import Correction, Frame
from ..transform.models import IDENTITY, UNKNOWNS, Linear, Matrix
from .table import text_lines

TYPE = "orthoweave.transform"
VERSION = 1


@dataclass(frozen=True)
class Side:
    """One of the two images of a correction: its name, where it lies, the band that was matched.

    `nodata` is the value it declares, which a corrected image without one of its own takes over.
    """

    name: str
    grid: Grid
    band: int = 1
    nodata: float | None = None


@dataclass(frozen=True)
class SavedTransform:
    """A correction with all that its file tells.

    `model` was asked for, `model_used` is the one that the evidence allowed. `quality` holds
    numbers by name, `request` the options of the run.
    """

    correction: Correction
    moving: Side
    reference: Side
    model: str
    model_used: str
    metric_used: str = ""
    quality: Mapping[str, Any] = field(default_factory=dict)
    accepted: bool = True
    reason: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)


def write_transform(path: str, saved: SavedTransform) -> str:
    """Write a correction as JSON, numbers without loss; return the absolute path.

    Raises ImageIOError with the reason.
    """
    text = json.dumps(plain(_document(saved)), indent=1, ensure_ascii=False, allow_nan=False)
    return write_text(path, text + "\n")


def read_transform(path: str) -> SavedTransform:
    """Read what `write_transform` has written.

    Raises InvalidOption for another file, and for one of a later version.
    """
    name = os.path.basename(path)
    unknown = InvalidOption(f"{name} is not an Orthoweave transform.")
    try:
        document = json.loads("\n".join(text_lines(path, name)))
    except (InvalidOption, ValueError, RecursionError) as error:
        raise unknown from error
    if not isinstance(document, dict) or document.get("type") != TYPE:
        raise unknown
    version = document.get("version")
    if not isinstance(version, int):
        raise unknown
    if version > VERSION:
        raise InvalidOption(
            f"{name} is an Orthoweave transform of version {version}; this program reads up to "
            f"version {VERSION}. Update Orthoweave to use it."
        )
    try:
        return _saved(document)
    except (KeyError, TypeError, ValueError, IndexError, NoSolution) as error:
        raise InvalidOption(
            f"{name} is not an Orthoweave transform: its contents are damaged ({error})."
        ) from error


def refuse_refused(saved: SavedTransform, path: str, *, allowed: bool) -> None:
    """Raise InvalidOption for a correction that was refused, unless that is allowed."""
    if not (saved.accepted or allowed):
        reason = saved.reason.rstrip(".") or "no reason is given"
        raise InvalidOption(
            f"{os.path.basename(path)} was refused when it was made: {reason}. Set ALLOW_REFUSED "
            "to use it."
        )


def _document(saved: SavedTransform) -> dict[str, Any]:
    correction = saved.correction
    (a, b), (c, d) = correction.linear.matrix
    tu, tv = correction.linear.shift
    return {
        "type": TYPE,
        "version": VERSION,
        "crs": modern(correction.crs),
        "moving": _side_document(saved.moving),
        "reference": _side_document(saved.reference),
        "model": saved.model,
        "model_used": saved.model_used,
        "metric_used": saved.metric_used,
        "origin": correction.frame.origin,
        "axis_scale": correction.frame.scale,
        "matrix": [[a, b, tu], [c, d, tv]],
        "field": _field_document(correction.field),
        "pixel_size": saved.reference.grid.pixel_size,
        "quality": saved.quality,
        "accepted": saved.accepted,
        "reason": saved.reason,
        "request": saved.request,
    }


def _side_document(side: Side) -> dict[str, Any]:
    grid = side.grid
    return {
        "name": side.name,
        "width": grid.width,
        "height": grid.height,
        "transform": grid.transform,
        "crs": modern(grid.crs),
        "band": side.band,
        "nodata": side.nodata,
    }


def _field_document(found: BSplineField | None) -> dict[str, Any] | None:
    if found is None:
        return None
    if max(found.rows, found.columns) > MOST_NODES:
        raise ImageIOError(
            f"The local field has {found.columns} × {found.rows} nodes; a transform holds up to "
            f"{MOST_NODES} × {MOST_NODES}. Raise LOCAL_SPACING."
        )
    return {
        "basis": "bspline3",
        "origin": found.origin,
        "step": found.step,
        "columns": found.columns,
        "rows": found.rows,
        "dx": found.dx.tolist(),
        "dy": found.dy.tolist(),
    }


def _saved(document: Mapping[str, Any]) -> SavedTransform:
    (a, b, tu), (c, d, tv) = (_numbers(row, 3) for row in document["matrix"])
    used, frame = document["model_used"], _frame(document)
    matrix: Matrix = ((a, b), (c, d))
    if matrix != IDENTITY and abs(a * d - b * c) < 1e-12:
        raise ValueError("matrix")
    kind = used if used in UNKNOWNS else "affine"
    linear = Linear(kind, matrix, (tu, tv), y_up=True)
    correction = Correction(customary(document["crs"]), frame, linear, _field(document["field"]))
    return SavedTransform(
        correction,
        _side(document["moving"]),
        _side(document["reference"]),
        str(document["model"]),
        str(used),
        str(document.get("metric_used", "")),
        _members(document, "quality"),
        bool(document["accepted"]),
        str(document.get("reason", "")),
        _members(document, "request"),
    )


def _frame(document: Mapping[str, Any]) -> Frame:
    origin, scale = _numbers(document["origin"], 2), _numbers(document["axis_scale"], 2)
    if not all(scale):
        raise ValueError("axis_scale")
    return Frame((origin[0], origin[1]), (scale[0], scale[1]))


def _side(found: Mapping[str, Any]) -> Side:
    x, a, b, y, d, e = _numbers(found["transform"], 6)
    transform: Transform = (x, a, b, y, d, e)
    grid = Grid(int(found["width"]), int(found["height"]), transform, customary(found["crs"]))
    nodata = found.get("nodata")
    return Side(
        str(found["name"]),
        grid,
        int(found.get("band", 1)),
        None if nodata is None else float(nodata),
    )


def _field(found: Mapping[str, Any] | None) -> BSplineField | None:
    if found is None:
        return None
    if found["basis"] != "bspline3":
        raise ValueError(f"basis {found['basis']}")
    origin, step = _numbers(found["origin"], 2), _numbers(found["step"], 2)
    shape = (int(found["rows"]), int(found["columns"]))
    dx, dy = _table(found["dx"], shape), _table(found["dy"], shape)
    return BSplineField((origin[0], origin[1]), (step[0], step[1]), dx, dy)


def _table(rows: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    table = np.array(rows, np.float64)
    if table.shape != shape or max(shape) > MOST_NODES or not np.isfinite(table).all():
        raise ValueError("field")
    return table


def _numbers(values: Sequence[Any], count: int) -> list[float]:
    found = [float(value) for value in values]
    if len(found) != count or not all(map(math.isfinite, found)):
        raise ValueError("numbers")
    return found


def _members(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A dictionary of the document; numbers that JSON cannot hold stand there as texts."""
    return {key: _number(value) for key, value in dict(document.get(name) or {}).items()}


def _number(value: Any) -> Any:
    return float(value) if value in ("nan", "inf", "-inf") else value
