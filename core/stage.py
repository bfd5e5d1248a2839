# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that appear under their final name only when they are complete."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import TypeVar
from zlib import crc32

from .errors import ImageIOError

_MADE: ContextVar[list[str] | None] = ContextVar("made", default=None)
"""Folders that were made by the run of this thread."""

_BORN = os.urandom(2).hex()
"""Tells this process from earlier ones of its number: in a container it may always be the same."""

_HIDDEN = re.compile(r"(?<![\w.])\.([^/\\]*?)\.\d+\.[0-9a-f]{6}\.[0-9a-f]+\.\d+\.partial(?=\W|$)")
"""The name of a file before it is complete; see `staged`."""

_AGAIN = 5
"""Times that a folder is made again because a run that failed has removed it."""

Found = TypeVar("Found")


def mark() -> str:
    """Return what tells this process from all others, on all machines."""
    host = crc32(platform.node().encode()) & 0xFFFFFF
    return f"{host:06x}.{_BORN}.{os.getpid()}"


def gone(process: str) -> bool:
    """Return True when the process of a mark has ended; of another machine nobody knows."""
    (host, born, number), mine = process.split("."), mark().split(".")
    if host != mine[0]:
        return False
    return born != mine[1] if number == mine[2] else not alive(int(number))


@contextmanager
def staged(path: str) -> Iterator[str]:
    """Give a temporary path beside the final one; rename on success, remove on any failure.

    Every thread of every machine has its own. Files that a killed run left for the same target
    are removed first. Raises ImageIOError when the folder cannot be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    stem, extension = os.path.splitext(name)
    unique = f"{stem}.{threading.get_native_id()}.{mark()}"
    temporary = os.path.join(folder, f".{unique}.partial{extension}")
    make_folder(folder)
    try:
        _inside(folder, lambda: _hold(temporary + ".held"))
        _sweep(folder, stem, extension)
        yield temporary
        os.replace(temporary, os.path.join(folder, name))
    except OSError as error:
        raise ImageIOError(f"{name} cannot be written in {folder}: {_reason(error)}.") from error
    finally:
        _remove_left(folder, os.path.basename(temporary))


def final_names(text: str) -> str:
    """Return a text in which files of `staged` have the names they get when they are complete."""
    return _HIDDEN.sub(r"\1", text)


class WorkingFolder(tempfile.TemporaryDirectory[str]):
    """A hidden folder that lasts as long as its context: `name` is where.

    Folders that killed runs left for the same purpose are removed first. Without a folder to lie
    in it is among the temporary files of the system.
    """

    def __init__(self, purpose: str, folder: str | None = None) -> None:
        place = folder or tempfile.gettempdir()
        beginning, ending = f".{purpose}.", f".{mark()}.partial"
        _inside(place, lambda: super(WorkingFolder, self).__init__(ending, beginning, place))
        _sweep(place, purpose, "")


def write_text(path: str, text: str) -> str:
    """Write a text file (JSON, HTML, a style) and return its absolute path.

    Its folder is created. Raises ImageIOError with the reason.
    """
    with staged(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return os.path.abspath(path)


def make_folder(folder: str) -> None:
    """Create a folder unless it is there; raises ImageIOError with the reason."""
    _inside(folder, lambda: os.stat(folder))
    if not os.access(folder, os.W_OK):
        raise ImageIOError(f"Folder {folder} cannot be written. Choose another one.")


def _inside(folder: str, make: Callable[[], Found]) -> Found:
    """Make a folder and something in it; again when a run that fails took the empty one away."""
    made, above = _MADE.get(), os.path.abspath(folder)
    while made is not None and not os.path.exists(above):
        made.append(above)
        above = os.path.dirname(above)
    for left in reversed(range(_AGAIN)):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            if not left or not isinstance(error, FileNotFoundError):
                reason = _reason(error)
                raise ImageIOError(f"Folder {folder} cannot be created: {reason}.") from error
        with suppress(FileNotFoundError):
            return make()
    return make()


@contextmanager
def no_empty_folders(*, planned: bool = False) -> Iterator[None]:
    """Remove the folders that were made meanwhile and are empty, when it fails or only planned."""
    made: list[str] = []
    token = _MADE.set(made)
    try:
        with ExitStack() as undo:
            undo.callback(_remove_empty, made)
            yield
            if not planned:
                undo.pop_all()
    finally:
        _MADE.reset(token)


def _remove_empty(folders: list[str]) -> None:
    for folder in sorted(set(folders), key=len, reverse=True):
        with suppress(OSError):
            os.rmdir(folder)


def _remove_left(folder: str, temporary: str) -> None:
    """Remove the temporary file, if it still is there, and what GDAL put beside it."""
    with suppress(FileNotFoundError):
        for entry in os.listdir(folder):
            if entry == temporary or entry.startswith((temporary + ".", temporary + "-")):
                with suppress(OSError):
                    os.remove(os.path.join(folder, entry))


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _hold(path: str) -> None:
    """Make an empty file, so that its folder stays."""
    open(path, "wb").close()


def _sweep(folder: str, stem: str, extension: str) -> None:
    """Remove partial files and working folders of the same name whose process is gone."""
    pattern = re.compile(
        rf"\.{re.escape(stem)}\.\w+\.([0-9a-f]{{6}}\.[0-9a-f]{{4}}\.\d+)\.partial"
        rf"{re.escape(extension)}([.-][a-z.]+)?$"
    )
    for entry in os.listdir(folder):
        found, path = pattern.match(entry), os.path.join(folder, entry)
        if found and gone(found.group(1)):
            # what is open elsewhere (Windows) stays until its owner is gone
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    os.remove(path)


def alive(process: int) -> bool:
    """Return True while a process runs; on Windows an open file refuses removal instead."""
    if sys.platform == "win32":
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
