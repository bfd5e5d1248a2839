# SPDX-License-Identifier: GPL-2.0-or-later
"""A made landscape with fields, woods, a river, roads and houses, as reflectance of four bands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float32]
Whole = NDArray[np.uint32]

BAND_NAMES = ("blue", "green", "red", "nir")

_CROPS = np.array(
    [
        (370, 875, 610, 4300),  # wheat
        (335, 800, 470, 4700),  # clover
        (425, 1390, 1590, 4300),  # rapeseed in bloom
        (425, 980, 830, 3500),  # meadow
        (640, 1210, 1420, 2600),  # stubble
        (445, 845, 950, 1750),  # dark soil
        (830, 1370, 1620, 2450),  # light soil
        (370, 905, 720, 3900),  # maize
    ],
    np.float32,
)
_SHARES = np.cumsum((0.2, 0.12, 0.11, 0.2, 0.12, 0.09, 0.07, 0.09))
_ROWS = np.array((0.03, 0.02, 0.02, 0.01, 0.07, 0.06, 0.06, 0.09), np.float32)

_WOOD = (290, 630, 410, 2900)
_WATER = (545, 745, 530, 180)
_BANK = (640, 1160, 1350, 1900)
_TRACK = (630, 1100, 1250, 2000)
_ASPHALT = (700, 1050, 1090, 1300)
_VERGE = (425, 950, 800, 3300)
_GARDEN = (420, 930, 780, 3000)
_ROOFS = np.array(
    [
        (425, 800, 1350, 1950),
        (460, 830, 1140, 1700),
        (640, 930, 930, 1150),
        (1150, 1720, 1980, 2400),
    ],
    np.float32,
)

BLOCK_U, BLOCK_V = 190.0, 128.0
"""Sides of a block of fields, pixels."""

CROWN, YARD = 7.0, 17.0
"""Distance of trees in a wood, and of houses in a village, pixels."""


@dataclass(frozen=True)
class Landscape:
    """A landscape on a square of `size` pixels; the same seed gives the same ground."""

    size: int
    seed: int

    def painted(self, col: int, row: int, width: int, height: int) -> Real:
        """Return values[band, row, col] (reflectance × 10,000) of a window of pixels.

        Each pixel is the weighted mean of 4 × 4 points that reach half a pixel beyond it, so that
        the ground can be resampled at fractions of a pixel.
        """
        x = _points(col, width)[None, :]
        y = _points(row, height)[:, None]
        fine = self.reflectance(*np.broadcast_arrays(x, y))
        rows = _halved(fine.transpose(0, 2, 1)).transpose(0, 2, 1)
        return _halved(rows)

    def reflectance(self, x: Real, y: Real) -> Real:
        """Return values[band, row, col] at positions in pixels (x right, y down)."""
        values = self._fields(x, y)
        crown, shade = self._trees(x, y)
        self._woods(values, x, y, crown * shade)
        self._river(values, x, y, crown * shade)
        town = self._town(x, y)
        self._roads(values, x, y)
        self._gardens(values, x, y, town, crown * shade)
        self._houses(values, x, y)
        relief = self._noise(x, y, 300.0, 90, octaves=2) - 0.5
        return values * (1 + 0.12 * relief)

    def bumps(self, u: Real, v: Real) -> Real:
        """Return smooth noise, 0-1, of positions given in any unit that suits the bumps."""
        return self._noise(
            2.5 * u.astype(np.float32), 4 * v.astype(np.float32), 1.0, 100, octaves=4
        )

    def _fields(self, x: Real, y: Real) -> Real:
        """Blocks of parallel fields between tracks; each field has a crop, a tone and rows."""
        bend = 30.0
        wx = x + bend * (self._noise(x, y, 210.0, 1) - 0.5)
        wy = y + bend * (self._noise(x, y, 210.0, 2) - 0.5)
        u, v = _turned(wx, wy, 17.0)
        band = np.floor(v / BLOCK_V)
        u = u + BLOCK_U * self._hash(band, band, 3)
        block = np.floor(u / BLOCK_U)
        along, across = u - block * BLOCK_U, v - band * BLOCK_V
        turned = self._hash(block, band, 4) < 0.35
        length = np.where(turned, np.float32(BLOCK_V), np.float32(BLOCK_U))
        place = np.where(turned, across, along)
        count = 1 + np.floor(4 * self._hash(block, band, 5))
        strip = np.floor(place / length * count)
        field = block * 8 + strip
        crop = np.searchsorted(_SHARES[:-1], self._hash(field, band, 6))
        values = np.ascontiguousarray(np.moveaxis(_CROPS[crop], -1, 0))
        values *= self._tone(x, y, place, crop, self._hash(field, band, 7))
        edge = _nearest_edge(along, BLOCK_U, across, BLOCK_V)
        inner = np.minimum(place - strip * length / count, (strip + 1) * length / count - place)
        _mix(values, _VERGE, 0.55 * _step(1.6 - inner))
        _mix(values, _VERGE, _step(4.2 - edge))
        _mix(values, _TRACK, 0.8 * _step(1.2 - edge))
        return values

    def _tone(self, x: Real, y: Real, place: Real, crop: NDArray[Any], field: Real) -> Real:
        """Brightness inside fields: one tone each, patches, sowing rows and wheel tracks."""
        patches = self._noise(x, y, 46.0, 8, octaves=2) - 0.5
        grain = self._noise(x, y, 2.6, 9) - 0.5
        rows = _ROWS[crop] * np.sin(place * (0.9 + 0.25 * field) + 40 * field)
        wheels = _step(1.1 - np.abs(np.mod(place, 27.0) - 13.5)) * (crop < 4)
        tone = (0.84 + 0.32 * field) * (1 + 0.22 * patches + 0.1 * grain + rows)
        return np.asarray(tone * (1 - 0.1 * wheels), np.float32)

    def _trees(self, x: Real, y: Real) -> tuple[Real, Real]:
        """Brightness of the nearest crown (round, lit from the upper left) and tone of its tree."""
        col, row = np.floor(x / CROWN), np.floor(y / CROWN)
        nearest = np.full(x.shape, 9.0, np.float32)
        crown, shade = np.zeros_like(nearest), np.ones_like(nearest)
        for step_x in (-1, 0, 1):
            for step_y in (-1, 0, 1):
                at = (col + step_x, row + step_y)
                dx = x / CROWN - (at[0] + 0.15 + 0.7 * self._hash(*at, 10))
                dy = y / CROWN - (at[1] + 0.15 + 0.7 * self._hash(*at, 11))
                distance = dx * dx + dy * dy
                closer = distance < nearest
                nearest = np.where(closer, distance, nearest)
                crown = np.where(closer, 1.25 - 0.95 * distance - 0.45 * (dx + dy), crown)
                shade = np.where(closer, 0.75 + 0.5 * self._hash(*at, 12), shade)
        return np.clip(crown, 0.32, 1.7), shade

    def _woods(self, values: Real, x: Real, y: Real, trees: Real) -> None:
        place = self._noise(x, y, 360.0, 20, octaves=3)
        rim = 0.02 * (self._noise(x, y, 9.0, 21) - 0.5)
        _mix(values, _WOOD, _step((place + rim - 0.59) * 90), trees)

    def _river(self, values: Real, x: Real, y: Real, trees: Real) -> None:
        """A winding river with sandy banks and trees along it."""
        turn = x / self.size
        middle = self.size * (0.66 + 0.1 * np.sin(5.1 * turn + 0.6) + 0.03 * np.sin(14 * turn))
        slope = 0.51 * np.cos(5.1 * turn + 0.6) + 0.42 * np.cos(14 * turn)
        distance = np.abs(y - middle) / np.sqrt(1 + slope * slope)
        half = 5 + 0.007 * self.size + 2.5 * self._noise(x, y, 70.0, 30)
        grove = _step((self._noise(x, y, 60.0, 31) - 0.42) * 12)
        _mix(values, _WOOD, grove * _step(half + 13 - distance), trees)
        _mix(values, _BANK, 0.8 * _step(half + 2.2 - distance))
        ripples = 0.94 + 0.12 * self._noise(x, y, 18.0, 32)
        _mix(values, _WATER, _step(half - distance), ripples)

    def _road_distances(self, x: Real, y: Real) -> tuple[Real, Real]:
        """Distance to the main road and to the side road, pixels."""
        turn, side = x / self.size, y / self.size
        main = self.size * (0.31 + 0.05 * np.sin(4 * turn + 1))
        slope = 0.2 * np.cos(4 * turn + 1)
        other = self.size * (0.56 + 0.06 * np.sin(3.3 * side + 0.4))
        lean = 0.198 * np.cos(3.3 * side + 0.4)
        return (
            np.abs(y - main) / np.sqrt(1 + slope * slope),
            np.abs(x - other) / np.sqrt(1 + lean * lean),
        )

    def _roads(self, values: Real, x: Real, y: Real) -> None:
        main, side = self._road_distances(x, y)
        for distance, half in ((side, 1.7), (main, 2.6)):
            _mix(values, _VERGE, 0.7 * _step(half + 2.5 - distance))
            _mix(values, _ASPHALT, _step(half - distance))

    def _town(self, x: Real, y: Real) -> Real:
        """How built-up the ground is, 0-1: around the crossing, and here and there at roads."""
        main, side = self._road_distances(x, y)
        crossing = np.exp(-(main * main + side * side) / (0.075 * self.size + 25) ** 2)
        hamlets = _step((self._noise(x, y, 240.0, 40) - 0.66) * 14) * np.exp(-((main / 60) ** 2))
        return np.asarray(np.clip(np.maximum(1.25 * crossing, 0.8 * hamlets), 0, 1), np.float32)

    def _gardens(self, values: Real, x: Real, y: Real, town: Real, trees: Real) -> None:
        main, side = self._road_distances(x, y)
        open_ground = _step(np.minimum(main - 3.5, side - 2.6)) * _step((town - 0.3) * 9)
        plots = 0.8 + 0.5 * self._noise(x, y, 8.0, 50)
        _mix(values, _GARDEN, 0.85 * open_ground, plots)
        green = _step((self._noise(x, y, 14.0, 51) - 0.55) * 12)
        _mix(values, _WOOD, 0.9 * open_ground * green, trees)

    def _houses(self, values: Real, x: Real, y: Real) -> None:
        """One house on most yards of the town, with a roof ridge and a shadow."""
        u, v = _turned(x, y, 8.0)
        col, row = np.floor(u / YARD), np.floor(v / YARD)
        center_u, center_v = (col + 0.5) * YARD, (row + 0.5) * YARD
        cx, cy = _turned(center_u, center_v, -8.0)
        main, side = self._road_distances(cx, cy)
        wanted = 0.95 * self._town(cx, cy) * (main > 10) * (side > 9)
        built = self._hash(col, row, 60) < wanted
        swapped = self._hash(col, row, 61) < 0.5
        du = u - center_u - 1.5 * (self._hash(col, row, 62) - 0.5)
        dv = v - center_v - 1.5 * (self._hash(col, row, 63) - 0.5)
        du, dv = np.where(swapped, dv, du), np.where(swapped, du, dv)
        half_u = 3.6 + 1.8 * self._hash(col, row, 64)
        half_v = 2.5 + 0.9 * self._hash(col, row, 65)
        shadow = _box(du - 1.7, dv - 1.7, half_u, half_v) * built
        values *= 1 - 0.6 * shadow
        roof = _ROOFS[np.floor(3.99 * self._hash(col, row, 66) ** 1.4).astype(int)]
        light = np.where(dv < 0, np.float32(1.12), np.float32(0.85))
        cover = _box(du, dv, half_u, half_v) * built
        values += cover * (np.moveaxis(roof, -1, 0) * light - values)

    def _noise(self, x: Real, y: Real, scale: float, salt: int, octaves: int = 1) -> Real:
        """Smooth noise, 0-1, whose bumps have a size in pixels."""
        total = np.zeros(x.shape, np.float32)
        for octave in range(octaves):
            total += self._bumps(x, y, scale / 2**octave, salt * 8 + octave) / 2**octave
        return total / np.float32(2 - 0.5 ** (octaves - 1))

    def _bumps(self, x: Real, y: Real, scale: float, salt: int) -> Real:
        u, v = x / np.float32(scale), y / np.float32(scale)
        col, row = np.floor(u), np.floor(v)
        right, down = _smooth(u - col), _smooth(v - row)
        upper = self._hash(col, row, salt)
        upper = upper + right * (self._hash(col + 1, row, salt) - upper)
        lower = self._hash(col, row + 1, salt)
        lower = lower + right * (self._hash(col + 1, row + 1, salt) - lower)
        return upper + down * (lower - upper)

    def _hash(self, col: Real, row: Real, salt: int) -> Real:
        """Return a number 0-1 for each cell; the same on every machine."""
        mixed = np.uint32((salt * 2246822519 + self.seed * 3266489917) & 0xFFFFFFFF)
        bits = _cells(col) * np.uint32(374761393) + _cells(row) * np.uint32(668265263) + mixed
        bits = (bits ^ (bits >> np.uint32(13))) * np.uint32(1274126177)
        bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(2246822519)
        return ((bits ^ (bits >> np.uint32(16))) >> np.uint32(8)).astype(np.float32) / 2**24


def _cells(number: Real) -> Whole:
    return number.astype(np.int32).view(np.uint32)


def _points(first: int, count: int) -> Real:
    """Two points for each pixel, and one more at each end."""
    return (first + (np.arange(-1, 2 * count + 1) + 0.5) / 2).astype(np.float32)


def _halved(values: Real) -> Real:
    """Weigh four neighboring columns 1 3 3 1 into one; the next one begins two further."""
    middle = values[..., 1:-2:2] + values[..., 2:-1:2]
    return np.asarray((3 * middle + values[..., 0:-3:2] + values[..., 3::2]) / 8, np.float32)


def _turned(x: Real, y: Real, degrees: float) -> tuple[Real, Real]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (np.float32(cos) * x + np.float32(sin) * y, np.float32(cos) * y - np.float32(sin) * x)


def _smooth(part: Real) -> Real:
    return np.asarray(part * part * (3 - 2 * part), np.float32)


def _step(distance: Real) -> Real:
    """0 below -0.5, 1 above 0.5: the cover of a pixel whose center lies so far inside."""
    return np.asarray(np.clip(distance + 0.5, 0, 1), np.float32)


def _box(du: Real, dv: Real, half_u: Real, half_v: Real) -> Real:
    return np.asarray(_step(half_u - np.abs(du)) * _step(half_v - np.abs(dv)), np.float32)


def _nearest_edge(along: Real, length: float, across: Real, width: float) -> Real:
    return np.minimum(np.minimum(along, length - along), np.minimum(across, width - across))


def _mix(values: Real, color: tuple[float, ...], cover: Real, tone: Real | float = 1.0) -> None:
    """Paint a color over values[band, row, col] where cover is above 0, in place."""
    for band, reflectance in enumerate(color):
        values[band] += cover * (np.float32(reflectance) * tone - values[band])
