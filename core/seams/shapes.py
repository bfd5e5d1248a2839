# SPDX-License-Identifier: GPL-2.0-or-later
"""Shapes as arrays, many at once: asking for them one by one takes several times as long."""

from __future__ import annotations

from collections.abc import Sequence
from struct import unpack_from
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from .boundary import PURPOSE

_POLYGON = 3


def chains_of(shapes: Sequence[Any]) -> list[list[Array]]:
    """Return the rings of each polygon, the outer one first, and of each line itself, as (n, 2)."""
    if not shapes:
        return []
    data = require("shapely.geometry", PURPOSE).GeometryCollection(list(shapes)).wkb
    order, at = "<" if data[0] == 1 else ">", 9
    found = []
    for _ in shapes:
        kind, count = unpack_from(order + "II", data, at + 1)
        at, count = (at + 9, count) if kind == _POLYGON else (at + 5, 1)
        chains = []
        for _ in range(count):
            (points,) = unpack_from(order + "I", data, at)
            chains.append(np.frombuffer(data, order + "f8", 2 * points, at + 4).reshape(-1, 2))
            at += 4 + 16 * points
        found.append(chains)
    return found


def multi_line(pieces: Array) -> Any:
    """Return pieces[n, 2, 2] of two positions as one shape."""
    kind = np.dtype([("order", "u1"), ("type", "<u4"), ("points", "<u4"), ("xy", "<f8", 4)])
    parts = np.empty(len(pieces), kind)
    parts["order"], parts["type"], parts["points"] = 1, 2, 2
    parts["xy"] = pieces.reshape(-1, 4)
    head = np.array([(1, 5, len(pieces))], [("order", "u1"), ("type", "<u4"), ("parts", "<u4")])
    return require("shapely.wkb", PURPOSE).loads(head.tobytes() + parts.tobytes())
