# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of single steps, given to a run of all of them as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import ImageIOError, InvalidOption
from ..options import Option, build, converted, options_of

Settings = Mapping[str, Mapping[str, Any]]
"""For the id of an algorithm, its options by their names in small letters."""

STEERED = frozenset(
    (
        *("images", "nodata", "skip_unreadable", "load_outputs", "name_pattern", "write_images"),
        *("resume", "dry_run", "footprints", "crs", "seamlines", "load_adjustments", "tiles"),
        *("keep_adjustments", "load_reference_map", "load_local_maps", "save_local_maps"),
        *("tile_overlap", "tile_index"),
    )
)
"""Options of steps that a run of all of them decides itself."""

FILES = frozenset(("output_type", "output_nodata", "cog", "creation_options", "build_overviews"))
"""Options of files that these steps write when they run alone; here there are none."""

UNWRITTEN = ("globalregression", "localblockadjustment")


def settings_of(given: Any, steps: Mapping[str, type], own: Collection[str] = ()) -> Settings:
    """Return the options of steps out of JSON: a table, its text, or the path of a file.

    `steps` are the requests of the steps by id; `own` are options that the whole run has itself and
    hands on. Raises InvalidOption for what is not there, naming what is near.
    """
    found: dict[str, dict[str, Any]] = {}
    for step, values in _table(given).items():
        if step not in steps:
            known = ", ".join(steps)
            raise InvalidOption(
                f"SETTINGS: {step!r} is no step.{_near(step, steps)} Steps: {known}."
            )
        if not isinstance(values, Mapping):
            raise InvalidOption(f"SETTINGS: {step} is not followed by a table of names and values.")
        known_options = options_of(steps[step])
        found[step] = {}
        for name, value in values.items():
            _refuse(step, name, known_options)
            found[step][name.lower()] = _valued(step, known_options[name.lower()], value)
    return found


def request_of(kind: type, step: str, values: Mapping[str, Any], settings: Settings) -> Any:
    """Return the request of a step: values of the run, and over them those of its settings.

    Raises InvalidOption that names the step for a value that is none.
    """
    given = settings.get(step, {})
    try:
        return build(kind, {**values, **given})
    except InvalidOption as error:
        raise InvalidOption(f"SETTINGS, {step}: {error}" if given else str(error)) from error


def _valued(step: str, declared: Option, value: Any) -> Any:
    """Return a value in the type of its option, whether its step runs or not."""
    if value is None:
        return None
    try:
        return converted(declared, value)
    except InvalidOption as error:
        raise InvalidOption(f"SETTINGS, {step}: {error}") from error


def _refuse(step: str, name: str, known: Mapping[str, Option]) -> None:
    option = known.get(name.lower())
    if option is None:
        near = _near(name.lower(), known).upper().replace("DID YOU MEAN", "Did you mean")
        raise InvalidOption(f"SETTINGS: {step} has no option {name!r}.{near}")
    unused = step in UNWRITTEN and name.lower() in FILES
    if unused or option.kind.destination or name.lower() in STEERED:
        raise InvalidOption(
            f"SETTINGS: {name} of {step} is decided by the pipeline itself and cannot be set."
        )


def _near(word: str, known: Collection[str]) -> str:
    found = get_close_matches(word, list(known), 3, 0.5)
    return f" Did you mean {' or '.join(found)}?" if found else ""


def _table(given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    text = str(given or "").strip()
    if not text:
        return {}
    title = "SETTINGS"
    if not text.startswith("{"):
        title = os.path.basename(text)
        text = _content(text)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"{title} is not JSON: {error}.") from error
    if not isinstance(found, Mapping):
        raise InvalidOption(f'{title} is not a table such as {{"globalregression": {{…}}}}.')
    return found


def _content(path: str) -> str:
    name = os.path.basename(path)
    if not os.path.isfile(path):
        raise InvalidOption(f"SETTINGS: {path!r} is neither a JSON table nor a file.")
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise InvalidOption(f"{name} is not JSON: it is not even text.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageIOError(f"{name} cannot be read: {reason}.") from error
