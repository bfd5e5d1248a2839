# SPDX-License-Identifier: GPL-2.0-or-later
"""Sample blocks: the numbers that are one for the whole image, from a few places of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..executor import each
from ..image import Array
from ..matching import corners, subpixel
from ..matching.subpixel import Compared
from ..progress import Progress
from ..transform.sampling import delays
from ..windows import Window
from .crossing import Displacement
from .front import ALIGNMENT, Level, Sight, compared, noise_of, sight

PARTS = 8
"""Cells along each axis, one block in each."""

SIDE = 128
"""Side of a block, px."""

PERCENTILE = 99.9
"""The strength that QUALITY is relative to; the strongest pixel alone may be a defect."""

WAVES = 65
"""Frequencies at which the waves of the blocks are told apart."""

CENTRAL = 32
"""Side of the middle of a block in which the measuring windows are tried, px."""


@dataclass(frozen=True)
class Sampled:
    """What the sample blocks say: the level with its noise floors, and numbers of the image."""

    level: Level
    strongest: float
    support: float
    correlation: float


def with_noise(
    level: Level, displacement: Displacement, strength: Array, run: tuple[int, Progress]
) -> Level:
    """Return a level with its noise floors; the other arguments are those of `sample`."""
    seen = _seen(level, displacement, strength, run)
    return replace(level, noise=noise_of(level, seen)) if seen else level


def sample(
    level: Level,
    displacement: Displacement,
    strength: Array,
    support: float,
    run: tuple[int, Progress],
) -> Sampled:
    """Return noise floors, the strongest corners, support and correlation count of an image.

    `strength[row, col]`: corners of the coarse level, which choose the blocks; `support` 0 chooses
    it from the median standard deviation. `run`: threads and progress.
    """
    seen = _seen(level, displacement, strength, run)
    if not seen:
        return Sampled(level, 0.0, support or subpixel.FIRST_SUPPORT, 1.0)
    level = replace(level, noise=noise_of(level, seen))

    def work(one: tuple[Sight, Window]) -> tuple[Compared, Array]:
        part, here = compared(level, one[0]), one[1].within(one[0].window)
        strong = corners.strength(part.reference, part.valid)[here][part.valid[here]]
        return _cut(part, here, one[1]), strong

    found = list(each(work, seen, threads=run[0], progress=run[1].part(1.0, 1.0)))
    cut = [part for part, _ in found]
    correlation = subpixel.correlation_count(cut)
    strongest = float(np.percentile(np.concatenate([strong for _, strong in found]), PERCENTILE))
    level = replace(level, delays=tuple(_delays(cut)))
    return Sampled(level, strongest, support or _support(cut, correlation), correlation)


def _seen(
    level: Level, displacement: Displacement, strength: Array, run: tuple[int, Progress]
) -> list[tuple[Sight, Window]]:
    """Return what is seen round each block of which half is valid at least."""
    threads, progress = run
    inner = blocks(level.window, strength)
    margin = level.margin + corners.margin()

    def work(window: Window) -> Sight:
        return sight(level, displacement, level.outer(window, margin))

    found = each(work, inner, threads=threads, progress=progress, total=len(inner))
    return [(one, window) for one, window in zip(found, inner) if _half_valid(one, window)]


def _half_valid(one: Sight, inner: Window) -> bool:
    return 2 * int(np.count_nonzero(one.valid[inner.within(one.window)])) >= inner.pixels


def blocks(area: Window, strength: Array) -> list[Window]:
    """Return the block of each cell of an 8 x 8 partition, where the coarse corner is strongest.

    An area of no more pixels than all blocks together is one block.
    """
    if area.pixels <= (PARTS * SIDE) ** 2:
        return [area]
    rows = np.linspace(0, strength.shape[0], PARTS + 1).astype(int)
    cols = np.linspace(0, strength.shape[1], PARTS + 1).astype(int)
    found = []
    for top, bottom in zip(rows, rows[1:]):
        for left, right in zip(cols, cols[1:]):
            cell = strength[top:bottom, left:right]
            if cell.size and cell.max() > 0:
                row, col = np.unravel_index(int(np.argmax(cell)), cell.shape)
                x = (left + col + 0.5) / strength.shape[1] * area.width
                y = (top + row + 0.5) / strength.shape[0] * area.height
                found.append(_block(area, int(x), int(y)))
    return found


def _block(area: Window, x: int, y: int) -> Window:
    """Return the block round a position, inside the area, from a multiple of 4 px on."""
    width, height = min(SIDE, area.width), min(SIDE, area.height)
    col = min(max(0, x - width // 2), area.width - width) // ALIGNMENT * ALIGNMENT
    row = min(max(0, y - height // 2), area.height - height) // ALIGNMENT * ALIGNMENT
    return Window(col, row, width, height)


def _cut(part: Compared, here: tuple[slice, slice], inner: Window) -> Compared:
    ends = part.reference[here].copy(), part.moving[here].copy()
    return Compared(*ends, part.valid[here].copy(), origin=(inner.col, inner.row))


def _delays(parts: list[Compared]) -> Array:
    """Return the delays of sampling for the waves that both images share in the blocks."""
    frequency = np.linspace(0, np.pi, WAVES)
    power = np.zeros(WAVES)
    for part in parts:
        for ends in ((part.reference, part.moving), (part.reference.T, part.moving.T)):
            size = ends[0].shape[1]
            spectra = [np.fft.rfft(f * np.hanning(size)) for f in ends]
            shared = (np.conj(spectra[0]) * spectra[1]).real.sum(0)
            own = np.linspace(0, np.pi, len(shared))
            power += np.interp(frequency, own, np.maximum(shared, 0))
    return delays(frequency, power)


def _support(parts: list[Compared], correlation: float) -> float:
    """Return the sigma of the measuring window that suits the median uncertainty."""
    found = []
    for part in parts:
        height, width = part.valid.shape
        reach = CENTRAL // 2 if max(height, width) <= SIDE else max(0, min(height, width) // 2 - 64)
        along = np.linspace(-reach, reach, 3 if reach <= CENTRAL else 16)
        x, y = (v.ravel() for v in np.meshgrid(width / 2 + along, height / 2 + along))
        measured = subpixel.measure(
            part, x, y, support=subpixel.FIRST_SUPPORT, correlation=correlation
        )
        found.append(measured.sigma)
    sigma = np.concatenate(found)
    sigma = sigma[np.isfinite(sigma)]
    return subpixel.support_for(float(np.median(sigma))) if sigma.size else subpixel.FIRST_SUPPORT
