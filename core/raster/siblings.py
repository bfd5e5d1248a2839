# SPDX-License-Identifier: GPL-2.0-or-later
"""Files beside an image that may belong to it (masks, overviews, world files), found quickly."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from functools import lru_cache

SETTLED = 2.0
"""Seconds after which a folder's time of change tells every change that follows."""

Names = tuple[tuple[str, str], ...]


def siblings(path: str) -> list[str] | None:
    """Return the names in the folder of a GeoTIFF that begin as its own, whatever the case.

    GDAL would list the whole folder for each file. None: let it do so.
    """
    folder, name = os.path.split(path)
    stem, extension = os.path.splitext(name)
    if extension.lower() not in (".tif", ".tiff") or not folder:
        return None
    try:
        changed = os.stat(folder).st_mtime_ns
        if time.time() - changed / 1e9 < SETTLED:
            return None
        names = _listed(folder, changed)
    except OSError:
        return None
    start = stem.lower()
    at, found = bisect_left(names, (start, "")), []
    while at < len(names) and names[at][0].startswith(start):
        found.append(names[at][1])
        at += 1
    return found


@lru_cache(maxsize=8)
def _listed(folder: str, changed: int) -> Names:
    """Return the names in a folder as it was at a time, in lower case and as they are."""
    return tuple(sorted((name.lower(), name) for name in os.listdir(folder)))
