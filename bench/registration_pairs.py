# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairs of images that truly lie in known places, and how far a corrected image is from them.

A real image is sampled by a spline of order 5 at exact positions; nothing is mirrored, since the
source is larger on every side. moving(q) = gain * scene(T^-1(q)) + offset + noise, so that the
corrected image should be gain * scene + offset: the displacement between the two, measured in
windows of 64 px with the same spline, is what is left of the error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pairs
from numpy.typing import NDArray
from osgeo import gdal
from scipy import ndimage

Floats = NDArray[np.float64]
Positions = Callable[[Floats, Floats], tuple[Floats, Floats]]

GAIN, OFFSET, NOISE = 1.08, 60.0, 0.01
WINDOW = 64
NAIP = {"naip 2009": "20090818", "naip 2019": "20190904"}
"""Dates of scenes. In that of 2019 the near-infrared band itself lies (.14, .15) px off the red
one: in all four quarters, by correlation and by mutual information, of edges and of values."""

COVER = 0.3


@dataclass(frozen=True)
class Truth:
    """Where the moving image shows positions of the reference, and the way back."""

    forward: Positions
    back: Positions


@dataclass(frozen=True)
class Known:
    """A pair: rows and columns of the reference, what else is done to it, options of ours.

    `scene` names the image; `trouble` is "", "inverted", "wedges", "clouds" or "coarser"; `bound`
    is the residual to reach, `peers` the best of the peers, px.
    """

    name: str
    scene: str
    truth: Callable[[int, int], Truth]
    bound: float
    peers: float
    trouble: str = ""
    options: tuple[str, ...] = field(default=())
    peer_options: tuple[str, ...] = field(default=())


def turned(degrees: float, dx: float, dy: float) -> Callable[[int, int], Truth]:
    """Return a rotation about the middle and a shift."""

    def make(width: int, height: int) -> Truth:
        angle = np.radians(degrees)
        cos, sin = np.cos(angle), np.sin(angle)
        x0, y0 = (width - 1) / 2, (height - 1) / 2

        def forward(x: Floats, y: Floats) -> tuple[Floats, Floats]:
            u, v = x - x0, y - y0
            return x0 + cos * u - sin * v + dx, y0 + sin * u + cos * v + dy

        def back(x: Floats, y: Floats) -> tuple[Floats, Floats]:
            u, v = x - x0 - dx, y - y0 - dy
            return x0 + cos * u + sin * v, y0 - sin * u + cos * v

        return Truth(forward, back)

    return make


def warped(size: float) -> Callable[[int, int], Truth]:
    """Return a smooth warp of up to `size` px."""

    def make(width: int, height: int) -> Truth:
        long = max(width, height)

        def forward(x: Floats, y: Floats) -> tuple[Floats, Floats]:
            a, b = 2 * np.pi * x / long, 2 * np.pi * y / long
            dx = np.sin(2.2 * a + 0.5) * np.cos(2.7 * b - 0.4)
            dy = np.cos(1.9 * a - 0.7) * np.sin(2.4 * b + 0.3)
            return x + size * 0.9 * dx, y + size * 0.9 * dy

        def back(x: Floats, y: Floats) -> tuple[Floats, Floats]:
            p, q = x, y
            for _ in range(60):
                at = forward(p, q)
                p, q = p + x - at[0], q + y - at[1]
            return p, q

        return Truth(forward, back)

    return make


SHIFT = turned(0.0, 3.4, -2.2)
RAW, CHUNKS = ("--no-use-edge-proxies",), ("--split-factor", "2")
TWO_LEVELS = ("--solve-resolutions", "40,0", *CHUNKS)
KNOWN = (
    Known("translation (3.4, -2.2)", "green", SHIFT, 0.010, 0.023, peer_options=RAW),
    Known(
        "rotation 0.15° + (2.3, 1.6)",
        "green",
        turned(0.15, 2.3, 1.6),
        0.002,
        0.008,
        peer_options=CHUNKS,
    ),
    Known("red against near-infrared, 2009", "naip 2009", SHIFT, 0.080, 0.113),
    Known("red against near-infrared, 2019", "naip 2019", SHIFT, 0.080, 0.113),
    Known("inverted contrast, gamma 0.6", "green", SHIFT, 0.010, 0.044, "inverted"),
    Known("local warp of 2 px", "green", warped(2.0), 0.050, 0.111, "", ("--model", "local")),
    Known("wedges + masked clouds", "green", SHIFT, 0.020, 0.040, "wedges"),
    Known("unmasked clouds", "green", SHIFT, 0.030, 0.059, "clouds"),
    Known(
        "shift of 31 px", "green", turned(0.0, 25.3, -18.7), 0.010, 0.025, peer_options=TWO_LEVELS
    ),
    Known("rotation 1°", "green", turned(1.0, 2.0, 1.0), 0.003, 0.014),
    Known("moving 2 × coarser", "green", SHIFT, 0.030, 0.059, "coarser"),
    Known(
        "moving 2 × coarser, grid of the reference",
        "green",
        SHIFT,
        0.030,
        0.530,
        "coarser",
        ("--output-grid", "reference"),
    ),
    Known(
        "translation, grid of the reference",
        "green",
        SHIFT,
        0.012,
        0.447,
        "",
        ("--output-grid", "reference"),
    ),
)


@dataclass(frozen=True)
class Made:
    """What stands in the files of a pair, and what the corrected image should show.

    `ideal[row, col]` lies on the reference's pixels with `margin` more px on every side.
    """

    reference: Path
    moving: Path
    ideal: Floats
    margin: int
    shape: tuple[int, int]
    truth: Truth


def scene(name: str, shared: Path) -> tuple[Floats, Floats, int]:
    """Return what the reference and the moving image show, and the margin round it."""
    if name == "green":
        path = shared / "data/l8_greenland_30m/LC80030172015001LGN00_B4.tiff"
        values = _read(path, 1, (110, 110, 823 + 180, 480 + 180))
        return values, values, 90
    path = shared / f"data/naip_nd/m_4709963_se_14_1_{NAIP[name]}_west.tif"
    box = (0, 60, 460, 459)
    return _read(path, 1, box), _read(path, 4, box), 24


def _read(path: Path, band: int, box: tuple[int, int, int, int]) -> Floats:
    opened = gdal.Open(str(path))
    return opened.GetRasterBand(band).ReadAsArray(*box).astype(np.float64)


def make(known: Known, shared: Path, folder: Path, seed: int = 1) -> Made:
    """Write reference.tif and moving.tif of a pair."""
    fixed, moved, margin = scene(known.scene, shared)
    return made(known, fixed, moved, margin, folder, seed)


def made(
    known: Known, fixed: Floats, moved: Floats, margin: int, folder: Path, seed: int = 1
) -> Made:
    """Write the files of a pair of scenes that have a margin on every side."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    height, width = fixed.shape[0] - 2 * margin, fixed.shape[1] - 2 * margin
    truth = known.truth(width, height)
    spread = float(fixed.std())
    holes = [np.zeros(fixed.shape, bool) for _ in range(2)]
    if known.trouble == "inverted":
        low, high = float(moved.min()), float(moved.max())
        moved = ((high - moved) / (high - low)) ** 0.6 * (high - low) + low
    if known.trouble == "clouds":
        fixed, moved = (_clouded(one, rng) for one in (fixed, moved))
    if known.trouble == "wedges":
        holes = [_cover(fixed.shape, rng) | _wedges(fixed.shape, margin, k) for k in (0, 1)]
    values = fixed[margin:-margin, margin:-margin]
    values = values + NOISE * spread * rng.standard_normal(values.shape)
    paths = folder / "reference.tif", folder / "moving.tif"
    _write(paths[0], values, holes[0][margin:-margin, margin:-margin], 1)
    side = 2 if known.trouble == "coarser" else 1
    shown, gone = _sampled(moved, holes[1], truth, margin, (height, width), side)
    shown = GAIN * shown + OFFSET + NOISE * spread * rng.standard_normal(shown.shape)
    _write(paths[1], shown, gone, side)
    return Made(*paths, GAIN * moved + OFFSET, margin, (height, width), truth)


def _sampled(
    values: Floats,
    holes: NDArray[np.bool_],
    truth: Truth,
    margin: int,
    shape: tuple[int, int],
    side: int,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Sample a scene at the pixels of the moving image; coarser ones are means of areas."""
    y, x = np.mgrid[0 : shape[0] // side * side, 0 : shape[1] // side * side].astype(np.float64)
    px, py = truth.back(x, y)
    at = [py + margin, px + margin]
    found = ndimage.map_coordinates(ndimage.spline_filter(values, 5), at, order=5, prefilter=False)
    gone = ndimage.map_coordinates(holes.astype(np.uint8), at, order=0) > 0
    if side > 1:
        tall, wide = (n // side for n in found.shape)
        blocks = (tall, side, wide, side)
        found, gone = found.reshape(blocks).mean((1, 3)), gone.reshape(blocks).any((1, 3))
    return found, gone


def _cover(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return blobs that cover 30 % of an array."""
    rough = ndimage.gaussian_filter(rng.standard_normal(shape), 18)
    return rough > np.quantile(rough, 1 - COVER)


def _clouded(values: Floats, rng: np.random.Generator) -> Floats:
    """Return a scene under bright clouds with structure of their own."""
    cover = ndimage.gaussian_filter(_cover(values.shape, rng).astype(np.float64), 2)
    rough = ndimage.gaussian_filter(rng.standard_normal(values.shape), 5)
    bright = np.quantile(values, 0.99) * 1.3 + rough / rough.std() * values.std() * 0.3
    return values * (1 - cover) + cover * bright


def _wedges(shape: tuple[int, int], margin: int, number: int) -> NDArray[np.bool_]:
    """Return slanted edges of a scene, other ones for each image."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    x, y = x - margin, y - margin
    width, height = shape[1] - 2 * margin, shape[0] - 2 * margin
    if number == 0:
        return (x < 0.18 * (height - y)) | (x > width - 0.15 * y)
    return (x < 0.2 * y) | (x > width - 0.14 * (height - y))


def _write(path: Path, values: Floats, holes: NDArray[np.bool_], side: int) -> None:
    whole = np.clip(np.rint(values), 1, 65535).astype(np.uint16)
    whole[holes] = 0
    pairs.write(path, whole)
    if side > 1:
        opened = gdal.Open(str(path), gdal.GA_Update)
        x, a, b, y, d, e = opened.GetGeoTransform()
        opened.SetGeoTransform((x, a * side, b, y, d, e * side))


@dataclass(frozen=True)
class Left:
    """What is left of the displacement: RMS over windows of 64 px.

    `rmse`: against the moving image resampled at the true places by the same cubic kernel, so that
    only the geometry differs; `exact`: against the scene itself, with the moving image's noise and
    the kernel's phase error in it. `valid`: share of valid pixels, over that of the ideal;
    `values`: difference to the cubic ideal as a share of the deviation.
    """

    rmse: float
    exact: float
    windows: int
    valid: float
    values: float
    worst: float


def left(path: Path, made: Made) -> Left:
    """Measure a written image against the ideal on its own pixels."""
    got, valid, first, side = _opened(path)
    moving, seen, _, unit = _opened(made.moving)
    rows, cols = got.shape
    y, x = np.mgrid[0:rows, 0:cols].astype(np.float64)
    # centers of the output's pixels in px of the reference, then of the moving image
    px, py = first[0] + (x + 0.5) * side[0] - 0.5, first[1] + (y + 0.5) * side[1] - 0.5
    tx, ty = made.truth.forward(px, py)
    mx, my = (tx + 0.5) / unit[0] - 0.5, (ty + 0.5) / unit[1] - 0.5
    ideal = keys(moving, mx, my)
    there = ndimage.map_coordinates(seen.astype(np.float32), [my, mx], order=1) > 0.999
    inner = ndimage.binary_erosion(valid & there, iterations=4)
    rest, wrong = _windows(got, _Gridded(ideal), inner)
    exact, _ = _windows(got, _Scene(made, px, py, side), inner)
    rest, exact = rest * side, exact * side
    spread = float(ideal[inner].std()) if inner.any() else 1.0
    length = np.hypot(*rest.T)
    return Left(
        _rms(rest),
        _rms(exact),
        len(rest),
        float(valid.sum() / max(1, there.sum())),
        float(np.sqrt(np.mean(np.square(wrong)))) / spread,
        float(length.max(initial=0.0)),
    )


def _rms(rest: Floats) -> float:
    return float(np.sqrt(np.mean((rest**2).sum(1)))) if len(rest) else float("nan")


def _opened(
    path: Path,
) -> tuple[Floats, NDArray[np.bool_], tuple[float, float], tuple[float, float]]:
    """Return values, validity, and the first corner and the sides of pixels in reference px."""
    opened = gdal.Open(str(path))
    band = opened.GetRasterBand(1)
    values = band.ReadAsArray().astype(np.float64)
    valid = band.GetMaskBand().ReadAsArray() > 0
    if band.GetNoDataValue() is not None:
        valid &= values != band.GetNoDataValue()
    x, a, _, y, _, e = opened.GetGeoTransform()
    x0, size, _, y0, _, down = pairs.TRANSFORM
    return values, valid, ((x - x0) / size, (y - y0) / down), (a / size, e / down)


def keys(values: Floats, x: Floats, y: Floats) -> Floats:
    """Sample an image by Keys' cubic kernel with a = -1/2; positions are those of pixel centers."""
    rows, cols = values.shape
    found = np.zeros(x.shape)
    col, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    for down in range(-1, 3):
        weight = _kernel(y - row - down)
        for across in range(-1, 3):
            at = np.clip(row + down, 0, rows - 1), np.clip(col + across, 0, cols - 1)
            found += weight * _kernel(x - col - across) * values[at]
    return found


def _kernel(t: Floats) -> Floats:
    t = np.abs(t)
    near, far = (1.5 * t - 2.5) * t * t + 1, ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


class _Gridded:
    """An ideal on the output's own pixels."""

    def __init__(self, ideal: Floats) -> None:
        self.spline = ndimage.spline_filter(ideal, 5)

    def at(self, x: Floats, y: Floats, d: Floats) -> Floats:
        """Return the values at pixels of the output moved by d."""
        return ndimage.map_coordinates(self.spline, [y + d[1], x + d[0]], order=5, prefilter=False)


class _Scene:
    """The scene itself, with a margin, in px of the reference."""

    def __init__(self, made: Made, px: Floats, py: Floats, side: tuple[float, float]) -> None:
        ideal, factor = made.ideal, round(side[0])
        if factor > 1:
            # a coarser output is compared with the means over its pixels
            ideal = ndimage.uniform_filter(ideal, factor)
        self.shift = made.margin + (0.5 if factor % 2 == 0 else 0.0)
        self.spline = ndimage.spline_filter(ideal, 5)
        self.px, self.py, self.side = px, py, side

    def at(self, x: Floats, y: Floats, d: Floats) -> Floats:
        """Return the values at pixels of the output moved by d."""
        col, row = x.astype(np.int64), y.astype(np.int64)
        where = [
            self.py[row, col] + d[1] * self.side[1] + self.shift,
            self.px[row, col] + d[0] * self.side[0] + self.shift,
        ]
        return ndimage.map_coordinates(self.spline, where, order=5, prefilter=False)


def _windows(
    got: Floats, ideal: _Gridded | _Scene, inner: NDArray[np.bool_]
) -> tuple[Floats, list[float]]:
    """Return the displacements [window, axis] of windows, and how far their values are off."""
    rows, cols = got.shape
    step = WINDOW * max(1, round((rows * cols / WINDOW**2 / 1200) ** 0.5))
    found, wrong = [], []
    for top in range(8, rows - WINDOW - 8, step):
        for start in range(8, cols - WINDOW - 8, step):
            part = slice(top, top + WINDOW), slice(start, start + WINDOW)
            kept = inner[part]
            if kept.mean() < 0.5:
                continue
            y, x = np.mgrid[part].astype(np.float64)
            d, off = _displaced(got[part][kept], ideal, x[kept], y[kept])
            found.append(d)
            wrong.append(off)
    return np.array(found).reshape(-1, 2), wrong


def _displaced(
    values: Floats, ideal: _Gridded | _Scene, x: Floats, y: Floats
) -> tuple[tuple[float, float], float]:
    """Return the displacement of a window by least squares with gain and offset, and the rest."""
    d, small, wrong = np.zeros(2), 0.05, 0.0
    across, down = np.array([small, 0.0]), np.array([0.0, small])
    for _ in range(6):
        shown = ideal.at(x, y, d)
        slopes = [
            (ideal.at(x, y, d + way) - ideal.at(x, y, d - way)) / (2 * small)
            for way in (across, down)
        ]
        table = np.stack([*slopes, shown, np.ones_like(shown)], 1)
        solved = np.linalg.lstsq(table, values, rcond=None)[0]
        step = solved[:2] / solved[2]
        if not wrong:
            wrong = float(np.sqrt(np.mean((values - shown) ** 2)))
        d = d + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-5:
            break
    return (float(d[0]), float(d[1])), wrong
