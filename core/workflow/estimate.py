# SPDX-License-Identifier: GPL-2.0-or-later
"""What a land cover run will need: space on disk and memory, before anything is written."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from ..image import Image
from ..room import refuse_full_disk, size_text
from ..windows import Window

SAMPLE = 512
"""Side of the window whose compression is tried, px."""

BASE = 130.0
"""Memory of the program itself, MiB."""

RESERVE = 1.1


@dataclass(frozen=True)
class Amount:
    """One tile: pixels, bands of a date, dates, features, classes, models times runs.

    `rounds` of auto-context make every map again.
    """

    pixels: int
    bands: int
    dates: int
    features: int
    classes: int
    maps: int
    runs: int
    probability: bool = False
    written: bool = False
    objects: float = 0.0
    """Bytes by pixel of what is known of objects."""
    rounds: int = 0

    @property
    def bytes(self) -> int:
        """Bytes of all that is written for it, uncompressed."""
        chances = 2 * self.classes if self.probability else 0
        # labels and confidence of each map; of each run again by tile and in the mosaic
        each = (1 + self.rounds) * self.maps * (5 + chances) + self.runs * (2 * (2 + chances) + 2)
        # numbers of superpixels, and the files in which they are made
        once = self.dates + 5 + (2 * self.features if self.written else 0)
        once += 16 if self.rounds else 0
        return round(self.pixels * (each + once + self.objects))

    @property
    def held(self) -> int:
        """Bytes that a pixel takes while it is classified."""
        features = self.features + (self.classes if self.rounds else 0)
        return 4 * self.dates * self.bands + 4 * features + 6 * self.classes + 16


@dataclass(frozen=True)
class Estimate:
    """Space (bytes) at most and as expected, and memory (MiB)."""

    most: int
    expected: int
    memory: float

    def lines(self) -> tuple[str, ...]:
        """Return what users read of it."""
        return (
            f"Space: {size_text(self.expected)} expected, {size_text(self.most)} at most.",
            f"Memory: about {self.memory:.0f} MiB.",
            "Time: the status page tells it once the first tasks are done.",
        )


def estimated(
    amounts: Iterable[Amount], ratio: float, threads: int, memory: int, side: int = SAMPLE
) -> Estimate:
    """Return what tiles need; `ratio` is that of compressed to uncompressed bytes."""
    listed = list(amounts)
    most = sum(one.bytes for one in listed)
    held = max(one.held for one in listed)
    window = min(threads * side * side * held / 2**20, memory)
    return Estimate(most, round(most * ratio), BASE + window)


def compression(image: Image) -> float:
    """Return how far the first window of an image can be compressed: 1 is not at all."""
    grid = image.grid
    window = Window(0, 0, min(SAMPLE, grid.width), min(SAMPLE, grid.height))
    plain = image.read(window, (1,)).values.tobytes()
    return min(1.0, len(zlib.compress(plain, 6)) / max(1, len(plain)))


def refuse_small_disk(folder: str, estimate: Estimate, there: int = 0) -> None:
    """Raise ImageIOError when the disk has too little room; `there` bytes are written already."""
    place = os.path.abspath(folder)
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    refuse_full_disk(RESERVE * max(0, estimate.expected - there), os.path.join(place, "out"))
