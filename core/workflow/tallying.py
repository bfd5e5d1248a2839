# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects of an image, what its features are in them, and which reference polygons cover them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..image import Array, Image, Pixels
from ..landcover.classified import complete
from ..landcover.lines import Ids
from ..landcover.objects import Moments, joined_moments, moments_of
from ..progress import SILENT, Progress
from ..survey import survey
from ..vector.groundtruth import Burning, GroundTruth
from ..windows import Window


@dataclass
class Tally:
    """Counts features and reference polygons in the objects of one image (an OwnCollector)."""

    image: Image
    segments: Image
    wanted: Sequence[str]
    burning: Burning | None = None
    reverse: Image | None = None
    """The objects with the last of those that overlap on top, where they may."""
    shared: int = 0
    """Pixels that several objects hold; they count for the first one only."""
    _parts: list[Moments] = field(default_factory=list)
    _covers: list[Array] = field(default_factory=list)

    def feed(self, index: int, window: Window, pixels: Pixels) -> tuple[Moments, Array, int]:
        """Return the statistics of a window, and rows (object, polygon, pixels)."""
        objects = self.segments.read(window).values[0]
        known = complete(self.image, pixels)
        moments = moments_of(objects, pixels.values, known, self.wanted)
        shared = 0
        if self.reverse is not None:
            shared = int(np.count_nonzero(self.reverse.read(window).values[0] != objects))
        if self.burning is None:
            return moments, np.empty((0, 3), np.int64), shared
        held = self.burning.read(window).features
        both = (objects > 0) & (held > 0)
        pairs = objects[both].astype(np.int64) << 32 | held[both]
        keys, counts = np.unique(pairs, return_counts=True)
        return moments, np.stack([keys >> 32, keys & 0xFFFFFFFF, counts], 1), shared

    def merge(self, partial: tuple[Moments, Array, int]) -> None:
        """Add a window."""
        self._parts.append(partial[0])
        self._covers.append(partial[1])
        self.shared += partial[2]

    def moments(self) -> Moments:
        """Return the statistics of all objects."""
        return joined_moments(self._parts)

    def covers(self) -> Array:
        """Return rows (object, place of the polygon in the ground truth, pixels), in order."""
        rows = np.concatenate(self._covers)
        pairs, place = np.unique(rows[:, :2], axis=0, return_inverse=True)
        pixels = np.bincount(place.ravel(), rows[:, 2], len(pairs)).astype(np.int64)
        return np.column_stack([pairs[:, 0], pairs[:, 1] - 1, pixels])


def tallied(tally: Tally, threads: int = 0, progress: Progress = SILENT) -> Tally:
    """Read an image once, in windows that depend on it only, and return the tally."""
    image = tally.image
    survey([image], own=[tally], canvas=image.grid, threads=threads, progress=progress)
    return tally


def covering(covers: Array, moments: Moments, truth: GroundTruth, least: float) -> tuple[Ids, Ids]:
    """Return the label of each object (0 for none) and the polygon that it is mostly from (-1).

    A label needs to cover a share of an object's pixels of `least` at least; of equal ones the
    lowest label wins.
    """
    labels = np.zeros(len(moments.objects), np.int64)
    polygons = np.full(len(labels), -1)
    if not len(covers):
        return labels, polygons
    place, label = np.searchsorted(moments.objects, covers[:, 0]), truth.labels[covers[:, 1]]
    pairs, pair = np.unique(np.stack([place, label], 1), axis=0, return_inverse=True)
    pixels = np.bincount(pair.ravel(), covers[:, 2], len(pairs))
    # the most pixels last, so that they stay; of equal ones the lowest label
    order = np.lexsort((-pairs[:, 1], pixels))
    enough = pixels >= least * moments.pixels[pairs[:, 0]]
    order = order[enough[order]]
    best = np.zeros(len(labels))
    labels[pairs[order, 0]], best[pairs[order, 0]] = pairs[order, 1], pixels[order]
    mine = labels[place] == label
    order = np.lexsort((-covers[:, 1], covers[:, 2]))
    order = order[mine[order]]
    polygons[place[order]] = covers[order, 1]
    return labels, polygons
