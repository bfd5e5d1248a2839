# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of vector files: what folders and patterns mean."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from ..errors import InvalidOption
from ..progress import SILENT, Progress
from ..raster.listing import natural


def expand_vectors(entries: Sequence[str], progress: Progress = SILENT) -> tuple[str, ...]:
    """Return the sources that files, folders (their *.gpkg) and patterns mean.

    Order as given, natural order inside a folder or pattern; "|layername=x" stays behind each
    path; a source given twice counts once. Raises InvalidOption for an entry that means no file.
    """
    found: dict[str, None] = {}
    for entry in entries:
        path, separator, options = entry.partition("|")
        for file in _files(path, entry):
            source = file + separator + options
            if source in found:
                progress.warn(f"{os.path.basename(source)} is given twice; it is used once.")
            found[source] = None
    return tuple(found)


def _files(path: str, entry: str) -> list[str]:
    if os.path.isfile(path):
        return [os.path.abspath(path)]
    if os.path.isdir(path):
        listed = [n for n in os.listdir(path) if n.lower().endswith(".gpkg") and n[0] != "."]
        paths = [os.path.join(path, name) for name in listed]
    elif glob.has_magic(path):
        paths = [name for name in glob.glob(path, recursive=True) if os.path.isfile(name)]
    else:
        # what GDAL opens without being a file, such as /vsizip/…
        paths = [path] if path.startswith("/vsi") else []
    if not paths:
        raise InvalidOption(
            f'"{entry}" matches no vector file. Give files, a folder with *.gpkg or a pattern.'
        )
    return [
        name if name.startswith("/vsi") else os.path.abspath(name)
        for name in sorted(paths, key=natural)
    ]
