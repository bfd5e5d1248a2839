# SPDX-License-Identifier: GPL-2.0-or-later
"""Two text files for each task: what it said, and what it warned of or failed by."""

from __future__ import annotations

import os
import time
import traceback
import zipfile
from dataclasses import dataclass
from typing import Any, TextIO

from ..errors import Cancelled, OrthoweaveError
from ..progress import SILENT, Progress, Recorder
from ..stage import make_folder, staged
from .heap import give_back
from .state import sizes
from .tasks import Task

FOLDER = "logs"

FAILURES = (OrthoweaveError, MemoryError, OSError)
"""Errors that end one task; others are bugs and end the run."""


class _Written(Recorder):
    """Passes everything on, and writes it down."""

    def __init__(self, whole: Progress, out: TextIO, err: TextIO) -> None:
        super().__init__(whole)
        self._out, self._err = out, err

    def phase(self, text: str) -> None:
        super().phase(text)
        self._write(self._out, text)

    def info(self, text: str) -> None:
        super().info(text)
        self._write(self._out, text)

    def verdict(self, text: str) -> None:
        super().verdict(text)
        self._write(self._out, text)

    def warn(self, text: str) -> None:
        super().warn(text)
        self._write(self._err, text)

    @staticmethod
    def _write(file: TextIO, text: str) -> None:
        file.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        file.flush()


@dataclass(frozen=True)
class _Noted:
    """Notes why the work inside ended early; a bug with its traceback."""

    err: TextIO

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Cancelled):
            self.err.write("The user stopped the run.\n")
        elif isinstance(error, FAILURES):
            self.err.write(f"{sentence(error)}\n")
        elif error is not None:
            traceback.print_exception(kind, error, trace, file=self.err)


@dataclass(frozen=True)
class Performed:
    """Seconds that a task took, and what it warned of."""

    seconds: float
    warnings: tuple[str, ...]


def log_path(folder: str, task: Task, ending: str) -> str:
    """Return the log file of a task: ending "out" or "err"."""
    return os.path.join(folder, FOLDER, task.step, f"{task.name}.{ending}")


def perform(task: Task, folder: str, retries: int = 0, progress: Progress = SILENT) -> Performed:
    """Do a task and write its logs below `folder`.

    When the memory does not suffice it is tried again up to `retries` times, each time with half
    the share. Raises what the task raises; the reason stands in its log too.
    """
    started = time.monotonic()
    paths = [log_path(folder, task, ending) for ending in ("out", "err")]
    make_folder(os.path.dirname(paths[0]))
    with open(paths[0], "w", encoding="utf-8") as out, open(paths[1], "w", encoding="utf-8") as err:
        written = _Written(progress, out, err)
        with _Noted(err):
            _tried(task, retries, written)
        give_back()
        seconds = time.monotonic() - started
        out.write(f"Finished after {seconds:.1f} s.\n")
    return Performed(seconds, tuple(written.warnings))


def _tried(task: Task, retries: int, progress: Progress) -> None:
    share = 1.0
    for _ in range(retries):
        try:
            return task.work(progress, share)
        except MemoryError:
            share /= 2
            progress.warn(f"The memory did not suffice; tried again with {share:.3g} of it.")
    return task.work(progress, share)


def sentence(error: BaseException) -> str:
    """Return what an error that ends a task says."""
    if isinstance(error, MemoryError):
        return "The memory does not suffice. Lower MEMORY or THREADS, or give RETRIES."
    return str(error) or type(error).__name__


def pack(folder: str) -> str:
    """Pack all logs of a run into logs.zip, to be attached to an issue; return its path."""
    path = os.path.join(folder, "logs.zip")
    root = os.path.join(folder, FOLDER)
    with staged(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        for place, folders, names in os.walk(root):
            folders.sort()
            for full, _ in sizes(place, names):
                file.write(full, os.path.relpath(full, folder))
    return path
