# SPDX-License-Identifier: GPL-2.0-or-later
"""Pyramids of how images differ from a cut, mixed by where the cut shows each image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..image import Array
from ..windows import Window
from .parts import box_of
from .pyramid import doubled, halved


class Bandwise(Protocol):
    """Arrays[row, col] of bands; some are computed when they are asked for."""

    def __len__(self) -> int:
        """Return the number of bands."""

    def __getitem__(self, band: int, /) -> Array:
        """Return a band, counted from 0."""


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
    planes = {
        index: _Plane.of(member, coarser(member.part, 1), halved)
        for index, member in members.items()
    }
    differing = [plane for plane in planes.values() if plane.differences.any()]
    first = next(iter(planes.values())).differences
    found = np.zeros((len(first), *part.shape), first.dtype)
    if not differing and top is None:
        return found
    fraction = _fraction(members, shape)
    everywhere = bool((fraction == 1).all())
    scales = _scales(halved(fraction), levels - 1, everywhere=everywhere)
    below = _reached(part, scales[0].shape)
    mixed = scales[0].counted(_mixed(differing, scales, below, top), below)
    for index, member in members.items():
        common = member.part.clipped(part)
        shown = member.mask[common.within(member.part)] > 0
        if shown.any():
            fine = box_of(shown, common)
            around = _reached(fine, scales[0].shape)
            # an image does not differ from the cut where it is shown, so that its detail there
            # is what its first level lacks
            rest = mixed[around.banded(below)] - planes[index].at(around)[:-1]
            change = scales[0].doubled(rest, around, fine)
            np.copyto(found[fine.banded(part)], change, where=shown[fine.within(common)])
    return found


def summed(members: Members, shape: tuple[int, int], levels: int) -> Array:
    """Return the same for a whole window whose masks are fractions, as those of a coarse level."""
    fraction = _fraction(members, shape)
    scales = _scales(fraction, levels, everywhere=bool((fraction == 1).all()))
    planes = [_Plane.of(member, member.part, np.asarray) for member in members.values()]
    return _mixed(planes, scales, array(shape))


def _fraction(members: Members, shape: tuple[int, int]) -> Array:
    """Return how much of each pixel is shown of any image."""
    fraction = np.zeros(shape, next(iter(members.values())).mask.dtype)
    for member in members.values():
        fraction[member.part.slices] += member.mask
    return fraction


@dataclass(frozen=True)
class _Scale:
    """The shape of a level, and its valid fraction: None where everything is valid.

    `own` and `spread` are 1 / the fraction of its pixels and of those doubled to the level below,
    0 where there is none.
    """

    shape: tuple[int, ...]
    fraction: Array | None = None
    own: Array | None = None
    spread: Array | None = None

    def normal(self, plane: Array, here: Window) -> Array:
        """Return sums over a window of the level as means of what is valid."""
        return plane if self.own is None else plane * self.own[here.slices]

    def counted(self, plane: Array, here: Window) -> Array:
        """Return means over a window of the level as sums of what is valid."""
        return plane if self.fraction is None else plane * self.fraction[here.slices]

    def doubled(self, plane: Array, has: Window, wanted: Window) -> Array:
        """Return means over a window of the level below from sums over one of this level."""
        around = _reached(wanted, self.shape).clipped(has)
        fine = doubled(plane[around.banded(has)])[wanted.banded(_finer(around))]
        if self.spread is not None:
            fine *= self.spread[wanted.slices]
        return fine


def _scales(fraction: Array, levels: int, *, everywhere: bool) -> list[_Scale]:
    """Return a level with that fraction and the coarser ones, so many."""
    found = list[_Scale]()
    for number in range(levels + 1):
        fraction = halved(fraction) if number else fraction
        if everywhere:
            found.append(_Scale(fraction.shape))
        else:
            around = _inverse(doubled(fraction))
            found.append(_Scale(fraction.shape, fraction, _inverse(fraction), around))
    return found


@dataclass(frozen=True)
class _Plane:
    """Values[band, row, col] of an image in a part of a level; the last band is its mask."""

    part: Window
    values: Array

    @classmethod
    def of(cls, member: Member, part: Window, made: Callable[[Array], Array]) -> _Plane:
        """Return what is made of a member, band by band, for a part of a level."""
        bands = [made(member.difference[band]) for band in range(len(member.difference))]
        return cls(part, np.stack([*bands, made(member.mask)]))

    @property
    def differences(self) -> Array:
        """All bands but the mask."""
        return self.values[:-1]

    def at(self, wanted: Window) -> Array:
        """Return the values of another part, with zeros beyond the own one."""
        if self.part.contains(wanted):
            return self.values[wanted.banded(self.part)]
        found = np.zeros((len(self.values), *wanted.shape), self.values.dtype)
        common = self.part.clipped(wanted)
        found[common.banded(wanted)] = self.values[common.banded(self.part)]
        return found

    def halved(self, shape: tuple[int, ...]) -> _Plane:
        """Return the plane of the next level; the own level has that shape."""
        # halving reaches two pixels farther
        grown = self.part.padded(2).aligned(2, 2).clipped(array(shape))
        return _Plane(coarser(grown, 1), halved(self.at(grown)))


def _mixed(
    planes: Sequence[_Plane], scales: Sequence[_Scale], wanted: Window, top: Array | None = None
) -> Array:
    """Return the sum of the mixed levels in a window of the first one, which the planes are of."""
    fine = scales[0]
    if len(scales) == 1:
        return _sum(planes, fine, wanted) if top is None else top[wanted.banded(array(fine.shape))]
    coarse = scales[1]
    below = _reached(wanted, coarse.shape)
    lower = [plane.halved(fine.shape) for plane in planes]
    mixed = coarse.counted(_mixed(lower, scales[1:], below, top), below)
    found = coarse.doubled(mixed, below, wanted)
    if planes:
        found += _sum(planes, fine, wanted, lower, coarse)
    return found


def _sum(
    planes: Sequence[_Plane],
    fine: _Scale,
    wanted: Window,
    lower: Sequence[_Plane] = (),
    coarse: _Scale | None = None,
) -> Array:
    """Return what a level holds beyond the lower one, each image by its share, in a window."""
    first = planes[0].differences
    found = np.zeros((len(first), *wanted.shape), first.dtype)
    for number, plane in enumerate(planes):
        here = plane.part.clipped(wanted)
        if here.empty:
            continue
        own = fine.normal(plane.at(here), here)
        detail = own[:-1]
        if coarse is not None:
            low = lower[number]
            detail = detail - coarse.doubled(low.differences, low.part, here)
        found[here.banded(wanted)] += detail * own[-1]
    return found


def _reached(fine: Window, shape: tuple[int, ...]) -> Window:
    """Return the pixels of a level of some shape that a window of the level below comes from."""
    return coarser(fine.aligned(2, 2), 1).padded(1).clipped(array(shape))


def _finer(window: Window) -> Window:
    return Window(2 * window.col, 2 * window.row, 2 * window.width, 2 * window.height)


def _inverse(fraction: Array) -> Array:
    return np.divide(1, fraction, out=np.zeros_like(fraction), where=fraction > 0)


def array(shape: tuple[int, ...]) -> Window:
    """Return the window of an array[row, col]."""
    return Window(0, 0, shape[1], shape[0])


def coarser(window: Window, times: int) -> Window:
    """Return a window in pixels of a level whose sides were halved so many times."""
    col, row, right, bottom = (
        side >> times for side in (window.col, window.row, window.right, window.bottom)
    )
    return Window(col, row, right - col, bottom - row)
