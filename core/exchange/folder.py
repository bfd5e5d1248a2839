# SPDX-License-Identifier: GPL-2.0-or-later
"""A folder of results whose files appear together, when the last one is complete."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..errors import ImageIOError
from ..raster import refuse_overwriting
from ..stage import WorkingFolder, make_folder


def refuse_inputs(paths: Iterable[str | None], inputs: Iterable[str]) -> None:
    """Raise InvalidOption when one of the paths, None left out, is an input."""
    known = tuple(inputs)
    for path in filter(None, paths):
        refuse_overwriting(path, known)


@contextmanager
def assembled(folder: str, inputs: Iterable[str]) -> Iterator[str]:
    """Give an empty folder; its files move to the final one on success, and vanish on failure.

    Files of the same names are replaced there, no other file is touched. Raises ImageIOError when
    a folder cannot be written, InvalidOption when a file would replace an input.
    """
    parent, name = os.path.split(os.path.abspath(folder))
    make_folder(parent)
    try:
        with WorkingFolder(name, parent) as temporary:
            yield temporary
            _move(temporary, os.path.join(parent, name), tuple(inputs))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageIOError(f"Folder {folder} cannot be written: {reason}.") from error


def _move(source: str, target: str, inputs: tuple[str, ...]) -> None:
    files = [
        os.path.relpath(os.path.join(folder, name), source)
        for folder, _, names in os.walk(source)
        for name in names
    ]
    # it also makes the folders that the files go to
    refuse_inputs((os.path.join(target, file) for file in files), inputs)
    for file in files:
        os.replace(os.path.join(source, file), os.path.join(target, file))
