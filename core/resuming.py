# SPDX-License-Identifier: GPL-2.0-or-later
"""Outputs of earlier runs that need not be made again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from .errors import OrthoweaveError
from .image import Image
from .options import Kind, options_of
from .provenance import located, plain
from .raster import RasterImage, open_image
from .raster.create import STAMP

WITHOUT_EFFECT = frozenset(
    ("threads", "memory", "window_size", "max_open_files", "scheduler", "load_outputs")
)
"""Options that change neither a pixel nor what a file declares."""

OF_THE_RUN = frozenset(("resume", "dry_run", "name_pattern", "tiles", "skip_unreadable"))
"""Options that say what is written where, not what is in it."""

READ = (Kind.RASTER, Kind.VECTOR, Kind.POINTS, Kind.LAYER, Kind.FILE)


def stamp(request: Any) -> str | None:
    """Return what a file says about the request that has made it; None if it cannot be resumed.

    Outputs, and options without effect on pixels, do not count.
    """
    if _wish(request) is None:
        return None
    declared = options_of(request)
    values = {
        name: value
        for name, value in located(request).items()
        if not declared[name].kind.destination and name not in WITHOUT_EFFECT | OF_THE_RUN
    }
    algorithm = type(request).__module__.rpartition(".")[2]
    text = json.dumps(plain(values), sort_keys=True, ensure_ascii=True)
    return f"{algorithm} {hashlib.sha256(text.encode()).hexdigest()}"


def reusable(path: str, image: Image, request: Any) -> RasterImage | None:
    """Return the finished file of an earlier run, None when the image has to be written.

    With RESUME = exists any raster will do; with check it must have the size, bands, type and
    request of this run and be younger than the files it is made of.
    """
    resume = _wish(request)
    if resume not in ("exists", "check") or not os.path.isfile(path):
        return None
    try:
        found = open_image(path)
    except OrthoweaveError:
        return None
    return found if resume == "exists" or _same(found, image, request) else None


def _wish(request: Any) -> str | None:
    """What a request says about outputs that exist; some have a yes-or-no option of that name."""
    resume = getattr(request, "resume", None)
    return resume if isinstance(resume, str) else None


def _same(found: RasterImage, image: Image, request: Any) -> bool:
    shape = (found.grid.width, found.grid.height, found.bands, found.dtype)
    if shape != (image.grid.width, image.grid.height, image.bands, image.dtype):
        return False
    if dict(found.details.metadata).get(STAMP) != stamp(request):
        return False
    written = os.path.getmtime(found.path)
    read = _read_jointly if getattr(request, "joint", False) else _read
    files = (*files_below(image), *read(request))
    return all(os.path.getmtime(file) <= written for file in files if os.path.isfile(file))


def _read(request: Any) -> Iterator[str]:
    """Paths of the other files that a request reads, such as polygons."""
    for name, declared in options_of(request).items():
        value = getattr(request, name)
        if declared.kind in READ and isinstance(value, str):
            yield value.partition("|")[0]


def _read_jointly(request: Any) -> Iterator[str]:
    """Paths of all that a request reads where every output depends on all of it.

    Folders and patterns with $ for the image's name mean their files.
    """
    names = [os.path.splitext(os.path.basename(path))[0] for path in request.images]
    for name, declared in options_of(request).items():
        value = getattr(request, name)
        texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        if declared.kind.destination or declared.kind is Kind.CHOICE:
            continue
        for text in (text.partition("|")[0] for text in texts if isinstance(text, str)):
            yield from (text.replace("$", one) for one in (names if "$" in text else ("",)))
            if os.path.isdir(text):
                found = os.scandir(text)
                yield from (entry.path for entry in found if not entry.name.startswith("."))


def files_below(image: Any) -> Iterator[str]:
    """Yield the paths of the files below a view."""
    if isinstance(image, RasterImage):
        yield image.path
    for below in (*getattr(image, "images", ()), getattr(image, "source", None)):
        if below is not None:
            yield from files_below(below)
