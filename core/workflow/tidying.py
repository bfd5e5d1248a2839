# SPDX-License-Identifier: GPL-2.0-or-later
"""Small parts of labels in a working file given to their neighbors, square by square."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..executor import Ended, each
from ..image import Array
from ..landcover.tidying import levels, squares, tidied, uprights
from ..progress import SILENT, Progress
from ..windows import Window
from .pixelfile import Spooled

PASSES = ((squares, 0.6), (uprights, 0.8), (levels, 1.0))
"""Where parts are looked at, and how much is done then."""


def tidy(
    labels: Spooled,
    limit: float,
    first: Callable[[Window], Array],
    threads: int = 0,
    progress: Progress = SILENT,
) -> None:
    """Write labels without parts smaller than a limit; few of them are left near squares' corners.

    `first` reads labels[row, col] of a window; the file gets all of them. The result depends on
    the labels only.
    """
    area = Window(0, 0, labels.width, labels.height)

    def again(window: Window) -> Array:
        return np.asarray(labels.read(window)[..., 0])

    done = 0.0
    for windows, then in PASSES:
        look = _Looking(labels, limit, area, again if done else first)
        part, items = progress.part(done, then), list(windows(area))
        for _ in each(look.ended(), items, threads=threads, progress=part, total=len(items)):
            pass
        done = then
        progress.advance(done)


class _Looking:
    """What is done with a window."""

    def __init__(
        self, labels: Spooled, limit: float, area: Window, read: Callable[[Window], Array]
    ) -> None:
        self.labels, self.limit, self.area, self.read = labels, limit, area, read

    def ended(self) -> Ended:
        """Return the work with its ends, which read and write."""
        limit, area = self.limit, self.area

        def look(held: tuple[Window, Array]) -> tuple[Window, Array]:
            return held[0], tidied(held[1], limit, held[0], area)

        return Ended(look, lambda window: (window, self.read(window)), self._keep)

    def _keep(self, found: tuple[Window, Array]) -> None:
        self.labels.write(found[0], found[1][..., None])
