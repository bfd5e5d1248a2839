# SPDX-License-Identifier: GPL-2.0-or-later
"""What an image is: anything with a grid whose pixels can be read by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .grid import Grid
from .windows import Window

Array = NDArray[Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Pixels:
    """Values[band, row, col] and valid[row, col] of a window.

    `valid` may be a broadcast True or False. `alpha` holds the opacity of a file that has some.
    `clipped` and `moved` count the samples that a correction cut to the type's range, and those
    it moved away from nodata.
    """

    values: Array
    valid: Mask
    alpha: Array | None = None
    clipped: int = 0
    moved: int = 0

    def __getstate__(self) -> dict[str, Any]:
        """Keep a broadcast mask one on its way to another process."""
        everywhere = uniform(self.valid)
        valid = self.valid if everywhere is None else (everywhere, self.valid.shape)
        return {**self.__dict__, "valid": valid}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what another process found."""
        valid = state["valid"]
        valid = constant(*valid) if isinstance(valid, tuple) else valid
        self.__dict__.update({**state, "valid": valid})

    @property
    def all_valid(self) -> bool:
        """True when no pixel is invalid."""
        return uniform(self.valid) is True or bool(self.valid.all())

    def cropped(self, rows: slice, cols: slice) -> Pixels:
        """Return a part of the window, without copying and without its counts."""
        alpha = None if self.alpha is None else self.alpha[rows, cols]
        return Pixels(self.values[:, rows, cols], self.valid[rows, cols], alpha)

    def with_values(self, values: Array) -> Pixels:
        """Return the same pixels with other values."""
        return replace(self, values=values)


def constant(value: bool, shape: tuple[int, int]) -> Mask:
    """Return a boolean array of one value that takes no memory."""
    return np.broadcast_to(np.bool_(value), shape)


def uniform(mask: Mask) -> bool | None:
    """Return the value of a broadcast mask, None for any other."""
    if mask.size and mask.strides == (0, 0):
        return bool(mask[0, 0])
    return None


@dataclass(frozen=True)
class Details:
    """What a written file declares beyond grid, type and nodata.

    One color, scale and offset, and pairs of metadata, for each band; `validity` is "all",
    "nodata", "alpha" or "mask".
    """

    colors: tuple[str, ...] = ()
    scales: tuple[float | None, ...] = ()
    offsets: tuple[float | None, ...] = ()
    color_table: tuple[tuple[int, int, int, int], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    validity: str = "nodata"
    band_metadata: tuple[tuple[tuple[str, str], ...], ...] = ()


@runtime_checkable
class Image(Protocol):
    """An image: a file, a view of another image or a mosaic. Frozen and picklable."""

    @property
    def name(self) -> str:
        """Name without folder and extension."""

    @property
    def grid(self) -> Grid:
        """Where its pixels lie."""

    @property
    def bands(self) -> int:
        """Number of data bands (alpha does not count)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rounded values."""

    @property
    def nodata(self) -> float | None:
        """Value that a written file uses where pixels are not valid."""

    @property
    def band_names(self) -> tuple[str, ...]:
        """A description for each band, possibly empty."""

    @property
    def details(self) -> Details:
        """What else a written file declares."""

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read a window that lies inside the grid.

        `bands` are 1-based; `rounded=False` gives the calculation type, so that stacked views
        round once, at the end.
        """


@dataclass(frozen=True)
class View:
    """An image that computes on read; by default it is like the image below it."""

    source: Image

    @property
    def name(self) -> str:
        """Name of the image below."""
        return self.source.name

    @property
    def grid(self) -> Grid:
        """Grid of the image below."""
        return self.source.grid

    @property
    def bands(self) -> int:
        """Bands of the image below."""
        return self.source.bands

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the image below."""
        return self.source.dtype

    @property
    def nodata(self) -> float | None:
        """Nodata of the image below."""
        return self.source.nodata

    @property
    def band_names(self) -> tuple[str, ...]:
        """Band names of the image below."""
        return self.source.band_names

    @property
    def details(self) -> Details:
        """Details of the image below."""
        return self.source.details


@dataclass(frozen=True)
class Cast(View):
    """The image in another type, rounded and limited."""

    dtype_name: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type asked for."""
        return np.dtype(self.dtype_name)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the window and bring it to the type."""
        if not rounded or np.can_cast(self.source.dtype, self.dtype):
            found = self.source.read(window, bands, rounded)
            return found.with_values(found.values.astype(self.dtype)) if rounded else found
        found = self.source.read(window, bands, rounded=False)
        return found.with_values(settled(found.values, self.dtype, None))


@dataclass(frozen=True)
class ArrayImage:
    """An image whose pixels are in memory: values[band, row, col], valid[row, col]."""

    name: str
    grid: Grid
    values: Array
    valid: Mask
    nodata: float | None = None
    band_names: tuple[str, ...] = ()
    details: Details = field(default_factory=Details)

    @property
    def bands(self) -> int:
        """Number of bands."""
        return int(self.values.shape[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.values.dtype

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Return a part of the arrays."""
        found = Pixels(self.values, self.valid).cropped(*window.slices)
        found = found if bands is None else found.with_values(found.values[[b - 1 for b in bands]])
        return found if rounded else found.with_values(calculation(found.values))


def calculation_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return float64 for 32-bit integers and 64-bit types, else float32."""
    small = dtype.itemsize <= 2 or dtype == np.float32
    return np.dtype(np.float32 if small else np.float64)


def calculation(values: Array) -> Array:
    """Return values in their calculation type."""
    return values.astype(calculation_type(values.dtype), copy=False)


def read_padded(
    image: Image, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
) -> Pixels:
    """Read a window that may reach beyond the image; there, pixels are invalid and 0."""
    inside = window.clipped(image.grid.window)
    if inside == window:
        return image.read(window, bands, rounded)
    count = image.bands if bands is None else len(bands)
    dtype = image.dtype if rounded else calculation_type(image.dtype)
    values = np.zeros((count, *window.shape), dtype)
    if inside.empty:
        return Pixels(values, constant(False, window.shape))
    valid = np.zeros(window.shape, bool)
    found = image.read(inside, bands, rounded)
    rows, cols = inside.within(window)
    values[:, rows, cols], valid[rows, cols] = found.values, found.valid
    alpha = None
    if found.alpha is not None:
        alpha = np.zeros(window.shape, found.alpha.dtype)
        alpha[rows, cols] = found.alpha
    return Pixels(values, valid, alpha)


def settled(values: Array, dtype: np.dtype[Any], nodata: float | None) -> Array:
    """Return calculated values[band, row, col] in an image's type, as computed valid pixels.

    Whole-number types are rounded half to even and limited to their range. A result that equals
    nodata moves to the nearest other legal value, on the side it came from.
    """
    return settle(values, dtype, nodata)[0]


def settle(values: Array, dtype: np.dtype[Any], nodata: float | None) -> tuple[Array, int]:
    """Return what `settled` returns, and the number of samples moved away from nodata."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            out = values.astype(dtype, copy=False)
    else:
        limits = np.iinfo(dtype)
        # whole numbers are exact in double precision up to 53 bits
        out = np.rint(values) if values.dtype.kind == "f" else values.astype(np.float64)
        np.clip(out, *_float_limits(limits, out.dtype), out=out)
        # NaN stands only where pixels are not valid; it may become anything
        with np.errstate(invalid="ignore"):
            out = out.astype(dtype)
    marker = representable(nodata, dtype)
    if marker is None or np.isnan(marker):
        return out, 0
    hit = out == marker
    moved = int(np.count_nonzero(hit))
    if moved:
        out = out.copy() if out is values else out
        out[hit] = _beside(values[hit], marker, dtype)
    return out, moved


def beyond(values: Array, dtype: np.dtype[Any]) -> int:
    """Return how many calculated values do not fit the range of a whole-number type."""
    if dtype.kind == "f" or not values.size:
        return 0
    limits = np.iinfo(dtype)
    low, high = limits.min - 0.5, limits.max + 0.5
    if values.min() >= low and values.max() <= high:
        return 0
    return int(np.count_nonzero((values < low) | (values > high)))


def representable(nodata: float | None, dtype: np.dtype[Any]) -> Any:
    """Return nodata as a scalar of the type, None when the type cannot hold it."""
    if nodata is None:
        return None
    if dtype.kind == "f":
        limit = float(np.finfo(dtype).max) * (1 + 1e-7)
        beyond = np.isfinite(nodata) and abs(nodata) > limit
        return None if beyond else _nearest(nodata, dtype)
    limits = np.iinfo(dtype)
    whole = np.isfinite(nodata) and nodata == int(nodata)
    return dtype.type(int(nodata)) if whole and limits.min <= nodata <= limits.max else None


def _nearest(value: float, dtype: np.dtype[Any]) -> Any:
    """The number of a float type that a declared value means: texts round the largest one up."""
    limit = float(np.finfo(dtype).max)
    return dtype.type(min(max(value, -limit), limit) if np.isfinite(value) else value)


def beside(marker: Any, dtype: np.dtype[Any]) -> Any:
    """Return the legal value next to nodata: one above, or below at the top of the range."""
    if dtype.kind == "f":
        return np.nextafter(marker, dtype.type(0) if marker else dtype.type(1))
    limits = np.iinfo(dtype)
    return dtype.type(int(marker) + (1 if marker < limits.max else -1))


def _float_limits(limits: Any, dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The range of a whole-number type in float; the top one must not round up beyond it."""
    top = dtype.type(limits.max)
    if int(top) > limits.max:
        top = np.nextafter(top, dtype.type(0))
    return dtype.type(limits.min), top


def _beside(values: Array, marker: Any, dtype: np.dtype[Any]) -> Array:
    if dtype.kind == "f":
        return np.full(values.shape, beside(marker, dtype), dtype)
    limits = np.iinfo(dtype)
    step = np.where(values < marker, -1, 1)
    moved = int(marker) + step
    inward = 1 if int(marker) == limits.min else -1
    return np.where((moved < limits.min) | (moved > limits.max), int(marker) + inward, moved)
