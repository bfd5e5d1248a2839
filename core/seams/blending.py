# SPDX-License-Identifier: GPL-2.0-or-later
"""Pyramids of how images differ from a cut, mixed by where the cut shows each image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..image import Array, Mask
from ..windows import Window
from .parts import box_of
from .pyramid import doubled, halved


class Bandwise(Protocol):
    """Arrays[row, col] of bands; some are computed when they are asked for."""

    def __len__(self) -> int:
        """Return the number of bands."""

    def __getitem__(self, band: int, /) -> Array:
        """Return a band, counted from 0."""


Planes = Mapping[int, Array]
"""An array for each image by its number."""


@dataclass(frozen=True)
class Member:
    """How an image differs from the cut, and where it is shown, in a part of a window.

    `difference`[band][row, col] and `mask`[row, col] cover the part; beyond it both are 0.
    """

    part: Window
    difference: Bandwise
    mask: Array


Members = Mapping[int, Member]
"""What is mixed, by the number of the image."""


def blended(
    members: Members, shape: tuple[int, int], levels: int, part: Window, top: Array | None = None
) -> Array:
    """Return what mixing adds to the cut[band, row, col] in a part of a window of some shape.

    Where no image is shown, differences are 0 and the rest is smoothed without them (normalized
    convolution). `top` stands for the mixed coarsest level when that is known already. All sides
    of the window are multiples of 2^levels, those of its members even.
    """
    pyramid = _Pyramid.over(members, levels, shape)
    targets = [target for i in members for target in _targets(i, members[i], part, shape)]
    bands = []
    for band in range(_count(members)):
        planes = {index: halved(member.difference[band]) for index, member in members.items()}
        coarse = pyramid.mixed(planes, 1, None if top is None else top[band])
        bands.append(pyramid.finest(coarse, planes, targets, part))
    return np.stack(bands)


def summed(members: Members, shape: tuple[int, int], levels: int) -> Array:
    """Return the same for a whole window whose masks are fractions, as those of a coarse level."""
    pyramid = _Pyramid.over(members, levels, shape)
    bands = []
    for band in range(_count(members)):
        planes = {index: member.difference[band] for index, member in members.items()}
        bands.append(pyramid.mixed(planes, 0))
    return np.stack(bands)


def _count(members: Members) -> int:
    return len(next(iter(members.values())).difference)


@dataclass(frozen=True)
class _Level:
    """Shares[image] of a level in the parts of the images, and its valid fraction.

    The parts hold all that the next level is made of, and their sides are even. The fraction is
    None where everything is valid. `own` and `spread` are 1 / the fraction of its pixels and of
    those doubled to the level below, 0 where there is none.
    """

    parts: Mapping[int, Window]
    shares: Planes
    shape: tuple[int, ...]
    fraction: Array | None = None
    own: Array | None = None
    spread: Array | None = None

    def lifted(self, plane: Array) -> Array:
        """Double a plane of the level, whose pixels count as much as they are valid."""
        if self.fraction is None or self.spread is None:
            return doubled(plane)
        found = doubled(plane * self.fraction)
        found *= self.spread
        return found


@dataclass(frozen=True)
class _Target:
    """Pixels of the result that one image is shown in, and the coarse pixels they come from."""

    index: int
    fine: Window
    coarse: Window
    part: Window
    shown: Mask


def _targets(index: int, member: Member, part: Window, shape: tuple[int, int]) -> list[_Target]:
    """Return where in a part of the window an image is shown; at most one."""
    common = member.part.clipped(part)
    shown = member.mask[common.within(member.part)] > 0
    if not shown.any():
        return []
    fine = box_of(shown, common)
    coarse = coarser(fine.aligned(2, 2), 1).padded(1).clipped(coarser(array(shape), 1))
    return [_Target(index, fine, coarse, member.part, shown[fine.within(common)])]


@dataclass(frozen=True)
class _Pyramid:
    """The levels, finest first."""

    levels: list[_Level]

    @classmethod
    def over(cls, members: Members, levels: int, shape: tuple[int, int]) -> _Pyramid:
        """Return the shares of the members of a window."""
        current = {index: member.mask for index, member in members.items()}
        parts = {index: member.part for index, member in members.items()}
        fraction = np.zeros(shape, np.result_type(*current.values()))
        for index, part in parts.items():
            fraction[part.slices] += current[index]
        everywhere = bool((fraction == 1).all())
        found = list[_Level]()
        for number in range(levels + 1):
            if number:
                fraction = halved(fraction)
                halves = {index: coarser(part, 1) for index, part in parts.items()}
                # the last level is not halved
                parts = _grown(halves, fraction.shape) if number < levels else halves
                current = {
                    index: _placed(halved(mask), halves[index], parts[index])
                    for index, mask in current.items()
                }
            if everywhere:
                found.append(_Level(parts, current, fraction.shape))
                continue
            own = _inverse(fraction)
            spread = _inverse(doubled(fraction)) if number else None
            shares = {index: mask * own[parts[index].slices] for index, mask in current.items()}
            found.append(_Level(parts, shares, fraction.shape, fraction, own, spread))
        return cls(found)

    def mixed(self, planes: Planes, first: int, top: Array | None = None) -> Array:
        """Return the sum of the mixed levels from the one that the planes are of."""
        levels = self.levels[first:]
        kind = next(iter(planes.values())).dtype
        mixed = [np.zeros(level.shape, kind) for level in levels]
        for index, plane in planes.items():
            # the planes are those of the level before, halved
            above = self.levels[first - 1].parts[index] if first else None
            current = plane
            if above is not None:
                current = _placed(plane, coarser(above, 1), levels[0].parts[index])
            for number, (fine, coarse) in enumerate(zip(levels, levels[1:])):
                part = fine.parts[index]
                lower = halved(current)
                detail = _detail(current, lower, fine.own, coarse.spread, part.slices)
                detail *= fine.shares[index]
                mixed[number][part.slices] += detail
                current = _placed(lower, coarser(part, 1), coarse.parts[index])
            if top is None:
                last = levels[-1]
                here = last.parts[index].slices
                smooth = current if last.own is None else current * last.own[here]
                mixed[-1][here] += smooth * last.shares[index]
        whole = mixed[-1] if top is None else top
        for detail, level in zip(reversed(mixed[:-1]), reversed(levels)):
            whole = level.lifted(whole)
            whole += detail
        return whole

    def finest(
        self, coarse: Array, planes: Planes, targets: Iterable[_Target], part: Window
    ) -> Array:
        """Return the pixels of a part of the window.

        An image does not differ from the cut where it is shown, so that its detail there is what
        its first level lacks.
        """
        level = self.levels[1]
        found = np.zeros(part.shape, coarse.dtype)
        for one in targets:
            plane = _placed(planes[one.index], coarser(one.part, 1), one.coarse)
            rest = coarse[one.coarse.slices]
            rest = rest if level.fraction is None else rest * level.fraction[one.coarse.slices]
            fine = doubled(rest - plane)[one.fine.within(_finer(one.coarse))]
            if level.spread is not None:
                fine *= level.spread[one.fine.slices]
            np.copyto(found[one.fine.within(part)], fine, where=one.shown)
        return found


def _grown(parts: Mapping[int, Window], shape: tuple[int, ...]) -> dict[int, Window]:
    """Return parts of a level with all round them that pixels of the coarser level reach."""
    whole = array(shape)
    return {i: part.padded(2).aligned(2, 2).clipped(whole) for i, part in parts.items()}


def _placed(plane: Array, has: Window, wanted: Window) -> Array:
    """Return a plane of a part as that of another part, with zeros round it."""
    if has.contains(wanted):
        return np.asarray(plane[wanted.within(has)])
    found = np.zeros(wanted.shape, plane.dtype)
    common = has.clipped(wanted)
    found[common.within(wanted)] = plane[common.within(has)]
    return found


def _finer(window: Window) -> Window:
    return Window(2 * window.col, 2 * window.row, 2 * window.width, 2 * window.height)


def _inverse(fraction: Array) -> Array:
    there = fraction > 0
    return np.asarray(np.where(there, 1 / np.where(there, fraction, 1), 0), fraction.dtype)


def _detail(
    plane: Array, lower: Array, own: Array | None, spread: Array | None, here: tuple[slice, slice]
) -> Array:
    """What a level of a plane holds beyond the coarser one."""
    smooth = doubled(lower)
    if spread is not None:
        smooth *= spread[here]
    return np.asarray((plane if own is None else plane * own[here]) - smooth)


def array(shape: tuple[int, ...]) -> Window:
    """Return the window of an array[row, col]."""
    return Window(0, 0, shape[1], shape[0])


def coarser(window: Window, times: int) -> Window:
    """Return a window in pixels of a level whose sides were halved so many times."""
    col, row, right, bottom = (
        side >> times for side in (window.col, window.row, window.right, window.bottom)
    )
    return Window(col, row, right - col, bottom - row)
