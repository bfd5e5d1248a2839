# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows of images put together by an overlap rule or along seam cells, nothing mixed yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..image import Array, Pixels, constant
from ..windows import Window, tiling
from .overlap import Overlap, present
from .parts import Parts, box_of
from .rules import RULES, First, covers

HELD = 16 << 20
"""Bytes of images that the median holds at once; larger windows are divided."""

Bands = Sequence[int]


@dataclass(frozen=True)
class Cut:
    """A window in which each pixel is one image's.

    `sources` are the numbers (from 1) of the images, 0 where nothing is valid; `members` what was
    read of each image: all that it has of the window.
    """

    pixels: Pixels
    sources: Array
    members: Mapping[int, Pixels]

    def cropped(self, window: Window, inner: Window, places: Sequence[Window]) -> Cut:
        """Return what a window inside of this one shows, given the places of the images."""
        members = dict[int, Pixels]()
        for index, pixels in self.members.items():
            had, has = places[index].clipped(window), places[index].clipped(inner)
            if not has.empty:
                members[index] = pixels.cropped(*has.within(had))
        here = inner.within(window)
        return Cut(self.pixels.cropped(*here), self.sources[here], members)


def ruled(
    parts: Parts, rule_name: str, window: Window, order: list[int], bands: Bands | None
) -> Pixels:
    """Feed the images one after the other to the rule."""
    if not order and rule_name != "count":
        return parts.nothing(window, bands)
    if rule_name == "median" and _heavy(parts, window, order, bands):
        return _divided(parts, window, order, bands)
    rule = RULES[rule_name](parts.count(bands), window.shape, parts.kind)
    hard = isinstance(rule, First)
    for index in order:
        inside = parts.places[index].clipped(window)
        if hard and rule.full(inside.within(window)):
            continue
        pixels = parts.read(index, inside, bands, rule_name not in ("mean", "median"))
        if index == order[0] and hard and inside == window and covers(pixels):
            return parts.typed(pixels)
        rule.feed(inside.within(window), pixels)
        if rule.enough:
            break
    found: Pixels = rule.result()
    return found


def _heavy(parts: Parts, window: Window, order: list[int], bands: Bands | None) -> bool:
    size = parts.type_of(rounded=False).itemsize * parts.count(bands)
    return window.pixels > 1 and 2 * len(order) * window.pixels * size > HELD


def _divided(parts: Parts, window: Window, order: list[int], bands: Bands | None) -> Pixels:
    """Return the median of a window from its quarters."""
    values = np.empty((parts.count(bands), *window.shape), parts.kind)
    valid = np.empty(window.shape, bool)
    for quarter in tiling(window, -(-window.width // 2), -(-window.height // 2)):
        reached = [index for index in order if not parts.places[index].clipped(quarter).empty]
        found = ruled(parts, "median", quarter, reached, bands)
        rows, cols = quarter.within(window)
        values[:, rows, cols], valid[rows, cols] = found.values, found.valid
    return Pixels(values, valid)


def along_cells(
    parts: Parts,
    overlap: Overlap,
    window: Window,
    labels: Array,
    order: list[int],
    bands: Bands | None,
) -> Pixels:
    """Give each pixel to its cell's image and fill what that leaves, reading little."""
    rule = First(parts.count(bands), window.shape, parts.kind)
    numbers, held = present(labels), dict[int, Pixels]()
    outside = not labels.all()
    for index in numbers:
        owned = labels == index + 1
        inside = parts.places[index].clipped(window)
        if not outside:
            inside = box_of(owned, window).clipped(inside)
        if inside.empty:
            continue
        pixels = held[index] = parts.read(index, inside, bands)
        if len(numbers) == 1 and inside == window and owned.all() and covers(pixels):
            return parts.typed(pixels)
        place = inside.within(window)
        rule.feed(place, Pixels(pixels.values, pixels.valid & owned[place]))
    wanted = _wanted(overlap, labels)
    for index in order if overlap.fill else ():
        if not rule.lacks(wanted):
            break
        inside = parts.places[index].clipped(window)
        place = inside.within(window)
        known = held[index] if outside and index in held else None
        pixels = known or parts.read(index, inside, bands)
        rule.feed(place, Pixels(pixels.values, pixels.valid & wanted[place]))
    return rule.result()


def tracked(
    parts: Parts,
    overlap: Overlap,
    window: Window,
    labels: Array | None,
    *,
    bands: Bands | None = None,
    rounded: bool = True,
) -> Cut:
    """Do the same, and tell which image each pixel is of."""
    rule = First(parts.count(bands), window.shape, parts.type_of(rounded=rounded), tracked=True)
    members = dict[int, Pixels]()
    wanted = _wanted(overlap, labels) if labels is not None else constant(True, window.shape)
    for index in [] if labels is None else present(labels):
        inside = parts.places[index].clipped(window)
        if not inside.empty:
            place = inside.within(window)
            pixels = members[index] = parts.read(index, inside, bands, rounded)
            owned = labels[place] == index + 1  # type: ignore[index]
            rule.feed(place, Pixels(pixels.values, pixels.valid & owned), index + 1)
    fill = overlap.fill or labels is None
    for index in parts.under(window, backward=overlap.rule == "last") if fill else ():
        if not rule.lacks(wanted):
            break
        inside = parts.places[index].clipped(window)
        if index not in members:
            members[index] = parts.read(index, inside, bands, rounded)
        pixels, place = members[index], inside.within(window)
        rule.feed(place, Pixels(pixels.values, pixels.valid & wanted[place]), index + 1)
    sources = rule.sources
    return Cut(rule.result(), np.zeros(window.shape, int) if sources is None else sources, members)


def _wanted(overlap: Overlap, labels: Array) -> Array:
    """Where a pixel that the cells leave is filled."""
    complete = overlap.seams is not None and overlap.seams.complete
    return np.asarray(labels > 0) if complete else np.ones(labels.shape, bool)
