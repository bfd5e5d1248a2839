# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration file of KARIOS: read by the rules of its keys, written as it was used."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any

from ..deps import available
from ..errors import InvalidOption
from ..progress import SILENT, Progress
from ..provenance import write_json
from ..report.plot_options import PlotOptions, unknown_colormaps
from .text import read_text

NAME = "processing_configuration.json"
"""Name of the copy in a result folder."""

KERNELS = (5, 7, "auto")
"""Sizes of KARIOS's Laplacian that need no notice."""

LARGEST_WINDOW = 4096
"""A tile size up to this one, px, is taken as window size; a larger one would fill the memory."""


def _number(value: Any) -> bool:
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _whole(value: Any) -> bool:
    return _number(value) and value == int(value)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _kernel(value: Any) -> bool:
    sides = value.values() if isinstance(value, Mapping) else [value]
    return value == "auto" or all(map(_whole, sides))


def _anything(_: Any) -> bool:
    return True


_KINDS: dict[str, Callable[[Any], bool]] = {
    "a number": _number,
    "a number or null": lambda value: value is None or _number(value),
    "a whole number": _whole,
    "true or false": _flag,
    'true, false or "auto"': lambda value: value == "auto" or _flag(value),
    'a whole number, {"mon", "ref"} or "auto"': _kernel,
    "a text": _text,
    "anything": _anything,
}

_OF_TYPE = {float: "a number", bool: "true or false", str: "a text"}


def _key(key: str, default: Any, kind: str) -> Any:
    """Declare a value of the file as a dataclass field."""
    return field(default=default, metadata={"key": key, "kind": kind})


def _group(key: str, made: Any) -> Any:
    """Declare a group of values of the file as a dataclass field."""
    return field(default=made, metadata={"key": key})


@dataclass(frozen=True)
class Shifting:
    """`shift_image_processing`."""

    large_shift: float = _key("bias_correction_min_threshold", 2.0, "a number")


@dataclass(frozen=True)
class Matching:
    """`klt_matching`."""

    min_distance: float = _key("minDistance", 10.0, "a number")
    corner_box: int = _key("blocksize", 15, "a whole number")
    max_points: int = _key("maxCorners", 20000, "a whole number")
    window: int = _key("matching_winsize", 25, "a whole number")
    quality_level: float = _key("qualityLevel", 0.1, "a number")
    first_column: int = _key("xStart", 0, "a whole number")
    tile_size: int = _key("tile_size", 20000, "a whole number")
    kernel: Any = _key("laplacian_kernel_size", 7, 'a whole number, {"mon", "ref"} or "auto"')
    inverted: Any = _key("laplacian_invert_polarity", False, 'true, false or "auto"')
    global_outliers: bool = _key("outliers_filtering", False, "true or false")


@dataclass(frozen=True)
class Judging:
    """`accuracy_analysis`; no threshold (null) takes all points."""

    confidence: float | None = _key("confidence_threshold", 0.4, "a number or null")


@dataclass(frozen=True)
class Processing:
    """`processing_configuration`."""

    input_products: Any = _key("input_products", "testing", "anything")
    cloud_mask: Any = _key("cloud_mask", None, "anything")
    shifting: Shifting = _group("shift_image_processing", Shifting())
    matching: Matching = _group("klt_matching", Matching())
    judging: Judging = _group("accuracy_analysis", Judging())


@dataclass(frozen=True)
class Configuration:
    """A whole file; `orthoweave` is what our own copies add to it."""

    processing: Processing = _group("processing_configuration", Processing())
    plots: PlotOptions = _group("plot_configuration", PlotOptions())
    orthoweave: Any = _key("orthoweave", None, "anything")

    @property
    def values(self) -> dict[str, Any]:
        """What the file says about options of a request, by field name."""
        matching, confidence = self.processing.matching, self.processing.judging.confidence
        found: dict[str, Any] = {
            "min_distance": float(matching.min_distance),
            "max_points": int(matching.max_points),
            "confidence": 0.0 if confidence is None else float(confidence),
        }
        if matching.quality_level != Matching.quality_level:
            found["quality"] = matching.quality_level / 10
        if matching.inverted is True:
            found["polarity"] = "inverted"
        if matching.global_outliers:
            found["outliers"] = "global"
        if matching.tile_size <= LARGEST_WINDOW:
            found["window_size"] = int(matching.tile_size)
        return found

    @property
    def support(self) -> float | None:
        """Sigma of the measuring window that the file asks for, px; None: it asks for none."""
        window = self.processing.matching.window
        return None if window == Matching.window else max(4.0, window / 3)

    def notices(self, width: int, height: int) -> Iterator[str]:
        """Yield what users of KARIOS may not expect, for images of this size."""
        matching = self.processing.matching
        kernel = matching.kernel
        sides = kernel.values() if isinstance(kernel, Mapping) else [kernel]
        if any(side not in KERNELS for side in sides):
            yield "laplacian_kernel_size has no effect: no Laplacian is used."
        if max(width, height) > matching.tile_size:
            yield (
                f"maxCorners ({matching.max_points}) holds for the whole image, not for each tile "
                f"of {matching.tile_size} px."
            )

    def as_used(self, used: Mapping[str, Any], ours: Mapping[str, Any]) -> Configuration:
        """Return the file as a run used it.

        `used` are the values of the request by field name, `ours` becomes the member `orthoweave`.
        """
        matching = replace(
            self.processing.matching,
            min_distance=used["min_distance"],
            max_points=used["max_points"],
            quality_level=used["quality"] * 10,
            global_outliers=used["outliers"] == "global",
        )
        if used["polarity"] == "inverted":
            matching = replace(matching, inverted=True)
        judging = Judging(used["confidence"])
        processing = replace(self.processing, matching=matching, judging=judging)
        return replace(self, processing=processing, orthoweave=dict(ours))


def read_configuration(path: str, progress: Progress = SILENT) -> Configuration:
    """Read a configuration file; keys that it does not have keep their default.

    Warns once of each key that is not known. Raises ImageIOError when it cannot be read,
    InvalidOption for a value of the wrong type, with the key's path.
    """
    title = os.path.basename(path)
    text = read_text(path)
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidOption(f"{title} is no JSON: {error.msg} in line {error.lineno}.") from error
    made: Configuration = _filled(Configuration, found, _Place(title, progress))
    if available("matplotlib"):
        for name in unknown_colormaps(made.plots):
            progress.warn(f"{title}: no colors are called {name!r}; the default ones are drawn.")
    return made


def write_configuration(path: str, configuration: Configuration) -> None:
    """Write a configuration in KARIOS's layout."""
    write_json(path, _layout(configuration))


@dataclass(frozen=True)
class _Place:
    """Where in a file something stands, and who hears about it."""

    title: str
    progress: Progress
    path: tuple[str, ...] = ()

    def below(self, key: str) -> _Place:
        return replace(self, path=(*self.path, key))

    def __str__(self) -> str:
        return ".".join(self.path) or "the file"


def _filled(kind: Any, found: Any, place: _Place) -> Any:
    """Return a group with the values of the file."""
    if not isinstance(found, Mapping):
        raise InvalidOption(
            f"{place.title}: {place} is {json.dumps(found)} instead of a group of values."
        )
    known = {_key_of(entry): entry for entry in fields(kind)}
    for key in found:
        if key not in known:
            _tell_unknown(place.below(key))
    values = {
        entry.name: _value(entry, found[key], place.below(key))
        for key, entry in known.items()
        if key in found
    }
    return kind(**values)


def _key_of(entry: Field[Any]) -> str:
    return str(entry.metadata.get("key", entry.name))


def _default_of(entry: Field[Any]) -> Any:
    return entry.default if entry.default_factory is MISSING else entry.default_factory()


def _value(entry: Field[Any], found: Any, place: _Place) -> Any:
    default = _default_of(entry)
    if is_dataclass(default):
        return _filled(type(default), found, place)
    kind = entry.metadata.get("kind") or _OF_TYPE[type(default)]
    if not _KINDS[kind](found):
        raise InvalidOption(f"{place.title}: {place} is {json.dumps(found)} instead of {kind}.")
    return int(found) if kind == "a whole number" else found


def _tell_unknown(place: _Place) -> None:
    by_name = {path[-1]: path for path in _paths(Configuration)}
    near = get_close_matches(place.path[-1], by_name, 1, 0.5)
    hint = f" Did you mean {'.'.join(by_name[near[0]])}?" if near else ""
    place.progress.warn(f"{place.title}: {place} is not known and is ignored.{hint}")


def _paths(kind: Any) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key."""
    for entry in fields(kind):
        key, default = _key_of(entry), _default_of(entry)
        yield (key,)
        if is_dataclass(default):
            yield from ((key, *below) for below in _paths(type(default)))


def _layout(group: Any) -> dict[str, Any]:
    values = {_key_of(entry): getattr(group, entry.name) for entry in fields(group)}
    return {
        key: _layout(value) if is_dataclass(value) else value
        for key, value in values.items()
        if key != "orthoweave" or value is not None
    }
