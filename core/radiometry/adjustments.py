# SPDX-License-Identifier: GPL-2.0-or-later
"""Gains and offsets of images with the statistics they came from, kept as JSON.

The form is that of spectralmatch: image name, then `adjustments`, `whole_stats` and
`overlap_stats`; what only we know stands in `orthoweave`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from ..errors import ImageIOError, InvalidOption

VERSION = 1


@dataclass(frozen=True)
class BandStatistics:
    """Mean, standard deviation (of all pixels, not of a sample) and number of pixels of a band."""

    mean: float
    std: float
    size: float


@dataclass(frozen=True)
class Lookup:
    """Points (x, y) of a curve from values to corrected ones, x rising."""

    x: tuple[float, ...]
    y: tuple[float, ...]


Overlapping = tuple[tuple[str, tuple[BandStatistics, ...]], ...]
"""Names of other images, and statistics over the pixels used in both."""


@dataclass(frozen=True)
class ImageAdjustment:
    """Gain and offset of each band of an image, and its statistics.

    `overlaps` pairs the name of another image with the statistics of *this* image over the pixels
    used in both; `believed` the same with pixels weighted by how far they were believed. With
    `lookups` (one for each band) values follow these curves; then gains and offsets are their
    straight form, and the gain continues a curve beyond its ends.
    """

    name: str
    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    whole: tuple[BandStatistics, ...] = ()
    overlaps: Overlapping = ()
    group: int | None = None
    believed: Overlapping = ()
    lookups: tuple[Lookup, ...] = ()

    def overlap(self, other: str, *, believed: bool = False) -> tuple[BandStatistics, ...]:
        """Return the statistics over the pixels shared with another image; empty when none are."""
        found = dict(self.overlaps)
        return (dict(self.believed) if believed else {}).get(other) or found.get(other, ())


@dataclass(frozen=True)
class Adjustments:
    """The adjustments of a set of images."""

    images: tuple[ImageAdjustment, ...]
    method: str = "globalregression"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images."""
        return tuple(image.name for image in self.images)

    def find(self, name: str) -> ImageAdjustment | None:
        """Return the adjustment of an image, None when there is none."""
        return next((image for image in self.images if image.name == name), None)

    def of(self, name: str) -> ImageAdjustment:
        """Return the adjustment of an image; raises InvalidOption when there is none."""
        found = self.find(name)
        if found is None:
            raise InvalidOption(f"The model has no adjustments for {name}.")
        return found

    def text(self) -> str:
        """Return the model as JSON; numbers have all digits they need to come back the same."""
        return json.dumps(
            {image.name: _entry(image, self.method) for image in self.images},
            indent=2,
            ensure_ascii=False,
            allow_nan=False,
        )


def unchanged(name: str, bands: int) -> ImageAdjustment:
    """Return the adjustment of an image that stays as it is."""
    return ImageAdjustment(name, (1.0,) * bands, (0.0,) * bands)


def load_adjustments(path: str) -> Adjustments:
    """Read a model, ours or one of spectralmatch.

    Raises ImageIOError when the file cannot be read, InvalidOption that names the file, image,
    band and value when something is missing or no number.
    """
    file = Path(path)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageIOError(f"{file.name} cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        raise InvalidOption(f"{file.name} is not JSON: it is not even text.") from error
    except ValueError as error:
        raise InvalidOption(f"{file.name} is not JSON: {error}.") from error
    entries = _Node(file.name, found).entries()
    images = tuple(_image(name, entry) for name, entry in entries.items())
    methods = {str(entry.block("orthoweave").get("method", "")) for entry in entries.values()}
    method = methods.pop() if len(methods) == 1 else ""
    return Adjustments(images, method or "globalregression")


def _entry(image: ImageAdjustment, method: str) -> dict[str, Any]:
    ours: dict[str, Any] = {"version": VERSION, "method": method}
    if image.group is not None:
        ours["group"] = image.group
    if image.believed:
        ours["believed_stats"] = {name: _statistics(bands) for name, bands in image.believed}
    if image.lookups:
        ours["lookup"] = _bands([{"x": list(one.x), "y": list(one.y)} for one in image.lookups])
    pairs = zip(image.gains, image.offsets)
    return {
        "adjustments": _bands([{"scale": gain, "offset": offset} for gain, offset in pairs]),
        "whole_stats": _statistics(image.whole),
        "overlap_stats": {name: _statistics(bands) for name, bands in image.overlaps},
        "orthoweave": ours,
    }


def _statistics(bands: tuple[BandStatistics, ...]) -> dict[str, Any]:
    return _bands([{"mean": b.mean, "std": b.std, "size": b.size} for b in bands])


def _bands(values: list[dict[str, Any]]) -> dict[str, Any]:
    return {f"band_{index}": value for index, value in enumerate(values)}


@dataclass(frozen=True)
class _Node:
    """A value of the file and the words that lead to it."""

    place: str
    value: Any

    def entries(self) -> dict[str, _Node]:
        if not isinstance(self.value, Mapping):
            raise InvalidOption(f"{self.place} is not a table of names and values.")
        joint = " / " if ": " in self.place else ": "
        return {name: _Node(f"{self.place}{joint}{name}", v) for name, v in self.value.items()}

    def get(self, name: str) -> _Node:
        found = self.entries()
        if name not in found:
            raise InvalidOption(f'{self.place} has no "{name}".')
        return found[name]

    def block(self, name: str) -> Mapping[str, Any]:
        value = self.value.get(name) if isinstance(self.value, Mapping) else None
        return value if isinstance(value, Mapping) else {}

    def bands(self) -> list[_Node]:
        return [self.get(f"band_{index}") for index in range(len(self.entries()))]

    def number(self, name: str) -> float:
        value = self.get(name).value
        if not _is_number(value):
            raise InvalidOption(f'{self.place} has no number for "{name}" but {value!r}.')
        return float(value)

    def amount(self, name: str) -> float:
        value = self.number(name)
        if value < 0:
            raise InvalidOption(f'{self.place} has a "{name}" below 0: {value:g}.')
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        found = self.get(name)
        if not isinstance(found.value, list):
            raise InvalidOption(f"{found.place} is not a list of numbers.")
        wrong = [value for value in found.value if not _is_number(value)]
        if wrong:
            raise InvalidOption(f"{found.place} holds {wrong[0]!r}, which is no number.")
        return tuple(map(float, found.value))


def _image(name: str, entry: _Node) -> ImageAdjustment:
    bands = entry.get("adjustments").bands()
    group = entry.block("orthoweave").get("group")
    ours = _Node(f"{entry.place} / orthoweave", entry.block("orthoweave"))
    lookups = _Node(f"{ours.place} / lookup", ours.block("lookup")).bands()
    if lookups and len(lookups) != len(bands):
        raise InvalidOption(
            f"{ours.place} / lookup has {len(lookups)} bands and adjustments {len(bands)}."
        )
    return ImageAdjustment(
        name=name,
        gains=tuple(band.number("scale") for band in bands),
        offsets=tuple(band.number("offset") for band in bands),
        whole=_read_statistics(_Node(f"{entry.place} / whole_stats", entry.block("whole_stats"))),
        overlaps=_read_overlaps(entry, "overlap_stats"),
        group=group if isinstance(group, int) else None,
        believed=_read_overlaps(ours, "believed_stats"),
        lookups=tuple(map(_read_lookup, lookups)),
    )


def _read_overlaps(entry: _Node, name: str) -> Overlapping:
    node = _Node(f"{entry.place} / {name}", entry.block(name))
    return tuple((other, _read_statistics(bands)) for other, bands in node.entries().items())


def _read_statistics(node: _Node) -> tuple[BandStatistics, ...]:
    return tuple(
        BandStatistics(b.number("mean"), b.amount("std"), _count(b.amount("size")))
        for b in node.bands()
    )


def _read_lookup(node: _Node) -> Lookup:
    x, y = (node.numbers(name) for name in "xy")
    rising = all(a < b for a, b in zip(x, x[1:]))
    if not x or len(x) != len(y) or not rising:
        raise InvalidOption(f"{node.place} needs as many y as x, at least one, and x must rise.")
    return Lookup(x, y)


def _is_number(value: object) -> bool:
    """False for NaN and Infinity too, which Python reads from JSON."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _count(value: float) -> float:
    return int(value) if value.is_integer() else value
