# SPDX-License-Identifier: GPL-2.0-or-later
"""What a work folder knows of the models in it: made of what, when, and whether anybody edited."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import OrthoweaveError
from ..options import options_of
from ..progress import SILENT, Progress
from ..provenance import located, plain, write_json
from ..resuming import WITHOUT_EFFECT
from ..vector import read_polygons
from ..version import package_version

NAME = "pipeline.json"
VERSION = 1

NEW, KEPT, EDITED = "computed", "reused", "edited"
"""What becomes of the models of a step."""


@dataclass(frozen=True)
class Entry:
    """A finished step: its options, a digest of all it is made of, digests of its files."""

    request: Mapping[str, Any]
    key: str
    files: Mapping[str, str]
    seconds: float = 0.0
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Journal:
    """The steps of a work folder; every change is on disk at once.

    With `resume`, models are used again that were made of the same things, and edited ones always.
    """

    folder: str
    resume: bool = True
    entries: dict[str, Entry] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    known: dict[str, tuple[Mapping[str, Any], Any, Sequence[str]]] = field(default_factory=dict)

    def judge(
        self,
        step: str,
        request: Mapping[str, Any],
        made_of: Any,
        upstream: Sequence[str] = (),
        progress: Progress = SILENT,
    ) -> str:
        """Return what becomes of the models of a step: NEW, KEPT or EDITED.

        `made_of` is all else they depend on; `upstream` are the steps before whose models it uses.
        """
        self.known[step] = (request, made_of, upstream)
        fresh = any(self.states.get(one) == NEW for one in upstream)
        key, entry, state = self._key(step), self.entries.get(step), NEW
        if self.resume and entry is not None:
            prints = self._prints(step)
            if prints == entry.files:
                state = KEPT if entry.key == key and not fresh else NEW
            elif None not in prints.values():
                state = EDITED
                self._tell(entry, prints, progress, stale=fresh or entry.key != key)
        self.states[step] = state
        return state

    def begin(self, step: str) -> None:
        """Forget the models of a step that are about to be written anew.

        So a run that ends in between does not leave what looks like an edit by hand.
        """
        if self.entries.pop(step, None) is not None:
            self._save()

    def finish(
        self,
        step: str,
        files: Iterable[str],
        seconds: float = 0.0,
        numbers: Mapping[str, Any] | None = None,
    ) -> None:
        """Take note of a step that has just written its models."""
        prints = {name: str(print_of(os.path.join(self.folder, name))) for name in files}
        request, key = self.known[step][0], self._key(step)
        self.entries[step] = Entry(request, key, prints, round(seconds, 3), dict(numbers or {}))
        self._save()

    def numbers(self, step: str) -> Mapping[str, Any]:
        """Return what a step has noted beside its models."""
        entry = self.entries.get(step)
        return entry.numbers if entry else {}

    def _key(self, step: str) -> str:
        request, made_of, upstream = self.known[step]
        files = [self._prints(one) for one in upstream]
        return digest([VERSION, step, request, made_of, files])

    def _prints(self, step: str) -> dict[str, str | None]:
        entry = self.entries.get(step)
        names = entry.files if entry else ()
        return {name: print_of(os.path.join(self.folder, name)) for name in names}

    def _tell(
        self, entry: Entry, prints: Mapping[str, str | None], progress: Progress, *, stale: bool
    ) -> None:
        names = ", ".join(name for name in prints if prints[name] != entry.files[name])
        rest = " although what it was made of has changed since" if stale else ""
        progress.warn(
            f"{names}: edited since it was computed, and used as it is{rest}. Delete it to have it "
            "computed again."
        )

    def _save(self) -> None:
        steps = {step: asdict(entry) for step, entry in self.entries.items()}
        facts = {"version": VERSION, "orthoweave": package_version(), "steps": steps}
        write_json(os.path.join(self.folder, NAME), facts)


def open_journal(folder: str, *, resume: bool, progress: Progress = SILENT) -> Journal:
    """Return what a work folder knows; nothing when its file cannot be understood."""
    path = os.path.join(folder, NAME)
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        if found["version"] != VERSION:
            return Journal(folder, resume)
        entries = {step: Entry(**values) for step, values in found["steps"].items()}
        return Journal(folder, resume, entries)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        progress.warn(f"{path} cannot be understood ({error}); all models are computed again.")
    return Journal(folder, resume)


def print_of(path: str) -> str | None:
    """Return a digest of what is in a model's file; None when it cannot be read.

    Of layers it is that of shapes and fields: to look at a layer changes its file.
    """
    try:
        if path.endswith(".gpkg"):
            features = read_polygons(path, None) if os.path.isfile(path) else ()
            rows = [(one.geometry.hex(), sorted(map(str, one.values.items()))) for one in features]
            return digest(sorted(rows)) if rows else None
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except (OSError, OrthoweaveError):
        return None


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON."""
    text = json.dumps(plain(value), sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def facts_of(paths: Iterable[str]) -> list[tuple[str, int, int]]:
    """Return path, size and time of files that are there."""
    found = []
    for path in paths:
        file = path.partition("|")[0]
        if os.path.isfile(file):
            status = os.stat(file)
            found.append((os.path.abspath(file), status.st_size, status.st_mtime_ns))
    return found


def telling(request: Any, kind: type | None = None) -> dict[str, Any]:
    """Return the options of a request that can change a model; those of `kind` only, if given."""
    declared = options_of(request)
    wanted = declared if kind is None else options_of(kind)
    values = located(request)
    return {
        name: values[name]
        for name in sorted(values)
        if name in wanted and name not in WITHOUT_EFFECT and not declared[name].kind.destination
    }
