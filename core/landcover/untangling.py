# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines generalized so that none gets into another: what does is generalized less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..image import Mask
from ..progress import SILENT, Progress
from .crossings import meeting
from .faces import face_areas
from .generalizing import ROUGHER, Generalizing, generalized
from .lines import Ids, Lines

LEAST = 1e-3
"""Share of its area that a face keeps at least."""


@dataclass
class Untangling:
    """Lines along the edges of pixels, and as they are drawn; lines `fixed` stay as they are."""

    raw: Lines
    how: Generalizing
    fixed: Mask
    faces: int
    progress: Progress = SILENT
    drawn: Lines = field(init=False)
    levels: Ids = field(init=False)

    def __post_init__(self) -> None:
        """Generalize all lines as far as they go together."""
        self.drawn = self.raw
        self.levels = np.where(self.fixed, len(ROUGHER), 0)
        self._settle(~self.fixed)

    def tighten(self, faces: Iterable[int]) -> bool:
        """Draw the borders of faces closer to the pixels; return whether any could be."""
        some = np.array(list(faces), np.int64)
        beside = np.isin(self.raw.left, some) | np.isin(self.raw.right, some)
        changed = self._gentler(beside)
        self._settle(changed)
        return bool(changed.any())

    def _gentler(self, chosen: Mask) -> Mask:
        """Raise the levels of lines that still have one to go; return which did."""
        chosen = chosen & (self.levels < len(ROUGHER))
        self.levels[chosen] += 1
        return chosen

    def _settle(self, changed: Mask) -> None:
        """Draw the lines that changed, and others that these get into, until all is well."""
        whole = face_areas(self.raw, self.faces)
        while changed.any():
            for level in np.unique(self.levels[changed]).tolist():
                some = np.flatnonzero(changed & (self.levels == level))
                self.progress.check()
                how, lines = self.how.gentler(level), self.raw.taken(some)
                self.drawn = self.drawn.replaced(some, generalized(lines, how) if how else lines)
            bad = np.zeros(len(self.raw), bool)
            bad[meeting(self.drawn, changed, self.progress)] = True
            lost = face_areas(self.drawn, self.faces) < LEAST * whole
            # the face around all others has a negative area
            lost &= whole > 0
            bad |= lost[self.raw.left] | lost[self.raw.right]
            changed = self._gentler(bad)
