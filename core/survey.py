# SPDX-License-Identifier: GPL-2.0-or-later
"""One windowed read of all images that feeds everything estimation needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .executor import each
from .grid import Grid
from .image import Image, Pixels
from .placement import onto
from .progress import SILENT, Progress
from .raster import CrsMapping, same_crs
from .transform.warped import Warped
from .windows import Window, swaths, tiling

WIDTH, HEIGHT = 512, 512
"""Survey windows; fixed, so that sums of decimal numbers never depend on the user's windows."""

SWATH = 8192

TILE = 512
"""Windows of an image's own pixels where it does not lie on those of the canvas."""


@dataclass(frozen=True)
class Part:
    """The pixels of one image in a window of the canvas."""

    window: Window
    pixels: Pixels


class OwnCollector(Protocol):
    """Counts something about each image's own pixels."""

    def feed(self, index: int, window: Window, pixels: Pixels) -> Any:
        """Return a partial sum of a window of image number index; runs in worker threads."""

    def merge(self, partial: Any) -> None:
        """Add a partial sum; called in a fixed order."""


class JointCollector(Protocol):
    """Counts something about ground that several images see."""

    def feed(self, window: Window, parts: Mapping[int, Part]) -> Any:
        """Return a partial sum of a canvas window with two images or more."""

    def merge(self, partial: Any) -> None:
        """Add a partial sum; called in a fixed order."""


@dataclass(frozen=True)
class _Place:
    """An image, how it is seen on the canvas, and where."""

    image: Image
    seen: Image
    window: Window
    tiles: Mapping[tuple[int, int], Sequence[Window]]

    @property
    def direct(self) -> bool:
        return self.seen is self.image

    def own(self, window: Window) -> Sequence[Window]:
        """The image's own windows that are fed with a window of the canvas."""
        if not self.direct:
            return self.tiles.get((window.col, window.row), ())
        inside = self.window.clipped(window)
        return () if inside.empty else (self.local(inside),)

    def local(self, window: Window) -> Window:
        """A window of the canvas as one of what is seen."""
        return window.shifted(-self.window.col, -self.window.row)


def resampled(image: Image, canvas: Grid) -> bool:
    """Return True when an image does not lie on the pixels of the canvas."""
    return not canvas.matches(image.grid)


def survey(
    images: Sequence[Image],
    *,
    own: Sequence[OwnCollector] = (),
    joint: Sequence[JointCollector] = (),
    canvas: Grid,
    threads: int = 0,
    progress: Progress = SILENT,
) -> None:
    """Read every pixel of every image once and feed all collectors.

    `canvas` is the common grid. Images that do not lie on its pixels are resampled strictly for
    the joint collectors; own collectors always see their own pixels.
    """
    places = [_placed(image, canvas) for image in images]
    windows = [w for w in swaths(canvas.window, SWATH, WIDTH, HEIGHT) if _under(places, w)]

    def look(window: Window) -> list[tuple[Any, list[Any]]]:
        return _look(window, places, own, joint)

    for found in each(look, windows, threads=threads, progress=progress, total=len(windows)):
        for collector, partials in found:
            for partial in partials:
                collector.merge(partial)


def _placed(image: Image, canvas: Grid) -> _Place:
    average = image.grid.pixel_size[0] < canvas.pixel_size[0] * 2 / 3
    seen = onto(image, canvas, "average" if average else "bilinear", strict=True)
    window = canvas.placed(seen.grid)
    tiles = {} if seen is image else _tiles(image, canvas, window.clipped(canvas.window))
    below = seen.source if seen is not image and isinstance(seen, Warped) else image
    return _Place(below, seen, window, tiles)


def _tiles(image: Image, canvas: Grid, within: Window) -> dict[tuple[int, int], list[Window]]:
    """Give every tile of an image to the canvas window that holds its middle.

    So each own pixel is fed once, while its blocks are read for the canvas anyway.
    """
    tiles = list(tiling(image.grid.window, TILE, TILE))
    middles = np.array([(t.col + t.width / 2, t.row + t.height / 2) for t in tiles]).T
    x, y = image.grid.to_map(*middles)
    if not same_crs(image.grid.crs, canvas.crs):
        x, y = CrsMapping(image.grid.crs, canvas.crs)(x, y)
    cols, rows = (np.nan_to_num(v) for v in canvas.to_pixel(x, y))
    cols = np.clip(cols, within.col, within.right - 1).astype(int) // WIDTH * WIDTH
    rows = np.clip(rows, within.row, within.bottom - 1).astype(int) // HEIGHT * HEIGHT
    found: dict[tuple[int, int], list[Window]] = {}
    for tile, col, row in zip(tiles, cols.tolist(), rows.tolist()):
        found.setdefault((col, row), []).append(tile)
    return found


def _under(places: Sequence[_Place], window: Window) -> bool:
    return any(not place.window.clipped(window).empty for place in places)


def _look(
    window: Window,
    places: Sequence[_Place],
    own: Sequence[OwnCollector],
    joint: Sequence[JointCollector],
) -> list[tuple[Any, list[Any]]]:
    """Feed one canvas window."""
    parts: dict[int, Part] = {}
    fed: list[list[Any]] = [[] for _ in own]
    together = joint and sum(not p.window.clipped(window).empty for p in places) > 1
    for index, place in enumerate(places):
        inside = place.window.clipped(window)
        if together and not inside.empty:
            parts[index] = Part(inside, _on_canvas(place, place.local(inside)))
        for tile in place.own(window) if own else ():
            shared = place.direct and index in parts
            pixels = parts[index].pixels if shared else place.image.read(tile)
            for partials, collector in zip(fed, own):
                partials.append(collector.feed(index, tile, pixels))
    found: list[tuple[Any, list[Any]]] = list(zip(own, fed))
    if len(parts) > 1:
        found += [(collector, [collector.feed(window, parts)]) for collector in joint]
    return found


def _on_canvas(place: _Place, local: Window) -> Pixels:
    """Return pixels as the canvas sees them; resampled ones are not rounded."""
    return place.seen.read(local, rounded=place.direct)
