# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that appear under their final name only when they are complete."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar

from .errors import ImageIOError

_MADE: ContextVar[list[str] | None] = ContextVar("made", default=None)
"""Folders that were made by the run of this thread."""


@contextmanager
def staged(path: str) -> Iterator[str]:
    """Give a temporary path beside the final one; rename on success, remove on any failure.

    Files that a killed run left for the same target are removed first. Raises ImageIOError when
    the folder cannot be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    stem, extension = os.path.splitext(name)
    make_folder(folder)
    _sweep(folder, stem, extension)
    temporary = os.path.join(folder, f".{stem}.{os.getpid()}.partial{extension}")
    try:
        yield temporary
        os.replace(temporary, os.path.join(folder, name))
    except OSError as error:
        raise ImageIOError(f"{name} cannot be written in {folder}: {_reason(error)}.") from error
    finally:
        _remove_left(folder, os.path.basename(temporary))


def write_text(path: str, text: str) -> str:
    """Write a text file (JSON, HTML, a style) and return its absolute path.

    Its folder is created. Raises ImageIOError with the reason.
    """
    with staged(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return os.path.abspath(path)


def make_folder(folder: str) -> None:
    """Create a folder unless it is there; raises ImageIOError with the reason."""
    made, above = _MADE.get(), os.path.abspath(folder)
    while made is not None and not os.path.exists(above):
        made.append(above)
        above = os.path.dirname(above)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise ImageIOError(f"Folder {folder} cannot be created: {_reason(error)}.") from error
    if not os.access(folder, os.W_OK):
        raise ImageIOError(f"Folder {folder} cannot be written. Choose another one.")


@contextmanager
def no_empty_folders() -> Iterator[None]:
    """Remove the folders that were made meanwhile, when it fails and nothing is in them."""
    made: list[str] = []
    token = _MADE.set(made)
    try:
        with ExitStack() as undo:
            undo.callback(_remove_empty, made)
            yield
            undo.pop_all()
    finally:
        _MADE.reset(token)


def _remove_empty(folders: list[str]) -> None:
    for folder in sorted(set(folders), key=len, reverse=True):
        with suppress(OSError):
            os.rmdir(folder)


def _remove_left(folder: str, temporary: str) -> None:
    """Remove the temporary file, if it still is there, and what GDAL put beside it."""
    for entry in os.listdir(folder):
        if entry == temporary or entry.startswith((temporary + ".", temporary + "-")):
            with suppress(OSError):
                os.remove(os.path.join(folder, entry))


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _sweep(folder: str, stem: str, extension: str) -> None:
    """Remove partial files of the same target whose process is gone."""
    pattern = re.compile(
        rf"\.{re.escape(stem)}\.(\d+)\.partial{re.escape(extension)}([.-][a-z.]+)?$"
    )
    for entry in os.listdir(folder):
        found = pattern.match(entry)
        if found and not alive(int(found.group(1))):
            # a file that is open elsewhere (Windows) stays until its owner is gone
            with suppress(OSError):
                os.remove(os.path.join(folder, entry))


def alive(process: int) -> bool:
    """Return True while another process runs; on Windows an open file refuses removal instead."""
    if process == os.getpid():
        return False
    if sys.platform == "win32":
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
