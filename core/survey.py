# SPDX-License-Identifier: GPL-2.0-or-later
"""One windowed read of all images that feeds everything estimation needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from .executor import each
from .grid import Grid, hull
from .image import Image, Pixels, calculation_type
from .placement import onto
from .progress import SILENT, Progress
from .raster import CrsMapping, handles, same_crs
from .transform.warped import Warped
from .windows import SWATH, Window, tiling

SIDE = 512
"""Survey windows; fixed, so that sums of decimal numbers never depend on the user's windows."""

SMALLEST = 128
HELD = 32 << 20
"""Bytes of pixels that are looked at together. Windows in which the images hold more are halved,
which depends on the images only too, down to the smallest side."""

SHARED = 96 << 10
"""Bytes of a line of pixels in columns that are wider than SWATH: the blocks that two rows of
windows share stay in memory."""

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

    def held(self, window: Window) -> int:
        """Bytes of what is seen in a window of the canvas."""
        kind = self.image.dtype if self.direct else calculation_type(self.image.dtype)
        return self.window.clipped(window).pixels * self.image.bands * kind.itemsize


@dataclass(frozen=True)
class _Spot:
    """A window of the canvas that is looked at, and the images that may reach it."""

    window: Window
    under: tuple[int, ...]


@dataclass(frozen=True)
class Missing:
    """What is not known yet: images by their own pixels, and pairs of images; and who counts it.

    Pairs are (smaller index, larger index). `joint` may get parts of other pairs too.
    """

    images: frozenset[int]
    pairs: frozenset[tuple[int, int]]
    own: OwnCollector
    joint: JointCollector

    def boxes(self, boxes: Mapping[int, Window]) -> dict[int, Window]:
        """Return what is needed of each image's part of a window for the pairs in it."""
        needed: dict[int, Window] = {}
        for pair in combinations(sorted(boxes), 2):
            common = boxes[pair[0]].clipped(boxes[pair[1]])
            if pair in self.pairs and not common.empty:
                for index in pair:
                    known = needed.get(index, common)
                    needed[index] = boxes[index] if index in self.images else hull(known, common)
        return needed


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
    _survey(images, canvas, (own, joint), None, threads, progress)


def survey_missing(
    images: Sequence[Image],
    missing: Missing,
    *,
    canvas: Grid,
    threads: int = 0,
    progress: Progress = SILENT,
) -> None:
    """Read what is missing, and nothing else, and feed its collectors as `survey` does."""
    _survey(images, canvas, ((missing.own,), (missing.joint,)), missing, threads, progress)


def _survey(
    images: Sequence[Image],
    canvas: Grid,
    collectors: tuple[Sequence[OwnCollector], Sequence[JointCollector]],
    missing: Missing | None,
    threads: int,
    progress: Progress,
) -> None:
    own, joint = collectors
    places = [_placed(image, canvas) for image in images]
    spots = list(_spots(places, canvas.window, together=bool(joint)))
    rows = Counter(spot.window.row // SIDE for spot in spots)

    def look(number: int) -> list[list[Any]]:
        spot = spots[number]
        with handles.turn(number, rows[spot.window.row // SIDE]):
            return _look(spot, places, own, joint, missing)

    looks = each(look, range(len(spots)), threads=threads, progress=progress, total=len(spots))
    _merge(looks, (*own, *joint))


def _merge(
    looks: Iterator[list[list[Any]]], collectors: Sequence[OwnCollector | JointCollector]
) -> None:
    """Give each collector its partial sums; what fed them may be copies in other processes."""
    for found in looks:
        for collector, partials in zip(collectors, found):
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
    cols = np.clip(cols, within.col, within.right - 1).astype(int) // SIDE * SIDE
    rows = np.clip(rows, within.row, within.bottom - 1).astype(int) // SIDE * SIDE
    found: dict[tuple[int, int], list[Window]] = {}
    for tile, col, row in zip(tiles, cols.tolist(), rows.tolist()):
        found.setdefault((col, row), []).append(tile)
    return found


def _spots(places: Sequence[_Place], area: Window, *, together: bool) -> Iterator[_Spot]:
    """Yield the windows of the canvas that images reach, one swath after the other."""
    under: dict[tuple[int, int], list[int]] = {}
    for index, place in enumerate(places):
        inside = place.window.clipped(area)
        if not inside.empty:
            for window in tiling(inside.aligned(SIDE, SIDE), SIDE, SIDE):
                under.setdefault((window.col, window.row), []).append(index)
    line = max(place.image.bands * place.image.dtype.itemsize for place in places)
    swath = max(SWATH, SHARED // line)
    for col, row in sorted(under, key=lambda at: (at[0] // swath, at[1], at[0])):
        spot = _Spot(Window(col, row, SIDE, SIDE).clipped(area), tuple(under[col, row]))
        yield from _halved(spot, SIDE, places, together)


def _halved(spot: _Spot, side: int, places: Sequence[_Place], together: bool) -> Iterator[_Spot]:
    """Split a window until what is held of the images under it is little.

    Empty parts stay too, since the first one feeds the tiles of images on other grids.
    """
    held = [places[index].held(spot.window) for index in spot.under]
    if side <= SMALLEST or (sum(held) if together else max(held)) <= HELD:
        yield spot
        return
    for quarter in tiling(spot.window, side // 2, side // 2):
        yield from _halved(_Spot(quarter, spot.under), side // 2, places, together)


def _look(
    spot: _Spot,
    places: Sequence[_Place],
    own: Sequence[OwnCollector],
    joint: Sequence[JointCollector],
    missing: Missing | None,
) -> list[list[Any]]:
    """Feed one canvas window; return the partial sums of each collector."""
    parts: dict[int, Part] = {}
    fed: list[list[Any]] = [[] for _ in own]
    boxes = {index: places[index].window.clipped(spot.window) for index in spot.under}
    needed = _together(boxes, missing) if joint else {}
    for index in spot.under:
        place = places[index]
        if index in needed:
            parts[index] = Part(needed[index], _on_canvas(place, place.local(needed[index])))
        for tile in place.own(spot.window) if own and _wanted(index, missing) else ():
            shared = place.direct and index in parts
            pixels = parts[index].pixels if shared else place.image.read(tile)
            for partials, collector in zip(fed, own):
                partials.append(collector.feed(index, tile, pixels))
    if len(parts) > 1:
        fed += [[collector.feed(spot.window, parts)] for collector in joint]
    return fed


def _together(boxes: Mapping[int, Window], missing: Missing | None) -> Mapping[int, Window]:
    """The part of each image that is compared; nothing where only one image lies."""
    filled = {index: inside for index, inside in boxes.items() if not inside.empty}
    if missing is not None:
        return missing.boxes(filled)
    return filled if len(filled) > 1 else {}


def _wanted(index: int, missing: Missing | None) -> bool:
    return missing is None or index in missing.images


def _on_canvas(place: _Place, local: Window) -> Pixels:
    """Return pixels as the canvas sees them; resampled ones are not rounded."""
    return place.seen.read(local, rounded=place.direct)
