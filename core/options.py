# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of requests: declared once, read by the dialog, the command line, the docs and checks."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any

from .errors import InvalidOption


class Kind(Enum):
    """What an option holds; `algorithms/parameters.py` maps each kind to a QGIS parameter."""

    RASTER = "raster"
    RASTERS = "rasters"
    VECTOR = "vector"
    VECTORS = "vectors"
    POINTS = "points"
    LAYER = "layer"
    FILE = "file"
    BAND = "band"
    FIELD = "field"
    CHOICE = "choice"
    CHOICE_OR_NUMBER = "choice or number"
    NUMBER = "number"
    INTEGER = "integer"
    NUMBERS = "numbers"
    FLAG = "flag"
    TEXT = "text"
    NAMES = "names"
    PAIRS = "pairs"
    EXTENT = "extent"
    CRS = "crs"
    JSON = "json"
    CREATION = "creation options"
    FOLDER = "folder"
    RASTER_OUT = "raster out"
    VECTOR_OUT = "vector out"
    HTML_OUT = "html out"
    JSON_OUT = "json out"
    MODEL_OUT = "model out"
    TABLE_OUT = "table out"
    FIGURE_OUT = "figure out"
    FOLDER_OUT = "folder out"

    @property
    def destination(self) -> bool:
        """True for what a run writes."""
        return self.value.endswith(" out")


TEMPORARY = "TEMPORARY_OUTPUT"
"""What QGIS calls an output whose path is not known yet."""

SUFFIXES = {
    Kind.RASTER_OUT: (".tif", ".tiff"),
    Kind.VECTOR_OUT: (".gpkg",),
    Kind.MODEL_OUT: (".owm",),
    Kind.TABLE_OUT: (".csv",),
    Kind.FIGURE_OUT: (".png", ".pdf", ".svg"),
}
"""What the name of an output may end with."""


class _Word:
    def __init__(self, word: str) -> None:
        self.word = word

    def __repr__(self) -> str:
        return self.word


REQUIRED, UNCHANGED = _Word("required"), _Word("unchanged")


@dataclass(frozen=True)
class Option:
    """The declaration of one option.

    `parent` names the option whose layer a field or band belongs to. `aliases` are other long
    names on the command line; "name=value" is a flag that gives the option this value. `columns`
    are the titles of a table of pairs. A text that is `clearable` may be emptied in a dialog. A
    number that need not be `finite` may be NaN or infinite.
    """

    kind: Kind
    label: str
    default: Any = REQUIRED
    help: str = ""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    advanced: bool = False
    parent: str = ""
    created: bool = False
    aliases: tuple[str, ...] = ()
    columns: tuple[str, str] | tuple[()] = ()
    clearable: bool = False
    finite: bool = True

    @property
    def required(self) -> bool:
        """True when the user must give a value."""
        return self.default is REQUIRED

    @property
    def limits(self) -> str:
        """The limits as text: "1 to 500", "at least 16" or ""."""
        if self.minimum is not None and self.maximum is not None:
            return f"{_short(self.minimum)} to {_short(self.maximum)}"
        if self.minimum is not None:
            return f"at least {_short(self.minimum)}"
        return "" if self.maximum is None else f"at most {_short(self.maximum)}"

    @property
    def summary(self) -> str:
        """Help, unit, limits, choices and default as sentences."""
        texts = [self.help.rstrip(".")] if self.help else [self.label]
        if self.unit:
            texts.append(f"Unit: {self.unit}")
        if self.limits:
            texts.append(f"Limits: {self.limits}")
        if self.choices:
            texts.append(f"Values: {', '.join(self.choices)}")
        if not self.required and self.default not in (None, "", ()):
            texts.append(f"Default: {_plain(self.default)}")
        return ". ".join(texts) + "."


def option(kind: Kind, label: str, default: Any = REQUIRED, **declared: Any) -> Any:
    """Declare an option as a dataclass field.

    Without default it is required; with default None it may stay empty. `declared` are the other
    fields of Option. A destination with `created` is written also when the user does not ask.
    """
    return _field(Option(kind, label, default, **declared))


def redefault(request: type, name: str, default: Any = UNCHANGED, **changes: Any) -> Any:
    """Declare an option of another request again, with this default or its own.

    `changes` are fields of Option that must differ too, for example `advanced` or `parent`.
    """
    known = options_of(request)[name]
    default = known.default if default is UNCHANGED else default
    return _field(dataclasses.replace(known, default=default, **changes))


def _field(declaration: Option) -> Any:
    value = None if declaration.required else declaration.default
    return dataclasses.field(default=value, metadata={"option": declaration})


def result(kind: Kind, label: str) -> Any:
    """Declare a field of a Result: what a QGIS model or a script may go on with."""
    return dataclasses.field(default=None, metadata={"option": Option(kind, label, None)})


def options_of(request: type | object) -> dict[str, Option]:
    """Return the options of a request (or fields of a result) by name.

    Inputs come first, destinations last, each group in the order of declaration.
    """
    found = {
        field.name: field.metadata["option"]
        for field in dataclasses.fields(request)  # type: ignore[arg-type]
        if "option" in field.metadata
    }
    return dict(sorted(found.items(), key=lambda item: item[1].kind.destination))


def verify(request: Any) -> None:
    """Bring every option of a request to its type and check its limits.

    Raises InvalidOption with one sentence: label, value, limit.
    """
    for name, declared in options_of(request).items():
        value = getattr(request, name)
        # the dialog of QGIS returns "" for creation options where it means the default
        unset = value is None or (declared.kind is Kind.CREATION and not value)
        if unset and not declared.required:
            value = declared.default
        empty = isinstance(value, (str, tuple, list)) and not value
        if value is None or (declared.required and empty):
            if declared.required:
                raise InvalidOption(f"{declared.label} ({name.upper()}) is missing.")
            continue
        value = converted(declared, value)
        _check(declared, value)
        if declared.kind.destination and value and value != TEMPORARY:
            value = os.path.abspath(value)
        object.__setattr__(request, name, value)


def build(request: type, values: Mapping[str, Any]) -> Any:
    """Return a request made of named values, as JSON or a dialog gives them.

    Raises InvalidOption for unknown names, listing the nearest.
    """
    known = options_of(request)
    for name in values:
        if name.lower() not in known:
            raise InvalidOption(unknown_name(name, known))
    made: Any = request(**{name.lower(): value for name, value in values.items()})
    return made


def unknown_name(name: str, known: Mapping[str, Any], fate: str = "") -> str:
    """Return the sentence for a parameter name that does not exist, and what becomes of it."""
    near = get_close_matches(name.lower(), known, 1, 0.5)
    hint = f" Did you mean {near[0].upper()}?" if near else ""
    return f"{name} is not a parameter of this tool{fate}.{hint}"


def values_of(request: Any) -> dict[str, Any]:
    """Return the options of a request as plain values, ready for JSON."""
    values = {name: getattr(request, name) for name in options_of(request)}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def converted(declared: Option, value: Any) -> Any:
    """Return a value in the type of its option; text is parsed.

    Raises InvalidOption when that is impossible.
    """
    convert: Callable[[Any], Any] = _CONVERT.get(declared.kind, _text)
    try:
        found = convert(value)
    except (TypeError, ValueError) as error:
        raise InvalidOption(
            f"{declared.label}: {value!r} is not {_NEEDED.get(declared.kind, 'a text')}."
        ) from error
    if declared.finite and isinstance(found, float) and not math.isfinite(found):
        raise InvalidOption(f"{declared.label}: {found} is not a finite number.")
    return found


def _check(declared: Option, value: Any) -> None:
    label = declared.label
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        unit = f" {declared.unit}" if declared.unit else ""
        if declared.minimum is not None and not value >= declared.minimum:
            limit = f"{_short(declared.minimum)}{unit}"
            raise InvalidOption(f"{label}: {_short(value)} is below {limit}.")
        if declared.maximum is not None and not value <= declared.maximum:
            limit = f"{_short(declared.maximum)}{unit}"
            raise InvalidOption(f"{label}: {_short(value)} is above {limit}.")
    elif declared.kind in SUFFIXES:
        allowed = SUFFIXES[declared.kind]
        suffix = os.path.splitext(value)[1].lower()
        if suffix and suffix not in allowed:
            listed = allowed[0] if declared.kind is not Kind.FIGURE_OUT else ", ".join(allowed)
            raise InvalidOption(
                f"{label}: {os.path.basename(value)} must end with {listed}, which is what is "
                "written."
            )
    elif declared.choices and isinstance(value, str) and value not in declared.choices:
        near = get_close_matches(value, declared.choices, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        listed = ", ".join(declared.choices)
        raise InvalidOption(f"{label}: {value!r} is not one of {listed}.{hint}")


def _short(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _text(value: Any) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError
    return os.fspath(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _integer(value: Any) -> int:
    number = _number(value)
    if not math.isfinite(number) or number != int(number):
        raise ValueError
    return int(number)


def _flag(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "yes", "1"):
        return True
    if isinstance(value, str) and value.lower() in ("false", "no", "0"):
        return False
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _texts(value: Any) -> tuple[str, ...]:
    listed = [value] if isinstance(value, (str, os.PathLike)) else list(value)
    return tuple(_text(item) for item in listed)


def _names(value: Any) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else list(value)
    return tuple(_text(item).strip() for item in listed if _text(item).strip())


def _pairs(value: Any) -> tuple[str, ...]:
    """Rows of two cells as "a;b"; a list of cells, as a table of QGIS gives it, is paired up."""
    cells = value.split(",") if isinstance(value, str) else [str(item) for item in value]
    cells = [cell.strip() for cell in cells if cell.strip()]
    if cells and not any(";" in cell for cell in cells):
        if len(cells) % 2:
            raise ValueError
        cells = [f"{a};{b}" for a, b in zip(cells[::2], cells[1::2])]
    if any(cell.count(";") != 1 for cell in cells):
        raise ValueError
    return tuple(cells)


def _numbers(value: Any) -> tuple[float, ...]:
    """Numbers of a list or a text, with blanks or commas between."""
    listed = [value] if isinstance(value, (str, int, float)) else value
    pieces = (str(item).replace(",", " ").split() for item in listed)
    return tuple(_number(piece) for found in pieces for piece in found)


def _extent(value: Any) -> tuple[float, ...]:
    listed: Sequence[Any] = value.split("[")[0].split(",") if isinstance(value, str) else value
    numbers = tuple(_number(item) for item in listed)
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise ValueError
    return numbers


def _choice_or_number(value: Any) -> Any:
    try:
        return _number(value)
    except ValueError:
        return _text(value)


def _json_text(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else _text(value)


_CONVERT: dict[Kind, Callable[[Any], Any]] = {
    Kind.RASTERS: _texts,
    Kind.VECTORS: _texts,
    Kind.CHOICE_OR_NUMBER: _choice_or_number,
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.BAND: _integer,
    Kind.NUMBERS: _numbers,
    Kind.FLAG: _flag,
    Kind.NAMES: _names,
    Kind.PAIRS: _pairs,
    Kind.EXTENT: _extent,
    Kind.JSON: _json_text,
}
_NEEDED = {
    Kind.RASTERS: "a list of files, folders or patterns",
    Kind.VECTORS: "a list of files, folders or patterns",
    Kind.NUMBER: "a number",
    Kind.INTEGER: "a whole number",
    Kind.BAND: "the number of a band",
    Kind.NUMBERS: "a list of numbers",
    Kind.FLAG: "true or false",
    Kind.NAMES: "a list of names",
    Kind.PAIRS: "a list of pairs (a;b,c;d)",
    Kind.EXTENT: "an extent (xmin, xmax, ymin, ymax)",
    Kind.CHOICE_OR_NUMBER: "one of the words or a number",
    Kind.JSON: "a JSON file or text",
}
