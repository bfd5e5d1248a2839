# SPDX-License-Identifier: GPL-2.0-or-later
"""Owners of faces that cannot keep what they were given: a neighbor takes them over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..image import Array
from .arrangement import OUTSIDE, Arrangement, covers
from .cover import Covered


def absorbed(state: Covered, owners: Array, faces: Iterable[int]) -> Array:
    """Return owners where each of some faces belongs to a neighbor that covers it.

    That is the owner beside the longest common line; faces reach it by way of one another. A
    face without such a neighbor keeps its owner.
    """
    pending = dict.fromkeys(faces)
    found = owners.copy()
    while pending:
        settled = {}
        for face in pending:
            usable = [
                (length, -other)
                for other, length in state.arrangement.neighbors(face).items()
                if other != OUTSIDE and other not in pending and found[other] in state.covers[face]
            ]
            if usable:
                settled[face] = found[-max(usable)[1]]
        if not settled:
            break
        for face, owner in settled.items():
            found[face] = owner
            del pending[face]
    return found


def owned(state: Covered, labels: Sequence[int]) -> Array:
    """Return the owner of each face: its label if that image covers it, else a neighbor's.

    What no neighbor can take over belongs to the first image that covers it.
    """
    owners = np.full(len(labels), OUTSIDE)
    wrong = []
    for face, (label, cover) in enumerate(zip(labels, state.covers)):
        if cover:
            owners[face] = label if label in cover else cover[0]
            if label not in cover:
                wrong.append(face)
    return absorbed(state, owners, wrong)


def labels_at(arrangement: Arrangement, areas: Sequence[Any], labels: Sequence[int]) -> list[int]:
    """Return the label of the first of some areas that holds the inside of each face, or -1."""
    inside = covers(arrangement, areas, ())
    return [labels[found[0]] if found else OUTSIDE for found in inside]
