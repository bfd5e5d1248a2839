# SPDX-License-Identifier: GPL-2.0-or-later
"""Made images of one landscape whose every shift, gain, offset and cloud is known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import Array, ArrayImage, Mask
from ..windows import Window
from .landscape import BAND_NAMES, Landscape, Real

PIXEL_M = 2.0
ORIGIN = (412_000.0, 5_655_000.0)
CRS = "EPSG:32633"
"""Where the ground begins (upper left corner of its first pixel), and its pixel size."""

REACH = 24
"""Pixels of ground round the images: shifts (up to 20 px) and the resampling kernel need them."""

KERNEL = 8
"""Half width of the windowed sinc that moves images by fractions of a pixel."""

STEP = 0.68
"""Distance of neighboring images of the mosaic, as a part of their size."""

STRIP = 64
"""Rows of ground painted at once."""

NOISE = 7.0
"""Standard deviation of the noise of every pixel, counts."""

NEUTRAL = (1.0, 1.0, 1.0, 1.0)
NOTHING = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Cloud:
    """A cloud: center and half axes as parts of the image's size."""

    center: tuple[float, float]
    half: tuple[float, float]

    def outline(self, size: int, count: int = 72) -> Array:
        """Return the ring[point, (col, row)] outside which nothing is clouded."""
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
        radius = _lobes(angle) / math.cos(np.pi / count)
        col = size * (self.center[0] + self.half[0] * radius * np.cos(angle))
        row = size * (self.center[1] + self.half[1] * radius * np.sin(angle))
        return np.stack([col, row], 1)

    def cover(self, size: int, ground: Landscape) -> Real:
        """Return how much of each pixel[row, col] it hides, 0-1."""
        at = (np.arange(size, dtype=np.float32) + 0.5) / size
        u, v = np.meshgrid(
            (at - self.center[0]) / self.half[0], (at - self.center[1]) / self.half[1]
        )
        inside = 1 - np.hypot(u, v) / _lobes(np.arctan2(v, u))
        puffs = ground.bumps(u, v)
        density = 1.6 * (1.5 * inside + 1.4 * (puffs - 0.5))
        return np.asarray(np.clip(density, 0, 0.95) * np.clip(8 * inside, 0, 1), np.float32)


@dataclass(frozen=True)
class Frame:
    """How one image sees the ground: count = gain · (ground displaced by shift) + offset.

    `corner` is the ground pixel of its first pixel; a displacement is moving minus reference,
    pixels, x right, y down; `turn` and `part` say how its valid rectangle is rotated (degrees)
    and which part of the image's side it keeps.
    """

    name: str
    size: int
    corner: tuple[int, int]
    shift: tuple[float, float] = (0.0, 0.0)
    gains: tuple[float, ...] = NEUTRAL
    offsets: tuple[float, ...] = NOTHING
    turn: float = 0.0
    part: float = 1.0
    clouds: tuple[Cloud, ...] = ()

    @property
    def grid(self) -> Grid:
        """Where its pixels are said to lie (the shift is what nobody tells)."""
        x, y = (ORIGIN[0] + PIXEL_M * self.corner[0], ORIGIN[1] - PIXEL_M * self.corner[1])
        return Grid(self.size, self.size, (x, PIXEL_M, 0.0, y, 0.0, -PIXEL_M))

    def valid(self) -> Mask:
        """Return the pixels[row, col] inside its valid rectangle."""
        at = (np.arange(self.size) + 0.5) / self.size - 0.5
        col, row = np.meshgrid(at, at)
        angle = math.radians(self.turn)
        u = col * math.cos(angle) + row * math.sin(angle)
        v = row * math.cos(angle) - col * math.sin(angle)
        half = self.part / 2
        return np.asarray((np.abs(u) < half) & (np.abs(v) < half))

    def truth(self) -> dict[str, Any]:
        """Return what is known about it, ready for JSON; polygons in map coordinates."""
        return {
            "file": f"{self.name}.tif",
            "shift": {
                "x": self.shift[0],
                "y": self.shift[1],
                "east": self.shift[0] * PIXEL_M,
                "north": 0.0 - self.shift[1] * PIXEL_M,
            },
            "gains": list(self.gains),
            "offsets": list(self.offsets),
            "rotation": self.turn,
            "clouds": [self._ring(cloud) for cloud in self.clouds],
        }

    def _ring(self, cloud: Cloud) -> list[list[float]]:
        x, y = self.grid.to_map(*cloud.outline(self.size).T)
        ring = [[round(float(a), 3), round(float(b), 3)] for a, b in zip(x, y)]
        return [*ring, ring[0]]


@dataclass(frozen=True)
class Scene:
    """A piece of ground and the images of it."""

    name: str
    extent: int
    seed: int
    frames: tuple[Frame, ...] = field(default_factory=tuple)

    @property
    def landscape(self) -> Landscape:
        """The ground; its pixel (0, 0) is REACH pixels right of and below the canvas."""
        return Landscape(self.extent, self.seed)


def pair(size: int, seed: int, shift: tuple[float, float]) -> Scene:
    """Return a reference and a moving image of the same ground, displaced by a known shift."""
    whole = (round(size * 0.3), round(size * 0.12))
    frames = (
        Frame("reference", size, whole, turn=4.0, part=0.9),
        Frame(
            "moving",
            size,
            whole,
            shift=shift,
            gains=(1.12, 1.08, 1.05, 0.97),
            offsets=(60.0, 40.0, 30.0, 50.0),
            turn=4.0,
            part=0.9,
        ),
    )
    return Scene("pair", _extent(size), seed, frames)


def mosaic(size: int, seed: int) -> Scene:
    """Return four overlapping images whose brightness, color and position differ."""
    near, far = round(size * 0.02), round(size * STEP)
    hidden = Cloud((0.08, 0.47), (0.052, 0.1))
    frames = (
        Frame("image_1", size, (0, near)),
        Frame(
            "image_2",
            size,
            (far, 0),
            shift=(0.4, -0.3),
            gains=(1.3, 1.25, 1.3, 1.15),
            offsets=(90.0, 60.0, 40.0, 120.0),
            turn=7.0,
            part=0.93,
        ),
        Frame(
            "image_3",
            size,
            (near, far + near),
            shift=(-0.35, 0.25),
            gains=(0.72, 0.74, 0.7, 0.8),
            offsets=(60.0, 70.0, 60.0, 150.0),
        ),
        Frame(
            "image_4",
            size,
            (far + near, far),
            shift=(0.2, 0.45),
            gains=(1.15, 0.97, 0.84, 0.93),
            offsets=(90.0, 30.0, -20.0, -60.0),
            clouds=(hidden,),
        ),
    )
    return Scene("mosaic", _extent(size), seed, frames)


def painted(scene: Scene) -> Iterator[tuple[Window, Real]]:
    """Yield the ground in strips: the window of the canvas and its values[band, row, col].

    The canvas is the scene's extent and REACH pixels more on every side.
    """
    side = scene.extent + 2 * REACH
    for row in range(0, side, STRIP):
        window = Window(0, row, side, min(STRIP, side - row))
        yield window, scene.landscape.painted(-REACH, row - REACH, side, window.height)


def canvas_of(scene: Scene) -> Real:
    """Return an empty canvas[band, row, col] for the strips of a scene."""
    side = scene.extent + 2 * REACH
    return np.empty((len(BAND_NAMES), side, side), np.float32)


def exposed(frame: Frame, canvas: Real, scene: Scene, crs: str) -> ArrayImage:
    """Return a frame's image (uint16, nodata 0) of the painted ground."""
    seen = _displaced(canvas, frame)
    for cloud in frame.clouds:
        seen += cloud.cover(frame.size, scene.landscape) * (_CLOUD - seen)
    gains, offsets = (np.array(v, np.float32)[:, None, None] for v in (frame.gains, frame.offsets))
    noise = np.random.default_rng([scene.seed, *frame.name.encode()])
    counts = gains * seen + offsets
    counts += NOISE * noise.standard_normal(counts.shape, np.float32)
    values = np.clip(np.rint(counts), 1, 65535).astype(np.uint16)
    valid = frame.valid()
    values[:, ~valid] = 0
    grid = frame.grid.with_crs(crs)
    return ArrayImage(frame.name, grid, values, valid, nodata=0.0, band_names=BAND_NAMES)


def truth(scenes: tuple[Scene, ...]) -> dict[str, Any]:
    """Return everything that is known about the images, ready for JSON."""
    return {
        "about": "count = gain · ground + offset, of a ground displaced by shift (pixels, x right, "
        "y down; east and north in map units); clouds are rings of map coordinates",
        "crs": CRS,
        "pixel_size": PIXEL_M,
        "bands": list(BAND_NAMES),
        "noise": NOISE,
        **{scene.name: [frame.truth() for frame in scene.frames] for scene in scenes},
    }


_CLOUD = np.array((3300, 3400, 3450, 4300), np.float32)[:, None, None]


def _extent(size: int) -> int:
    return math.ceil(size * (STEP + 1.06))


def _lobes(angle: Array) -> Array:
    """Radius of a cloud's outline in a direction, as a part of its half axes."""
    return np.asarray(0.82 + 0.12 * np.sin(3 * angle + 0.7) + 0.06 * np.sin(7 * angle + 2))


def _displaced(canvas: Real, frame: Frame) -> Real:
    """Cut a frame out of the canvas, displaced by its shift: the pixel there comes from - shift."""
    start = [REACH + corner - shift for corner, shift in zip(frame.corner, frame.shift)]
    cols = _taps(start[0])
    rows = _taps(start[1])
    size = frame.size
    tall = canvas[:, rows[0] : rows[0] + size + 2 * KERNEL]
    wide = np.zeros((*tall.shape[:2], size), np.float32)
    for first, weight in enumerate(cols[1], cols[0]):
        wide += weight * tall[:, :, first : first + size]
    seen = np.zeros((len(canvas), size, size), np.float32)
    for first, weight in enumerate(rows[1]):
        seen += weight * wide[:, first : first + size]
    return seen


def _taps(start: float) -> tuple[int, Real]:
    """Return the first pixel and the weights of a sinc in a Hann window."""
    whole = math.floor(start)
    at = np.arange(-KERNEL + 1, KERNEL + 1) - (start - whole)
    weights = np.sinc(at) * np.cos(np.pi * at / (2 * KERNEL)) ** 2
    return whole - KERNEL + 1, (weights / weights.sum()).astype(np.float32)
