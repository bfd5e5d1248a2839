# SPDX-License-Identifier: GPL-2.0-or-later
"""The key points of an earlier run, taken from its result folder when they still hold."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import OrthoweaveError
from ..matching.keypoints import KeyPoints
from ..progress import Progress
from ..raster import parts_of
from .configuration import NAME, read_configuration
from .table import read_table, table_name

SHIFTED = "_shifted"
"""What KARIOS appends to the name of a moving image that it has shifted before matching."""

MEMBERS = ("inputs", "matching", "measured")
"""What a run must remember of itself, so that its points can be used again."""


@dataclass(frozen=True)
class Earlier:
    """Points of an earlier run, and what it remembers of their measurement (None: nothing)."""

    points: KeyPoints
    measured: Mapping[str, Any] | None = None


def fingerprint(**files: str | None) -> dict[str, Any]:
    """Return what tells each file from another by its role; None where there is none.

    That is size, modification time and layer, also of the files that a virtual raster is made of;
    the name of what is no file (a database, a URL).
    """
    return {role: _identity(path) for role, path in files.items()}


def earlier_points(
    folder: str, moving: str, reference: str, ours: Mapping[str, Any], progress: Progress
) -> Earlier | None:
    """Return the points of an earlier run of a pair, None when they must be measured anew.

    `moving, reference` are names without extension; `ours` holds "inputs" and "matching" of this
    run. What was found, and why it is not used, is said.
    """
    names = (table_name(moving, reference), table_name(moving + SHIFTED, reference))
    found = [name for name in names if os.path.isfile(os.path.join(folder, name))]
    if not found:
        progress.info(f"RESUME: {names[0]} is not in {folder}, so key points are measured.")
        return None
    remembered = _remembered(folder)
    if remembered is not None:
        reasons = list(_differences(remembered, ours))
        if reasons:
            progress.warn(f"RESUME: {'; '.join(reasons)}. Key points are measured anew.")
            return None
    try:
        points = read_table(os.path.join(folder, found[0]))
    except OrthoweaveError as error:
        progress.warn(f"RESUME: {error} Key points are measured anew.")
        return None
    _tell(found[0], remembered, names, progress)
    return Earlier(points, remembered and remembered["measured"])


def _identity(path: str | None) -> dict[str, Any] | None:
    if not path:
        return None
    file, _, layer = path.partition("|")
    if not os.path.isfile(file):
        return {"name": path}
    found = _state(file)
    parts = {part: _state(part) for part in parts_of(file) if os.path.isfile(part)}
    if len(parts) > 1:
        found["parts"] = parts
    return {**found, "layer": layer} if layer else found


def _state(file: str) -> dict[str, Any]:
    status = os.stat(file)
    return {"bytes": status.st_size, "modified": status.st_mtime_ns}


def _remembered(folder: str) -> Mapping[str, Any] | None:
    """Return what our own run wrote beside its points; None for KARIOS's folders."""
    path = os.path.join(folder, NAME)
    if not os.path.isfile(path):
        return None
    try:
        member = read_configuration(path).orthoweave
    except OrthoweaveError:  # the points are there all the same, and it is said that no one knows
        return None
    whole = isinstance(member, Mapping) and all(name in member for name in MEMBERS)
    return member if whole else None


def _differences(remembered: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs between an earlier run and this one."""
    for role, identity in ours["inputs"].items():
        before = remembered["inputs"].get(role)
        if before != identity:
            yield f"the {role.replace('_', ' ')} is another file or has changed"
    for name, value in ours["matching"].items():
        before = remembered["matching"].get(name)
        if before != json.loads(json.dumps(value)):
            yield f"{name.upper()} was {_shown(before)} and is {_shown(value)}"


def _shown(value: Any) -> str:
    return "empty" if value in (None, [], ()) else str(value)


def _tell(
    name: str, remembered: Mapping[str, Any] | None, names: tuple[str, str], progress: Progress
) -> None:
    if name == names[1]:
        progress.warn(
            f"{name} holds displacements of a shifted copy that KARIOS made: its figures are "
            "relative to that copy, the shift itself is not in them."
        )
    elif remembered is None:
        progress.warn(
            f"{name} is used although nothing tells with which images and options it was made."
        )
    progress.info(f"RESUME: key points are taken from {name}.")
