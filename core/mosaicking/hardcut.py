# SPDX-License-Identifier: GPL-2.0-or-later
"""How much seams would show if images were not mixed along them, seen while a mosaic is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from ..image import ArrayImage, Image, Pixels
from ..seams.mosaic import Mosaic
from ..seams.visibility import Steps, visibility
from ..transform.framed import Framed
from ..windows import Window

BLENDING = ("feather", "multiband")
"""Rules that mix images along seams."""


@dataclass
class HardCut:
    """Compares both sides of the seams in windows of a mosaic before images are mixed there.

    It looks while the mosaic is read, and is fed what is written (an OwnCollector) to hand over
    what it has seen, since both may happen in another process.

    Seams so near to the edge of a window that their surroundings lie beyond it are left out, so the
    result is that of most of the seams.
    """

    labels: Image
    found: dict[tuple[int, int], Steps] = field(default_factory=dict)
    passed: dict[tuple[int, int], Steps] = field(default_factory=dict)

    def look(self, window: Window, pixels: Pixels) -> None:
        """Take note of a window; called from several threads."""
        grid = self.labels.grid.cropped(window)
        image = ArrayImage("cut", grid, pixels.values, pixels.valid)
        total = Steps(image.bands)

        def walk(
            look: Callable[[Window], Steps | None], windows: Iterable[Window]
        ) -> Iterable[Steps | None]:
            for one in windows:
                steps = look(one)
                if steps is not None:
                    total.add(steps)
            return ()

        visibility(image, Framed(self.labels, grid), walk)
        self.passed[window.col, window.row] = total

    def feed(self, index: int, window: Window, pixels: Pixels) -> dict[tuple[int, int], Steps]:
        """Return what was seen in a window."""
        inside = [
            (col, row) for col, row in list(self.passed) if window.contains(Window(col, row, 1, 1))
        ]
        return {place: self.passed.pop(place) for place in inside}

    def merge(self, partial: dict[tuple[int, int], Steps]) -> None:
        """Add it."""
        self.found.update(partial)

    @property
    def visibility(self) -> float | None:
        """How much the seams show; None when there was nothing to see."""
        if not self.found:
            return None
        first, *others = (self.found[at] for at in sorted(self.found))
        total = Steps(first.bands)
        for steps in (first, *others):
            total.add(steps)
        return total.visibility


def watched(mosaic: Mosaic) -> tuple[Mosaic, HardCut | None]:
    """Return a mosaic that is watched while it is read, and who watches; nobody without seams."""
    seams = mosaic.overlap.seams
    if seams is None or mosaic.overlap.rule not in BLENDING:
        return mosaic, None
    cut = HardCut(seams.labels)
    return replace(mosaic, watch=cut.look), cut
