# SPDX-License-Identifier: GPL-2.0-or-later
"""Sensors whose products are known: where bands and masks lie in a product, and what they mean.

The table is `sensors.json` beside this file; an entry added there is a sensor.
"""

from __future__ import annotations

import fnmatch
import glob
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import IncompatibleImages, InvalidOption
from .dates import day

TABLE = Path(__file__).with_name("sensors.json")
RULES = ("nonzero", "values", "bits")
ROLES = ("red", "nir", "swir", "swir2", "green", "blue")

_TILE = re.compile(r"T\d{2}[A-Z]{3}|D\d{4}H\d{4}")


@dataclass(frozen=True)
class Rule:
    """Which values of a mask are bad: any but 0, some values, or those with one of some bits."""

    kind: str = "nonzero"
    values: tuple[int, ...] = ()
    code: int = 1


@dataclass(frozen=True)
class MaskFiles:
    """Masks of a product: a pattern inside it and what its values mean."""

    files: str
    rule: Rule


@dataclass(frozen=True)
class Sensor:
    """An entry of the table.

    A product is a folder with a file for each band (`bands`: name and pattern) or with one file of
    all bands (`stack` and `names`); sensors without `products` are plain rasters, whose names in
    lower case match `files`.
    """

    name: str
    title: str
    label: str
    nodata: float | None
    step: int
    products: tuple[str, ...]
    date: str
    bands: tuple[tuple[str, str], ...]
    stack: str
    names: tuple[str, ...]
    patterns: tuple[str, ...]
    masks: tuple[MaskFiles, ...]
    roles: tuple[tuple[str, str], ...]
    files: tuple[str, ...] = ()
    radar: bool = False

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands in the order of the stack."""
        return tuple(name for name, _ in self.bands) or self.names

    def makes(self, folder: str) -> bool:
        """Return True for the name of one of its product folders."""
        name = os.path.basename(folder.rstrip(os.sep))
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.products)

    def takes(self, path: str) -> bool:
        """Return True for the name of one of its files that lie beside each other."""
        name = os.path.basename(path).lower()
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.files)


@dataclass(frozen=True)
class Product:
    """Files of one date: bands in order (or one file of all), and masks with their rules."""

    sensor: str
    path: str
    date: str
    images: tuple[str, ...]
    masks: tuple[tuple[str, Rule], ...] = ()

    @property
    def name(self) -> str:
        """Name of its folder or file."""
        return os.path.basename(self.path)


@lru_cache(maxsize=1)
def sensors() -> Mapping[str, Sensor]:
    """Return the sensors of the table by name."""
    read: dict[str, dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return {name: _sensor(name, entry) for name, entry in read.items()}


def roles_of(sensor: str) -> dict[str, str]:
    """Return the band that plays each role (red, nir…) in a sensor; {} for one not known."""
    known = sensors().get(sensor)
    return dict(known.roles) if known else {}


def found_products(folder: str, sensor: str = "auto") -> tuple[Product, ...]:
    """Return the products of a folder in the order of their dates; () when it holds none.

    The folder is a product, holds products, or holds the folder of one tile. Raises InvalidOption
    when it holds several tiles, IncompatibleImages when a product lacks a file or sensors differ.
    """
    inside = [folder, *_folders(folder)]
    tiles = [path for path in inside[1:] if _TILE.fullmatch(os.path.basename(path))]
    known = [s for s in sensors().values() if sensor in ("auto", s.name)]
    found = [(path, one) for path in inside for one in known if one.makes(path)]
    if not found and len(tiles) > 1:
        names = ", ".join(os.path.basename(tile) for tile in tiles)
        raise InvalidOption(
            f"{os.path.basename(folder)} holds {len(tiles)} tiles ({names}). Give the folder of "
            "one of them."
        )
    if not found and tiles:
        return found_products(tiles[0], sensor)
    _refuse_mixed(folder, sorted({one.name for _, one in found}))
    return tuple(sorted((_product(p, one) for p, one in found), key=lambda p: (p.date, p.name)))


def tile_of(path: str) -> str:
    """Return the name of the tile in a path (T31TCJ, D0005H0002), "" when there is none."""
    for part in reversed(os.path.normpath(path).split(os.sep)):
        found = _TILE.search(part)
        if found:
            return found.group()
    return ""


def date_in(path: str, pattern: str) -> str | None:
    """Return the date in the name of a file, else of its folder; None when there is none.

    Raises InvalidOption for a pattern that is no regular expression with a group.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InvalidOption(
            f"Date pattern: {pattern!r} is no regular expression ({error})."
        ) from error
    if expression.groups < 1:
        raise InvalidOption(
            f"Date pattern: {pattern!r} needs a group in parentheses round the date."
        )
    folder, name = os.path.split(path)
    for text in (name, os.path.basename(folder)):
        for found in expression.finditer(text):
            if found.group(1) and _is_day(found.group(1)):
                return found.group(1)
    return None


def _is_day(text: str) -> bool:
    try:
        return len(text) == 8 and bool(day(text))
    except ValueError:
        return False


def _folders(folder: str) -> list[str]:
    return sorted(one.path for one in os.scandir(folder) if one.is_dir() and one.name[0] != ".")


def _refuse_mixed(folder: str, names: Sequence[str]) -> None:
    if len(names) > 1:
        raise IncompatibleImages(
            f"{os.path.basename(folder)} holds products of {' and '.join(names)}. Give SENSOR to "
            "stack one of them."
        )


def _product(path: str, sensor: Sensor) -> Product:
    name = os.path.basename(path)
    found = re.search(sensor.date, name)
    if found is None or not _is_day(found.group(1)):
        raise IncompatibleImages(f"{name}: no date found with {sensor.date!r}.")
    patterns = [pattern for _, pattern in sensor.bands] or [sensor.stack]
    images = tuple(_file(path, pattern) for pattern in patterns)
    masks = tuple((_file(path, one.files), one.rule) for one in sensor.masks)
    return Product(sensor.name, path, found.group(1), images, masks)


def _file(folder: str, pattern: str) -> str:
    """The one file of a product that a pattern means."""
    found = sorted(glob.glob(os.path.join(glob.escape(folder), pattern), recursive=True))
    if not found:
        raise IncompatibleImages(f"{os.path.basename(folder)} has no file {pattern}.")
    return found[0]


def _sensor(name: str, entry: Mapping[str, Any]) -> Sensor:
    masks = [
        MaskFiles(m["files"], Rule(m["rule"], tuple(m.get("values", ())), m["code"]))
        for m in entry["masks"]
    ]
    return Sensor(
        name=name,
        title=entry["title"],
        label=entry["label"],
        nodata=entry["nodata"],
        step=entry["step"],
        products=tuple(entry["products"]),
        date=entry["date"],
        bands=tuple(entry.get("bands", {}).items()),
        stack=entry.get("stack", ""),
        names=tuple(entry.get("names", ())),
        patterns=tuple(entry.get("patterns", ())),
        masks=tuple(masks),
        roles=tuple(entry["roles"].items()),
        files=tuple(entry.get("files", ())),
        radar=bool(entry.get("radar", False)),
    )
