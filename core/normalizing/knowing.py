# SPDX-License-Identifier: GPL-2.0-or-later
"""What a model saved before tells about images, and what is still missing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from ..alike import file_name
from ..errors import InvalidOption
from ..grid import Grid
from ..image import Image
from ..radiometry.adjustments import Adjustments, load_adjustments
from ..radiometry.statistics import JointSums, OwnSums, canvas_box
from ..survey import Missing

REACH = 2
"""Pixels by which a resampled image may reach beyond the box of its corners."""


@dataclass(frozen=True)
class Known:
    """A model saved before; `others` are images in it that are not among those of the run.

    With `keep` the images in it keep their gains and offsets.
    """

    adjustments: Adjustments = field(default_factory=lambda: Adjustments(()))
    others: tuple[str, ...] = ()
    keep: bool = False

    def measured(self, name: str) -> bool:
        """Return True when the statistics of a whole image are known."""
        found = self.adjustments.find(name)
        return found is not None and bool(found.whole)

    def valid(self, counted: Sequence[int], images: Sequence[Image]) -> list[int]:
        """Return the valid pixels of images, those of known ones from the model."""
        found = []
        for count, image in zip(counted, images):
            mine = self.adjustments.find(image.name)
            found.append(int(mine.whole[0].size) if mine and mine.whole else count)
        return found


def known_of(path: str | None, images: Sequence[Image], *, keep: bool) -> Known:
    """Read the known adjustments of a run.

    Raises InvalidOption when the file is wrong, has curves, or other bands than the images.
    """
    if not path:
        return Known()
    model, title = load_adjustments(path), os.path.basename(path)
    for one in model.images:
        parts = {"adjustments": one.gains, "whole_stats": one.whole or one.gains}
        parts.update({f"overlap_stats / {name}": bands for name, bands in one.overlaps})
        for part, bands in parts.items():
            if len(bands) != images[0].bands:
                raise InvalidOption(
                    f"{title}: {one.name} / {part} has {_bands(len(bands))} and "
                    f"{file_name(images[0])} {images[0].bands}. Give the model of images with the "
                    "same bands."
                )
        if one.lookups:
            raise InvalidOption(
                f"{title}: {one.name} has a lookup curve; only gains and offsets can be known "
                "adjustments."
            )
    names = {image.name for image in images}
    others = tuple(one.name for one in model.images if one.name not in names and one.whole)
    return Known(model, others, keep)


def missing_of(
    images: Sequence[Image], canvas: Grid, known: Known, counting: tuple[OwnSums, JointSums]
) -> Missing:
    """Return the images and pairs whose pixels must be read."""
    boxes = [canvas_box(canvas, image.grid).padded(REACH) for image in images]
    alone = frozenset(i for i, image in enumerate(images) if not known.measured(image.name))
    pairs = frozenset(
        (a, b)
        for a, b in combinations(range(len(images)), 2)
        if not boxes[a].clipped(boxes[b]).empty and not _paired(known, images[a], images[b])
    )
    return Missing(alone, pairs, *counting)


def _paired(known: Known, a: Image, b: Image) -> bool:
    """True when the model has the statistics of a pair, from both sides."""
    found = [known.adjustments.find(image.name) for image in (a, b)]
    if not all(one is not None and one.whole for one in found):
        return False
    return all(one.overlap(other.name) for one, other in zip(found, (b, a)) if one is not None)


def _bands(count: int) -> str:
    return "1 band" if count == 1 else f"{count} bands"
