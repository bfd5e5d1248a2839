# SPDX-License-Identifier: GPL-2.0-or-later
"""Names and colors of classes as text files: `name:label` and `label R G B` lines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from ..errors import InvalidOption
from ..landcover.legend import Color, Legend
from ..landcover.samples import LARGEST
from ..progress import SILENT, Progress
from ..raster.palette import read_palette
from ..stage import write_text
from .text import read_lines

Value = TypeVar("Value")


def read_legend(nomenclature: str | None = None, colors: str | None = None) -> Legend:
    """Read the names and colors of classes; a file that is not given leaves its part empty.

    Raises ImageIOError when a file cannot be read, InvalidOption with the line that is wrong.
    """
    names = _names(nomenclature) if nomenclature else {}
    return Legend(names, _colors(colors) if colors else {})


def styled(given: Legend, maps: Iterable[str], progress: Progress = SILENT) -> Legend:
    """Return a legend that has the names and colors of the styles beside maps, unless given.

    Labels that two maps call differently are said.
    """
    names: dict[int, str] = {}
    colors: dict[int, Color] = {}
    for path in maps:
        for label, (name, color) in read_palette(path).items():
            if names.setdefault(label, name) != name:
                progress.warn(
                    f"{os.path.basename(path)} calls the class {label} {name!r}, another map calls "
                    f"it {names[label]!r}. Are these maps of one list of classes?"
                )
            red, green, blue = bytes.fromhex(color[1:])
            colors.setdefault(label, (red, green, blue))
    return Legend(given.names or names, given.colors or colors)


def _names(path: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for place, line in _lines(path):
        name, colon, label = line.rpartition(":")
        if not colon or not name.strip():
            raise InvalidOption(f'{place}: "{line}" is not name:label, such as grassland:34.')
        _add(names, _label(label, place, line), name.strip(), place)
    return names


def _colors(path: str) -> dict[int, Color]:
    colors: dict[int, Color] = {}
    for place, line in _lines(path):
        words = line.split()
        parts = [int(word) for word in words[1:] if word.isdigit() and int(word) <= 255]
        if len(words) != 4 or len(parts) != 3:
            raise InvalidOption(
                f'{place}: "{line}" is not label R G B with 0-255, such as 34 120 180 60.'
            )
        _add(colors, _label(words[0], place, line), (parts[0], parts[1], parts[2]), place)
    return colors


def _add(known: dict[int, Value], label: int, value: Value, place: str) -> None:
    if label in known:
        raise InvalidOption(f"{place}: label {label} stands here a second time.")
    known[label] = value


def _label(text: str, place: str, line: str) -> int:
    word = text.strip()
    if not word.isdigit() or not 1 <= int(word) <= LARGEST:
        raise InvalidOption(
            f'{place}: "{line}" has no label; labels are whole numbers from 1 to {LARGEST}.'
        )
    return int(word)


def _lines(path: str) -> Iterator[tuple[str, str]]:
    """Yield (file and line for messages, text) of lines that say something."""
    title = os.path.basename(path)
    for number, line in enumerate(read_lines(path), 1):
        text = line.partition("#")[0].strip()
        if text:
            yield f"{title}, line {number}", text


def write_names(path: str, names: Mapping[int, str]) -> str:
    """Write the names of classes as `name:label` lines, and return the file's absolute path."""
    return write_text(path, "".join(f"{name}:{label}\n" for label, name in sorted(names.items())))
