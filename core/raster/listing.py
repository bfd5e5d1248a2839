# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of images: what folders and patterns mean, and the names of the outputs."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from osgeo import gdal

from ..errors import ImageIOError, IncompatibleImages, InvalidOption
from ..image import representable
from ..progress import SILENT, Progress
from ..requests import Images
from ..stage import make_folder
from .crs import crs_title
from .errors import quiet
from .source import RasterImage, open_image

EXTENSIONS = (".tif", ".tiff", ".vrt", ".jp2")
LISTED = 12
"""Images named in the log; the rest is counted."""


def expand(entries: Sequence[str], progress: Progress = SILENT) -> tuple[str, ...]:
    """Return the absolute paths that files, folders and patterns mean.

    Order as given, natural order inside a folder or pattern; a path given twice counts once.
    Raises InvalidOption for an entry that means no file.
    """
    found: dict[str, None] = {}
    for entry in entries:
        for path in _paths(entry):
            if path in found:
                progress.warn(f"{os.path.basename(path)} is given twice; it is used once.")
            found[path] = None
    if not found:
        raise InvalidOption("Images: none given. Give files, a folder or a pattern.")
    return tuple(found)


def open_images(
    entries: Sequence[str],
    *,
    nodata: float | None = None,
    progress: Progress = SILENT,
) -> tuple[RasterImage, ...]:
    """Open every image that files, folders and patterns mean, and say what they are.

    Raises ImageIOError for one that cannot be opened.
    """
    return _opened(expand(entries, progress), nodata, False, progress)


def open_listed(
    request: Images, progress: Progress = SILENT
) -> tuple[tuple[RasterImage, ...], int]:
    """Open the images of a request, and return them and how many were left out with a warning.

    Folders and patterns are looked up once, before the run itself writes anything into them.
    """
    paths = expand(request.images, progress)
    images = _opened(paths, request.nodata, request.skip_unreadable, progress)
    return images, len(paths) - len(images)


def _opened(
    paths: Sequence[str], nodata: float | None, skip_unreadable: bool, progress: Progress
) -> tuple[RasterImage, ...]:
    images, replaced = [], []
    for path in paths:
        try:
            images.append(open_image(path, nodata))
            if nodata is not None and _declares_another(path, nodata):
                replaced.append(images[-1])
        except (ImageIOError, IncompatibleImages) as error:
            if not skip_unreadable:
                raise
            progress.warn(f"{error} It is left out.")
    if not images:
        raise ImageIOError("None of the images can be opened.")
    _introduce(images, progress)
    if nodata is not None:
        _explain(nodata, images, replaced, progress)
    return tuple(images)


def output_paths(
    images: Sequence[RasterImage], folder: str, pattern: str, extension: str = ".tif"
) -> tuple[str, ...]:
    """Return the output path of each image and create the folder.

    Raises InvalidOption for a pattern that is no name, when two images would get one name, or when
    an input would be overwritten.
    """
    if len(images) > 1 and "$" not in pattern:
        raise InvalidOption(f"Names: {pattern!r} needs a $ for {len(images)} images.")
    stem = os.path.basename(pattern)
    if not stem.strip(". ") or stem.lower() in (*EXTENSIONS, extension):
        raise InvalidOption(f"Names: {pattern!r} is no name of a file. Give one, such as $.")
    folder = os.path.abspath(folder)
    taken: dict[str, str] = {}
    if not pattern.lower().endswith((*EXTENSIONS, extension)):
        pattern += extension
    for image in images:
        name = pattern.replace("$", image.name)
        path = os.path.join(folder, name)
        if path in taken:
            raise InvalidOption(f"{image.path} and {taken[path]} would both be written as {name}.")
        taken[path] = image.path
    inputs = _Inputs(image.path for image in images)
    for path in taken:
        inputs.refuse(path)
    for place in dict.fromkeys(os.path.dirname(path) for path in taken):
        make_folder(place)
    return tuple(taken)


def refuse_overwriting(path: str, inputs: Iterable[str]) -> str:
    """Return the absolute path of an output and create its folder.

    Raises InvalidOption when it is one of the inputs.
    """
    refuse_all_overwriting((path,), inputs)
    return os.path.abspath(path)


def refuse_all_overwriting(paths: Iterable[str], inputs: Iterable[str]) -> None:
    """Do the same for several outputs; every input is looked at once."""
    known = _Inputs(inputs)
    for path in map(os.path.abspath, paths):
        known.refuse(path)
        make_folder(os.path.dirname(path))


class _Inputs:
    """Files that no output may replace, whatever they are called there."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = tuple(paths)
        self._own: dict[tuple[int, int] | str, str] = {}
        for path in self._paths:
            self._own.setdefault(_identity(path), path)

    def refuse(self, path: str) -> None:
        """Raise InvalidOption when an output would replace an input or a part of one."""
        identity = _identity(path)
        source = self._own.get(identity)
        if source is not None:
            raise InvalidOption(
                f"Output would overwrite the input {os.path.basename(source)}. Choose another name."
            )
        # a file that does not exist cannot be a part of anything
        source = None if isinstance(identity, str) else self._parts.get(identity)
        if source is not None:
            raise InvalidOption(
                f"Output would overwrite {os.path.basename(path)}, a part of the input "
                f"{os.path.basename(source)}. Choose another name."
            )

    @cached_property
    def _parts(self) -> dict[tuple[int, int] | str, str]:
        """The virtual raster of each file that one is made of."""
        found: dict[tuple[int, int] | str, str] = {}
        for path in self._paths:
            for part in parts_of(path):
                found.setdefault(_identity(part), path)
        return found


def parts_of(path: str) -> tuple[str, ...]:
    """Return the files that a virtual raster is made of; none for any other file."""
    if not path.lower().endswith(".vrt"):
        return ()
    with quiet():
        dataset = gdal.OpenEx(path, gdal.OF_RASTER)
    return tuple(dataset.GetFileList() or ()) if dataset is not None else ()


def _identity(path: str) -> tuple[int, int] | str:
    """What all names of a file have in common; its real path when there is no such file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return os.path.realpath(path)
    return found.st_dev, found.st_ino


def _paths(entry: str) -> list[str]:
    if not entry.strip():
        raise InvalidOption("Images: an entry is empty. Give files, a folder or a pattern.")
    if os.path.isdir(entry):
        inside = [os.path.join(entry, name) for name in _inside(entry)]
        found = [p for p in inside if p.lower().endswith(EXTENSIONS) and not _hidden(p)]
        return _sorted(found) or _nothing(entry)
    if os.path.exists(entry):
        return [os.path.abspath(entry)]
    if glob.has_magic(entry):
        found = [p for p in glob.glob(entry, recursive=True) if os.path.isfile(p)]
        return _sorted(found) or _nothing(entry)
    if ":" in entry or entry.startswith("/vsi"):
        return [entry]
    raise InvalidOption(f"{os.path.basename(entry)} does not exist in {_folder(entry)}.")


def _inside(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageIOError(f"Folder {folder} cannot be read: {reason}.") from error


def _nothing(entry: str) -> list[str]:
    raise InvalidOption(f'"{entry}" matches no raster. Give files, a folder or a pattern.')


def _folder(entry: str) -> str:
    return os.path.dirname(os.path.abspath(entry))


def _hidden(path: str) -> bool:
    return os.path.basename(path).startswith(".")


def _sorted(paths: Iterable[str]) -> list[str]:
    return [os.path.abspath(path) for path in sorted(sorted(paths), key=natural)]


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that puts img_2 before img_10."""
    pieces = re.split(r"(\d+)", name.lower())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in pieces]


def _introduce(images: Sequence[RasterImage], progress: Progress) -> None:
    for image in images[:LISTED]:
        grid = image.grid
        progress.info(
            f"{image.path}: {grid.width} × {grid.height} px, {image.bands} bands {image.dtype}, "
            f"{crs_title(grid.crs)}"
        )
    if len(images) > LISTED:
        progress.info(f"… and {len(images) - LISTED} more images.")


def _declares_another(path: str, nodata: float) -> bool:
    """Return True when a file declares a nodata value that is not the one given for all."""
    declared = open_image(path)
    if representable(nodata, declared.dtype) is None:
        return False
    values = [value for value in declared.nodata_values if value is not None]
    return not np.array_equal(values, [nodata] * len(values), equal_nan=True)


def _explain(
    nodata: float,
    images: Sequence[RasterImage],
    replaced: Sequence[RasterImage],
    progress: Progress,
) -> None:
    """Say what the nodata value given for all images means for those that do not expect it."""
    progress.info(f"Nodata value {nodata:g} replaces what the files declare.")
    if replaced:
        progress.warn(
            f"Nodata value {nodata:g} differs from what {len(replaced)} of {len(images)} images "
            f"declare, such as {os.path.basename(replaced[0].path)}; it is used instead."
        )
    small = [image for image in images if representable(nodata, image.dtype) is None]
    if small:
        rest = len(small) - 1
        others = f" and {rest} more image{'s' * (rest > 1)}" if rest else ""
        keeps = "they declare" if rest else "it declares"
        progress.warn(
            f"Nodata value {nodata:g} does not fit the type of {os.path.basename(small[0].path)}"
            f"{others}; what {keeps} is kept."
        )
