# SPDX-License-Identifier: GPL-2.0-or-later
"""One windowed read of all images that feeds everything estimation needs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .executor import each
from .grid import Grid
from .image import ArrayImage, Image, Pixels
from .placement import onto
from .progress import SILENT, Progress
from .transform.warped import Warped
from .windows import Window, swaths

WIDTH, HEIGHT = 1024, 512
"""Survey windows; fixed, so that sums of decimal numbers never depend on the user's windows."""

SWATH = 8192


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

    @property
    def direct(self) -> bool:
        return self.seen is self.image


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
    return _Place(image, seen, canvas.placed(seen.grid))


def _under(places: Sequence[_Place], window: Window) -> bool:
    return any(not place.window.clipped(window).empty for place in places)


def _look(
    window: Window,
    places: Sequence[_Place],
    own: Sequence[OwnCollector],
    joint: Sequence[JointCollector],
) -> list[tuple[Any, list[Any]]]:
    """Feed one canvas window; each image is read once."""
    partials: dict[int, list[Any]] = {}
    parts: dict[int, Part] = {}
    alone = sum(not p.window.clipped(window).empty for p in places) < 2 or not joint
    for index, place in enumerate(places):
        inside = place.window.clipped(window)
        if inside.empty:
            continue
        own_window = _own_window(place, inside)
        pixels, read = _read_once(place, inside, own_window, alone)
        if not own_window.empty:
            mine = pixels.cropped(*own_window.within(read))
            for number, collector in enumerate(own):
                partials.setdefault(number, []).append(collector.feed(index, own_window, mine))
        if not alone:
            parts[index] = Part(inside, _on_canvas(place, inside, pixels, read))
    found: list[tuple[Any, list[Any]]] = [(own[k], listed) for k, listed in partials.items()]
    if len(parts) > 1:
        found += [(collector, [collector.feed(window, parts)]) for collector in joint]
    return found


def _own_window(place: _Place, inside: Window) -> Window:
    """Return the image's own pixels whose centers belong to a window of the canvas.

    Windows that tile the canvas give windows that tile the image. An image whose rows are not
    parallel to the canvas gives its share in strips of rows instead.
    """
    local = inside.shifted(-place.window.col, -place.window.row)
    if place.direct:
        return local
    size = place.image.grid.window
    cuts = _cuts(place, local.col, local.right, True), _cuts(place, local.row, local.bottom, False)
    return Window(cuts[0][0], cuts[1][0], cuts[0][1] - cuts[0][0], cuts[1][1] - cuts[1][0]).clipped(
        size
    )


def _cuts(place: _Place, start: int, stop: int, columns: bool) -> tuple[int, int]:
    """First and last own index of canvas indices start to stop, in proportion of the sides."""
    own = place.image.grid.width if columns else place.image.grid.height
    seen = place.window.width if columns else place.window.height
    flipped = _flipped(place, columns)
    ends = (seen - stop, seen - start) if flipped else (start, stop)
    return (math.floor(ends[0] * own / seen), math.floor(ends[1] * own / seen))


def _flipped(place: _Place, columns: bool) -> bool:
    """True when own indices run against those of the canvas."""
    x, y = place.image.grid.to_map(*((1, 0) if columns else (0, 1)))
    x0, y0 = place.image.grid.to_map(0, 0)
    at, zero = place.seen.grid.to_pixel(x, y), place.seen.grid.to_pixel(x0, y0)
    return bool((at[0] - zero[0] if columns else at[1] - zero[1]) < 0)


def _read_once(
    place: _Place, inside: Window, own_window: Window, alone: bool
) -> tuple[Pixels, Window]:
    """Read what the own window and the canvas window need; return it and its own window."""
    needed = own_window
    if not place.direct and not alone:
        for edge in _reach(place, inside):
            needed = edge if needed.empty else _joined(needed, edge)
    if needed.empty:
        needed = Window(0, 0, 1, 1)
    return place.image.read(needed), needed


def _reach(place: _Place, inside: Window) -> Iterator[Window]:
    """Yield the own window whose pixels resampling a canvas window takes."""
    corners = place.seen.grid.cropped(inside.shifted(-place.window.col, -place.window.row)).corners
    cols, rows = zip(*(place.image.grid.to_pixel(*corner) for corner in corners))
    ratio = [a / b for a, b in zip(place.seen.grid.pixel_size, place.image.grid.pixel_size)]
    margin = math.ceil(max(1.0, *ratio)) + 1
    col, row = math.floor(min(cols)) - margin, math.floor(min(rows)) - margin
    right, bottom = math.ceil(max(cols)) + margin, math.ceil(max(rows)) + margin
    found = Window(col, row, right - col, bottom - row).clipped(place.image.grid.window)
    if not found.empty:
        yield found


def _joined(a: Window, b: Window) -> Window:
    col, row = min(a.col, b.col), min(a.row, b.row)
    return Window(col, row, max(a.right, b.right) - col, max(a.bottom, b.bottom) - row)


def _on_canvas(place: _Place, inside: Window, pixels: Pixels, read: Window) -> Pixels:
    """Return the pixels on the canvas, resampled from memory where needed."""
    if place.direct:
        local = inside.shifted(-place.window.col, -place.window.row)
        return pixels.cropped(*local.within(read))
    image = place.image
    piece = ArrayImage(
        image.name, image.grid.cropped(read), pixels.values, pixels.valid, image.nodata,
        image.band_names, image.details,
    )  # fmt: skip
    seen = place.seen
    if not isinstance(seen, Warped):
        raise TypeError("an image off the canvas is seen through a Warped view")
    view = Warped(piece, seen.target, seen.resampling, seen.mapping, seen.step, seen.strict)
    return view.read(inside.shifted(-place.window.col, -place.window.row), rounded=False)
