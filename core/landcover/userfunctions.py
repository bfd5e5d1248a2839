# SPDX-License-Identifier: GPL-2.0-or-later
"""Features that functions of the user compute from a series. This runs the user's Python code."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import ImageIOError, InvalidOption, OrthoweaveError
from ..image import Array, Image
from ..windows import Window, tiling
from .indices import NAMES
from .series import Layout, SensorBands, layout

_GETTER = re.compile(r"get_(?P<kind>interpolated_|raw_)?(?P<sensor>[a-z0-9]+)_(?P<what>\w+)")

FAILURES = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError),
    *(NameError, OSError, RuntimeError, StopIteration, SyntaxError, TypeError, ValueError),
)
"""What Python code raises that has a mistake."""

Index = Callable[[SensorBands, str, Array], Array]


@dataclass(frozen=True)
class Given:
    """What user functions may look at: a series without gaps, and the raw one with its masks."""

    series: Image
    parted: Layout
    index: Index
    raw: Image | None = None
    masks: Image | None = None


@dataclass(frozen=True)
class Functions:
    """Functions of a Python file, called for windows of fixed size: f(series, **arguments).

    They return (values[row, column, feature], names). `outputs` are the names, once they are known.
    """

    path: str
    names: tuple[str, ...]
    arguments: str = "{}"
    rows: int = 50
    columns: int = 50
    outputs: tuple[str, ...] = ()

    def probed(self, given: Given) -> Functions:
        """Return the functions with the names of their features, of one call for a first window.

        Raises ImageIOError when the file cannot be read, InvalidOption when it lacks a function or
        one fails or returns something else than values and names.
        """
        window = Window(0, 0, self.columns, self.rows).clipped(given.series.grid.window)
        found = [name for _, names in self._called(window, given) for name in names]
        return replace(self, outputs=tuple(found))

    def computed(self, window: Window, given: Given) -> Iterator[Array]:
        """Yield the float64 values[row, col] of each feature in a window.

        The functions see windows that lie on multiples of their size, whatever is asked for.
        """
        out = np.empty((len(self.outputs), *window.shape), np.float64)
        size = self.columns, self.rows
        for chunk in tiling(window.aligned(*size), *size):
            chunk = chunk.clipped(given.series.grid.window)
            if chunk.empty:
                continue
            values = np.concatenate([values for values, _ in self._called(chunk, given)], axis=2)
            if values.shape[2] != len(self.outputs):
                raise InvalidOption(
                    f"{os.path.basename(self.path)} returned {len(self.outputs)} features for the "
                    f"first window and {values.shape[2]} for a later one."
                )
            common = chunk.clipped(window)
            rows, cols = common.within(chunk)
            out[common.banded(window)] = np.moveaxis(values[rows, cols], 2, 0)
        return iter(out)

    def _called(self, window: Window, given: Given) -> list[tuple[Array, tuple[str, ...]]]:
        module, series = _loaded(self.path), SeriesWindow(given, window)
        arguments = json.loads(self.arguments or "{}")
        return [self._call(module, name, series, arguments) for name in self.names]

    def _call(
        self, module: ModuleType, name: str, series: SeriesWindow, arguments: dict[str, Any]
    ) -> tuple[Array, tuple[str, ...]]:
        function = getattr(module, name, None)
        if not callable(function):
            raise InvalidOption(f"{os.path.basename(self.path)} has no function {name!r}.")
        with failing(f"{name} of {os.path.basename(self.path)}", self.path):
            found = function(series, **arguments)
        if not (isinstance(found, tuple) and len(found) == 2):
            raise InvalidOption(f"{name} must return (values, names); it returned {type(found)}.")
        values, names = np.asarray(found[0], np.float64), tuple(map(str, found[1]))
        values = values[..., None] if values.ndim == 2 else values
        if values.shape != (*series.window.shape, len(names) or values.shape[-1]):
            raise InvalidOption(
                f"{name} returned values of shape {values.shape} with {len(names)} names for a "
                f"window of {series.window.shape} (rows, columns)."
            )
        return values, names or tuple(f"{name}_{k}" for k in range(1, values.shape[2] + 1))


@dataclass
class SeriesWindow:
    """What a user function is given: getters of a window, (rows, columns, dates) as float32.

    `get_<sensor>_<band or index>()`, the same with `interpolated_` or `raw_` before the sensor,
    `get_<sensor>_binary_masks()`, `masks()`, `dates()`, `raw_dates()`. Names of sensors and bands
    may be written in small or large letters.
    """

    given: Given
    window: Window
    _read: dict[str, Array] = field(default_factory=dict)

    def dates(self, sensor: str = "") -> list[str]:
        """Return the dates of the series, YYYYMMDD."""
        return list(self._sensor(self.given.parted, sensor).dates)

    def raw_dates(self, sensor: str = "") -> list[str]:
        """Return the dates before gaps were filled."""
        return list(self._sensor(self._raw_layout(), sensor).dates)

    def masks(self) -> Array:
        """Return the masks of the raw dates: 0 valid, 1 clouded, 2 not acquired."""
        if self.given.masks is None:
            raise InvalidOption("A user function asks for masks; there are none here.")
        return np.moveaxis(self._values("masks", self.given.masks), 0, 2)

    def get_interpolated_dates(self) -> dict[str, list[str]]:
        """Return the dates of each sensor."""
        return {one.sensor: list(one.dates) for one in self.given.parted.sensors}

    def get_raw_dates(self) -> dict[str, list[str]]:
        """Return the dates of each sensor before gaps were filled."""
        return {one.sensor: list(one.dates) for one in self._raw_layout().sensors}

    def __getattr__(self, name: str) -> Callable[[], Array]:
        """Return a getter by its name."""
        found = _GETTER.fullmatch(name.lower())
        if not found:
            raise AttributeError(name)
        if found["what"] in ("binary_masks", "masks"):
            return self.masks
        return lambda: self._got(found["kind"] == "raw_", found["sensor"], found["what"])

    def _got(self, raw: bool, sensor: str, what: str) -> Array:
        image = self.given.raw if raw else self.given.series
        parted = self._raw_layout() if raw else self.given.parted
        one = self._sensor(parted, sensor)
        if image is None or (what not in one.bands and what not in NAMES):
            raise InvalidOption(
                f"A user function asks for {what!r} of {sensor}; there are {', '.join(one.bands)}."
            )
        values = self._values("raw" if raw else "series", image)
        if what in one.bands:
            found = values[one.rows[:, one.bands.index(what)]]
        else:
            found = self.given.index(one, what, values[one.rows].astype(np.float64))
        return np.moveaxis(found, 0, 2).astype(np.float32)

    def _raw_layout(self) -> Layout:
        if self.given.raw is None:
            raise InvalidOption(
                "A user function asks for the raw series; only the filled one is known here."
            )
        return layout(self.given.raw)

    def _sensor(self, parted: Layout, name: str) -> SensorBands:
        known = {one.sensor: one for one in parted.sensors}
        wanted = name.lower() or next(iter(known))
        if wanted not in known:
            raise InvalidOption(
                f"A user function asks for {name!r}; the series has {', '.join(known)}."
            )
        return known[wanted]

    def _values(self, key: str, image: Image) -> Array:
        if key not in self._read:
            self._read[key] = image.read(self.window).values
        return self._read[key]


def checked_arguments(text: str) -> str:
    """Return JSON keyword arguments as they are.

    Raises InvalidOption when they are no JSON object.
    """
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise InvalidOption(f"Arguments: {text!r} is no JSON ({error}).") from error
    if not isinstance(found, dict):
        raise InvalidOption(f'Arguments: {text!r} is no JSON object such as {{"k": 1}}.')
    return text or "{}"


def _loaded(path: str) -> ModuleType:
    """Run a Python file and return it as a module that is not kept anywhere."""
    title = os.path.basename(path)
    spec = importlib.util.spec_from_file_location("orthoweave_user_functions", path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise ImageIOError(f"{title} cannot be read as a Python file.")
    module = importlib.util.module_from_spec(spec)
    with failing(title, path):
        try:
            spec.loader.exec_module(module)
        except (SyntaxError, ImportError, OSError) as error:
            raise ImageIOError(f"{title} cannot be run: {error}.") from error
    return module


@contextmanager
def failing(what: str, path: str) -> Iterator[None]:
    """Say what went wrong in the code of the user, and in which line of the file at `path`."""
    try:
        yield
    except OrthoweaveError:
        raise
    except (*FAILURES, SystemExit) as error:
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == path
        ]  # fmt: skip
        where = f", line {lines[-1]}" if lines else ""
        kind = type(error).__name__
        raise InvalidOption(f"{what} failed{where}: {kind}: {error}.") from error
