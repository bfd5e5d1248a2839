# SPDX-License-Identifier: GPL-2.0-or-later
"""What a folder knows of its own run: finished tasks with their files, and who works in it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidOption
from ..progress import SILENT, Progress
from ..provenance import write_json
from ..stage import alive, make_folder, mark
from .tasks import Task

NAME = "tasks_status.json"
LOCK = ".orthoweave.lock"
SMALL = 2**20
"""Files below this size, bytes, are known by what is in them too."""

FRESH = 10.0
"""Seconds in which a run that has just begun says in its lock who it is."""

Fingerprint = Mapping[str, Any]


def fingerprint(path: str) -> Fingerprint | None:
    """Return what tells a version of a file or folder from another; None where there is none.

    A file: size, time, and a digest below 1 MiB. A shapefile: also those of its table and CRS. A
    folder: a digest of its list of files with their sizes and times, without what GDAL notes beside
    images. A layer behind `|` belongs to its file.
    """
    file = path.partition("|")[0]
    if os.path.isdir(file):
        return {"files": _digest(json.dumps(list(_listing(file))).encode())}
    try:
        status = os.stat(file)
        found: dict[str, Any] = {"bytes": status.st_size, "modified": status.st_mtime_ns}
        if status.st_size < SMALL:
            with open(file, "rb") as content:
                found["digest"] = _digest(content.read())
    except (FileNotFoundError, NotADirectoryError):
        return None
    stem, ending = os.path.splitext(file)
    if ending.lower() == ".shp":
        found["parts"] = [fingerprint(stem + part) for part in (".dbf", ".prj", ".cpg")]
    return found


def _listing(folder: str) -> Iterator[tuple[str, int, int]]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path, status in sizes(place, files):
            if not path.endswith(".aux.xml"):
                yield path, status.st_size, status.st_mtime_ns


def sizes(folder: str, names: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and status of files in order; hidden ones come and go while others are written."""
    for name in sorted(names):
        path = os.path.join(folder, name)
        with suppress(FileNotFoundError):
            if not name.startswith(".") and os.path.isfile(path):
                yield path, os.stat(path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Done:
    """A finished task: its signature, and the fingerprints of what it read and wrote."""

    signature: str
    inputs: Mapping[str, Fingerprint | None]
    outputs: Mapping[str, Fingerprint | None]
    seconds: float = 0.0


@dataclass
class State:
    """The finished tasks of a folder; every change is on disk at once."""

    folder: str
    done: dict[str, Done] = field(default_factory=dict)

    def holds(self, task: Task) -> bool:
        """Return True when nothing that a finished task read, wrote or was told has changed."""
        before = self.done.get(task.name)
        return (
            before is not None
            and before.signature == task.signature
            and before.inputs == _prints(task.inputs)
            and before.outputs == _prints(task.outputs)
            and None not in before.outputs.values()
        )

    def add(self, task: Task, seconds: float) -> None:
        """Take note of a task that has just finished."""
        found = Done(task.signature, _prints(task.inputs), _prints(task.outputs), seconds)
        self.done[task.name] = found
        self._save()

    def forget(self, name: str) -> None:
        """Take note that what a task wrote no longer holds."""
        if self.done.pop(name, None):
            self._save()

    def files(self) -> tuple[str, ...]:
        """Return the files inside the folder that finished tasks wrote and nobody changed since."""
        inside = os.path.join(os.path.abspath(self.folder), "")
        return tuple(
            path
            for done in self.done.values()
            for path, before in done.outputs.items()
            if path.startswith(inside) and before is not None and before == fingerprint(path)
        )

    def clean(self) -> int:
        """Remove the files that finished tasks wrote; return how many. Others stay."""
        found = self.files()
        for path in found:
            with suppress(FileNotFoundError):
                os.remove(path)
        self.done.clear()
        self._save()
        return len(found)

    def _save(self) -> None:
        tasks = {name: vars(done) for name, done in sorted(self.done.items())}
        write_json(os.path.join(self.folder, NAME), {"format": 1, "tasks": tasks})


def _prints(paths: Iterable[str]) -> dict[str, Fingerprint | None]:
    return {path: fingerprint(path) for path in paths}


def read_state(folder: str, progress: Progress = SILENT) -> State:
    """Return what a folder knows of earlier runs; nothing when its file cannot be understood."""
    path = os.path.join(folder, NAME)
    try:
        with open(path, encoding="utf-8") as file:
            tasks = json.load(file)["tasks"]
        return State(folder, {name: Done(**values) for name, values in tasks.items()})
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        progress.warn(f"{path} cannot be understood ({error}); every task runs again.")
    return State(folder)


@contextmanager
def locked(folder: str, progress: Progress = SILENT) -> Iterator[None]:
    """Keep a second run out of a folder.

    Raises InvalidOption when another process works there. A lock whose process is gone is taken
    over, which is said.
    """
    make_folder(folder)
    path = os.path.join(folder, LOCK)
    if os.path.exists(path):
        _take_over(path, folder, progress)
    try:
        # open as long as the run lasts: Windows, where no process can be asked, keeps such files
        file = open(path, "x", encoding="utf-8")  # noqa: SIM115
    except FileExistsError as error:
        raise InvalidOption(f"Another run has just started in {folder}. Wait for it.") from error
    try:
        with file:
            holder = {"host": platform.node(), "process": os.getpid(), "mark": mark()}
            json.dump(holder, file)
            file.flush()
            yield
    finally:
        with suppress(FileNotFoundError):
            os.remove(path)


def _take_over(path: str, folder: str, progress: Progress) -> None:
    """Remove a lock whose process is gone; raise InvalidOption while it may be alive."""
    host, process = "", 0
    try:
        with open(path, encoding="utf-8") as file:
            holder = json.load(file)
        host, process = str(holder["host"]), int(holder["process"])
        # a process of our own number may be one before us
        other = process != os.getpid() and alive(process)
        lives = host != platform.node() or holder.get("mark") == mark() or other
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        lives = time.time() - os.path.getmtime(path) < FRESH
    try:
        if lives:
            raise PermissionError
        os.remove(path)
    except PermissionError as error:
        raise InvalidOption(
            f"Another run works in {folder} (process {process} on {host}). Wait for it, choose "
            f"another folder, or remove {path} if that run is gone."
        ) from error
    progress.warn(f"A run that was stopped (process {process}) left {folder} locked; it goes on.")
