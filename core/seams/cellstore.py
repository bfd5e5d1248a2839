# SPDX-License-Identifier: GPL-2.0-or-later
"""Means of small cells of pixels where images overlap, collected while the images pass once."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..grid import Grid
from ..image import Array, Details, Image, Mask, Pixels
from ..windows import Window

IN_MEMORY = 48 << 20
"""Bytes of means beyond which they lie in a temporary file."""

_RECENT = 32 << 20
_CODES = 65534
"""Whole numbers from 1 on that stand for the range of an 8 or 16-bit type; 0 is not valid."""


class Part(Protocol):
    """What the survey sees of an image: `pixels` in a `window` of the canvas."""

    @property
    def pixels(self) -> Pixels:
        """Values and validity."""

    @property
    def window(self) -> Window:
        """Their place."""


@dataclass(frozen=True)
class _Piece:
    """Means of an image in a window of cells, as they are stored."""

    image: int
    cells: Window
    coded: Array


@dataclass(frozen=True)
class _Place:
    cells: Window
    start: int


class CellSums:
    """Collects the means of side × side pixels of each image where images meet (a JointCollector).

    A context manager: what does not fit into some memory lies in a temporary file. Means of 8 and
    16-bit pixels are kept as 16-bit numbers; a cell is valid when half of its pixels are. `side`
    is a power of two up to 128, so that windows of the survey hold whole cells.
    """

    def __init__(
        self, images: Sequence[Image], canvas: Grid, side: int, bands: Sequence[int] = ()
    ) -> None:
        self.images = tuple(images)
        self.canvas = canvas
        self.side = side
        self.bands = tuple(bands) or tuple(range(1, images[0].bands + 1))
        self._places: list[list[_Place]] = [[] for _ in images]
        self._end = 0
        self._recent: dict[tuple[int, int], Array] = {}
        self._held = 0
        # closed by __exit__: it must live as long as the survey and what follows
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY, prefix="orthoweave_")  # noqa: SIM115

    def __enter__(self) -> CellSums:
        """Return itself."""
        return self

    def __getstate__(self) -> dict[str, object]:
        """Leave the file behind: windows are looked at without it."""
        return {"images": self.images, "side": self.side, "bands": self.bands}

    def __exit__(self, *_: object) -> None:
        """Forget everything."""
        self._recent.clear()
        self._file.close()

    def feed(self, window: Window, parts: Mapping[int, Part]) -> list[_Piece]:
        """Return the means of each image in a window of the canvas."""
        found = []
        for index, part in sorted(parts.items()):
            area = part.window.aligned(self.side, self.side)
            values, valid = _averaged(part, area, self.side, self.bands)
            if valid.any():
                coded = _coded(values, valid, self.images[index].dtype)
                found.append(_Piece(index, _in_cells(area, self.side), coded))
        return found

    def merge(self, partial: list[_Piece]) -> None:
        """Keep the means of a window."""
        for piece in partial:
            self._file.seek(self._end)
            self._file.write(np.ascontiguousarray(piece.coded).tobytes())
            self._places[piece.image].append(_Place(piece.cells, self._end))
            self._end += piece.coded.nbytes

    def image(self, index: int) -> CellImage:
        """Return an image of the means, whose pixels are the cells."""
        return CellImage(self, index)

    def boxes(self, index: int) -> Array:
        """Return the windows of cells that are stored of an image, (n, 4) of left, top, ends."""
        windows = [place.cells for place in self._places[index]]
        found = [(w.col, w.row, w.right, w.bottom) for w in windows]
        return np.array(found, int).reshape(-1, 4)

    def read(self, index: int, window: Window, bands: Sequence[int]) -> tuple[Array, Mask]:
        """Return means and validity of a window of cells, which may reach beyond the image."""
        chosen = [self.bands.index(band) for band in bands]
        values = np.zeros((len(chosen), *window.shape), np.float32)
        valid = np.zeros(window.shape, bool)
        boxes = self._boxes[index]
        near = (boxes[:, 0] < window.right) & (boxes[:, 2] > window.col)
        near &= (boxes[:, 1] < window.bottom) & (boxes[:, 3] > window.row)
        for number in np.flatnonzero(near).tolist():
            place = self._places[index][number]
            common = place.cells.clipped(window)
            coded = self._piece(index, place)[common.banded(place.cells)][chosen]
            found, known = _decoded(coded, self.images[index].dtype)
            values[common.banded(window)] = found
            valid[common.within(window)] = known
        return values, valid

    @cached_property
    def _boxes(self) -> list[Array]:
        return [self.boxes(index) for index in range(len(self.images))]

    def _piece(self, index: int, place: _Place) -> Array:
        """Return stored means; those used last are kept."""
        key = (index, place.start)
        found = self._recent.pop(key, None)
        if found is None:
            kind = _kind(self.images[index].dtype)
            shape = (len(self.bands), *place.cells.shape)
            self._file.seek(place.start)
            size = int(np.prod(shape)) * kind.itemsize
            found = np.frombuffer(self._file.read(size), kind).reshape(shape)
            self._held += found.nbytes
        self._recent[key] = found
        while self._held > _RECENT and len(self._recent) > 1:
            self._held -= self._recent.pop(next(iter(self._recent))).nbytes
        return found


@dataclass(frozen=True, eq=False)
class CellImage:
    """The stored means of an image as an image: corrections can be views of it."""

    store: CellSums
    index: int

    @property
    def name(self) -> str:
        """Name of the image the means are of."""
        return self.store.images[self.index].name

    @property
    def cells(self) -> Window:
        """Where it lies among all cells of the canvas."""
        seen, canvas = self.store.images[self.index].grid, self.store.canvas
        place = canvas.window_of(seen.bounds)
        return _in_cells(place.aligned(self.store.side, self.store.side), self.store.side)

    @property
    def grid(self) -> Grid:
        """The grid of its cells."""
        return cell_grid(self.store.canvas, self.store.side).cropped(self.cells)

    @property
    def bands(self) -> int:
        """Bands of the image, also those of which no means are stored."""
        return self.store.images[self.index].bands

    @property
    def dtype(self) -> np.dtype[Any]:
        """Decimal numbers."""
        return np.dtype(np.float32)

    @property
    def nodata(self) -> float | None:
        """No value stands for invalid cells."""
        return None

    @property
    def band_names(self) -> tuple[str, ...]:
        """The names of the image's bands."""
        return self.store.images[self.index].band_names

    @property
    def details(self) -> Details:
        """Some cells are not valid."""
        return Details(validity="mask")

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Return the means of a window of cells."""
        at = self.cells
        wanted = range(1, self.bands + 1) if bands is None else bands
        return Pixels(*self.store.read(self.index, window.shifted(at.col, at.row), tuple(wanted)))


def cell_grid(canvas: Grid, side: int) -> Grid:
    """Return the grid of cells of side × side pixels that covers a canvas."""
    x, a, b, y, d, e = canvas.transform
    transform = (x, a * side, b * side, y, d * side, e * side)
    return Grid(-(-canvas.width // side), -(-canvas.height // side), transform, canvas.crs)


def reduced(values: Array, side: int) -> Array:
    """Return the sums of side × side pieces of [..., row, col], in a type that holds them."""
    *front, rows, cols = values.shape
    kind = _sum_type(values.dtype)
    if side == 1:
        return values.astype(kind)
    stacked = values.reshape(*front, rows // side, side, cols)
    high: Array = stacked[..., 0, :].astype(kind)
    for step in range(1, side):
        np.add(high, stacked[..., step, :], out=high)
    found: Array = high[..., ::side].copy()
    for step in range(1, side):
        np.add(found, high[..., step::side], out=found)
    return found


def _sum_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind in "bu" and dtype.itemsize <= 2:
        return np.dtype(np.uint32)
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def _averaged(part: Part, area: Window, side: int, bands: Sequence[int]) -> tuple[Array, Mask]:
    """Return means and validity of the cells of an area around a part."""
    pixels, window = part.pixels, part.window
    values = pixels.values[[band - 1 for band in bands]]
    valid = np.asarray(pixels.valid)
    if pixels.all_valid:
        valid = np.broadcast_to(np.True_, window.shape)
    else:
        values = np.where(valid, values, values.dtype.type(0))
    if area != window:
        rows, cols = window.within(area)
        edges = ((rows.start, area.height - rows.stop), (cols.start, area.width - cols.stop))
        values = np.pad(values, ((0, 0), *edges))
        valid = np.pad(valid, edges)
    count = reduced(np.asarray(valid).view(np.uint8), side)
    known = 2 * count >= side * side
    means = reduced(values, side) / np.maximum(count, 1)
    return means, known


def _in_cells(area: Window, side: int) -> Window:
    return Window(area.col // side, area.row // side, area.width // side, area.height // side)


def _kind(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type in which means are stored."""
    small = dtype.kind in "ui" and dtype.itemsize <= 2
    return np.dtype(np.uint16 if small else np.float32)


def _coded(values: Array, valid: Mask, dtype: np.dtype[Any]) -> Array:
    if _kind(dtype) == np.float32:
        return np.where(valid, values, np.nan).astype(np.float32)
    low, step = _scale(dtype)
    codes = np.rint((values - low) / step) + 1
    return np.where(valid, np.clip(codes, 1, _CODES + 1), 0).astype(np.uint16)


def _decoded(coded: Array, dtype: np.dtype[Any]) -> tuple[Array, Mask]:
    if coded.dtype == np.float32:
        valid = np.isfinite(coded).all(0)
        return np.where(valid, coded, np.float32(0)), valid
    low, step = _scale(dtype)
    valid = coded[0] > 0
    values = (coded.astype(np.float32) - np.float32(1)) * np.float32(step) + np.float32(low)
    return np.where(valid, values, np.float32(0)), valid


def _scale(dtype: np.dtype[Any]) -> tuple[float, float]:
    limits = np.iinfo(dtype)
    return float(limits.min), (float(limits.max) - float(limits.min)) / _CODES
