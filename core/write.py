# SPDX-License-Identifier: GPL-2.0-or-later
"""Put the pixels of an image on disk: the only place that writes rasters."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .executor import each, processors
from .image import Array, Image, Pixels, representable
from .progress import SILENT, Progress
from .raster import RasterImage, handles
from .raster.create import STAMP, Format, Target, create, optimize
from .raster.style import image_style
from .requests import Writing
from .resuming import reusable, stamp
from .room import needed_bytes, refuse_full_disk, size_text
from .stage import staged
from .survey import OwnCollector
from .tally import Tally
from .windows import SWATH, Window, swaths
from .writable import assembled, marked

BLOCK = 512
ACROSS = 2
"""Most blocks side by side in a window."""

OPEN_FILES = 64
"""Files that are open at once, unless the request says otherwise."""

KEPT = 4096
"""Values of a band kept for the stretch of the style."""


@dataclass(frozen=True)
class Written:
    """What was written: path, pixels, bytes, and a few thousand valid values[band, sample].

    `clipped` samples were cut to the range of the type, `moved_from_nodata` ones would have looked
    like nodata. `state` is "kept" for a file of an earlier run, "planned" when nothing was written.
    """

    path: str
    valid_pixels: int
    clipped: int
    moved_from_nodata: int
    bytes: int
    sample: Array
    state: str = "written"


@dataclass(frozen=True)
class Beside:
    """An image that is written window by window with another one of its grid, from one reading.

    `of` makes its pixels of the other one's. Else it is read right after it: what `revisited`
    files have decoded for the other one is still there then.
    """

    image: Image
    path: str
    request: Writing
    of: Callable[[Any], Pixels] | None = None


class Made(Protocol):
    """A file of a run; its state is as in Written."""

    @property
    def path(self) -> str:
        """Where it is."""

    @property
    def state(self) -> str:
        """Whether it is written, kept or planned."""


def write(
    image: Image,
    path: str,
    request: Writing,
    progress: Progress = SILENT,
    collectors: Sequence[OwnCollector] = (),
    beside: Sequence[Beside] = (),
) -> Written:
    """Write an image as GeoTIFF and its style beside it; every window is computed once.

    The file appears under its name when it is complete; `collectors` are fed with what is written,
    or with what an earlier run has written (RESUME). With DRY_RUN nothing is written. Of the image
    and those `beside` it all appear, or none when one fails. Raises ImageIOError with GDAL's
    reason.
    """
    others = [one for one in beside if reusable(one.path, one.image, one.request) is None]
    kept = reusable(path, image, request)
    if kept is not None:
        *parts, last = progress.split(1 + len(others))
        for one, part in zip(others, parts):
            write(one.image, one.path, one.request, part)
        return _kept(kept, request, last, collectors)
    needed = needed_bytes([image, *(one.image for one in others)], request)
    refuse_full_disk(needed, path)
    if getattr(request, "dry_run", False):
        return _planned(image, path, needed, progress)
    made = list[Written]()
    # what stands beside is complete before the first one is
    jobs = [Beside(image, path, request), *others]
    threads = processors(request.threads)
    block = min(_block_size(one.image, request.memory, threads) for one in jobs)
    rest = progress.part(0.9, 1.0).split(len(jobs))
    with together(made, request), ExitStack() as open_files:
        outputs = [
            open_files.enter_context(_output(one, block, made, part))
            for one, part in zip(jobs, reversed(list(rest)))
        ]
        _copy(outputs, request, progress.part(0.0, 0.9), collectors)
    progress.advance(1.0)
    return made[-1]


@dataclass(frozen=True)
class _Output:
    """An image on its way into a file."""

    job: Beside
    target: Target
    tally: Tally


@contextmanager
def _output(
    job: Beside, block: int, made: list[Written], progress: Progress = SILENT
) -> Iterator[_Output]:
    """Give a file to be filled; at the end it gets its name and joins those that are made."""
    image, path, request = job.image, job.path, job.request
    name, tally = os.path.basename(path), Tally.of(image)
    form = Format.parse(request.creation_options, image.dtype, cog=request.cog)
    _warn_of_changes(form, image, progress)
    with staged(path) as temporary:
        with create(temporary, image, form, block, processors(request.threads), name) as target:
            target.note(STAMP, stamp(request))
            yield _Output(job, target, tally)
            values = tally.sampled(image.bands)
            target.set_statistics(values, exact=tally.stride == 1)
            overviews = request.build_overviews and not request.cog
            target.close(_resampling(image) if overviews else "", progress)
        if request.cog:
            progress.phase("Arranging the file for cloud access")
            optimize(temporary, form, _resampling(image), name, progress)
        progress.check()
        _forget_companions(path)
    sample = values[:, :: max(1, values.shape[1] // KEPT)].copy()
    valid, clipped, moved = (int(count) for count in tally.counts)
    moved += target.moved * image.bands
    made.append(Written(path, valid, clipped, moved, os.path.getsize(path), sample))
    style([image], made[-1:])
    if target.moved:
        progress.warn(
            f"{name}: {target.moved} valid pixels had the output's nodata value in every band and "
            "were moved to the value beside it."
        )


def write_all(
    images: Sequence[Image],
    paths: Sequence[str],
    request: Writing,
    progress: Progress = SILENT,
) -> list[Written]:
    """Write images that belong together, with one style; all of them, or none when it fails.

    With RESUME, those that are complete stay when a later one fails.
    """
    written: list[Written] = []
    new = [one for one, path in zip(images, paths) if reusable(path, one, request) is None]
    if new:
        refuse_full_disk(needed_bytes(new, request), paths[0])
    with together(written, request):
        for image, path, part in zip(images, paths, progress.split(len(paths))):
            written.append(write(image, path, request, part))
        style(images, written)
    return written


@contextmanager
def together(made: Sequence[Made], request: Any) -> Iterator[None]:
    """Remove the files of a run, which are collected meanwhile, when a later one fails.

    With RESUME they stay; files that were kept or only planned do so in any case.
    """
    with ExitStack() as undo:
        if getattr(request, "resume", "no") == "no":
            undo.callback(_remove, made)
        yield
        undo.pop_all()


def paths_of(written: Sequence[Written]) -> tuple[str, ...]:
    """Return the paths of the files that exist now: none of a run that only planned."""
    return tuple(one.path for one in written if one.state != "planned")


def _kept(
    found: RasterImage, request: Writing, progress: Progress, collectors: Sequence[OwnCollector]
) -> Written:
    """Count a file of an earlier run instead of writing it."""
    name = os.path.basename(found.path)
    progress.info(f"{name} exists and is kept.")
    tally = Tally.of(found)
    everybody = (tally, *collectors)

    def look(window: Window) -> list[Any]:
        pixels = found.read(window)
        return [one.feed(0, window, pixels) for one in everybody]

    windows = list(_windows(found.grid.window, BLOCK, BLOCK))
    for partials in each(
        look, windows, threads=request.threads, progress=progress, total=len(windows)
    ):
        for collector, partial in zip(everybody, partials):
            collector.merge(partial)
    values = tally.sampled(found.bands)
    sample = values[:, :: max(1, values.shape[1] // KEPT)].copy()
    size = os.path.getsize(found.path)
    return Written(found.path, int(tally.counts[0]), 0, 0, size, sample, "kept")


def _planned(image: Image, path: str, needed: float, progress: Progress) -> Written:
    """Say what would be written."""
    grid = image.grid
    progress.info(
        f"Planned: {path}, {grid.width} × {grid.height} px, {image.bands} bands {image.dtype}, "
        f"about {size_text(needed)}."
    )
    progress.advance(1.0)
    return Written(path, 0, 0, 0, int(needed), np.empty((image.bands, 0)), "planned")


def _remove(made: Sequence[Made]) -> None:
    """Remove files that this run has written, and their styles."""
    for path in (one.path for one in made if one.state == "written"):
        for file in (path, os.path.splitext(path)[0] + ".qml"):
            with suppress(FileNotFoundError):
                os.remove(file)


def style(images: Sequence[Image], written: Sequence[Written]) -> None:
    """Write the styles of files that belong together: one stretch for all with as many bands.

    From the 2 to the 98 % of their pooled valid values, band by band.
    """
    samples: dict[int, list[Array]] = {}
    done = [(image, one) for image, one in zip(images, written) if one.state != "planned"]
    for _, one in done:
        samples.setdefault(len(one.sample), []).append(one.sample)
    pooled = {bands: _stretch(np.concatenate(found, 1)) for bands, found in samples.items()}
    for image, one in done:
        if not image.details.color_table:
            image_style(
                one.path,
                image.band_names,
                image.bands,
                pooled[len(one.sample)],
                colors=image.details.colors,
                alpha=image.nodata is None and image.details.validity in ("alpha", "mask"),
            )


_Window = tuple[Pixels, int, Any]
"""A window of a file, how many of its pixels were moved away from nodata, and counts of it."""


@dataclass(frozen=True)
class _Recipe:
    """How the windows of a file are computed, wherever that is done."""

    job: Beside
    tally: Tally

    def made(self, window: Window, first: Pixels | None) -> _Window:
        """Compute a window, given that of the first file."""
        image, size = self.job.image, self.job.request.window_size
        found = self.job.of(first) if self.job.of else assembled(image, window, size)
        pixels, moved = marked(found, representable(image.nodata, image.dtype))
        return pixels, moved, self.tally.feed(0, window, pixels)


def _copy(
    outputs: Sequence[_Output],
    request: Writing,
    progress: Progress,
    collectors: Sequence[OwnCollector],
) -> None:
    """Compute window after window over the executor and write whole blocks."""
    threads, files = processors(request.threads), getattr(request, "max_open_files", OPEN_FILES)
    image, recipes = outputs[0].job.image, [_Recipe(one.job, one.tally) for one in outputs]
    images = [one.job.image for one in outputs]
    width, height = _chunk(images, outputs[0].target.block, request.memory, threads)
    area = image.grid.window
    total = math.ceil(area.width / width) * math.ceil(area.height / height)
    swath = getattr(image, "swath", SWATH)
    row = math.ceil(min(swath, area.width) / width)

    def compute(item: tuple[int, Window]) -> tuple[Window, list[_Window], list[Any]]:
        number, window = item
        with handles.limited(files, threads), handles.turn(number, row):
            found = [recipes[0].made(window, None)]
            found += [recipe.made(window, found[0][0]) for recipe in recipes[1:]]
            return window, found, [one.feed(0, window, found[0][0]) for one in collectors]

    windows = _windows(area, width, height, swath)
    for window, found, partials in each(
        compute, enumerate(windows), threads=threads, progress=progress, total=total
    ):
        for collector, partial in zip(collectors, partials):
            collector.merge(partial)
        for output, (pixels, moved, counts) in zip(outputs, found):
            output.tally.merge(counts)
            output.target.put(window, pixels)
            output.target.moved += moved


def _windows(area: Window, width: int, height: int, swath: int = SWATH) -> Iterator[Window]:
    return swaths(area, max(width, swath // width * width), width, height)


def _pixel_bytes(image: Image) -> int:
    """Memory of a pixel while it is computed: twice as it is, once in float."""
    return image.bands * (2 * image.dtype.itemsize + 8) + 8


def _block_size(image: Image, memory: int, threads: int) -> int:
    """Side of the blocks: 512 px, less when one window of it would not fit the memory."""
    block = BLOCK
    room = (memory << 20) / (2 * threads + 2) / _pixel_bytes(image)
    while block > 64 and block * block > room:
        block //= 2
    return block


def _chunk(
    images: Sequence[Image], block: tuple[int, int], memory: int, threads: int
) -> tuple[int, int]:
    """Width and height of the windows: whole blocks, a few of them side by side.

    Small blocks are bundled; a strip is always written whole.
    """
    needed = sum(_pixel_bytes(one) + getattr(one, "reading_bytes", 0) for one in images)
    room = (memory << 20) / (2 * threads + 2) / needed
    width = block[0] * max(1, min(BLOCK, int(room // block[1])) // block[0])
    height = block[1] * max(1, min(BLOCK, int(room // width)) // block[1])
    across = max(1, min(ACROSS, int(room // (width * height))))
    fair = math.ceil(images[0].grid.width / width / threads)
    return (width * max(1, min(across, fair)), height)


def _warn_of_changes(form: Format, image: Image, progress: Progress) -> None:
    option = form.changing(image.dtype)
    if option:
        progress.warn(
            f"Creation options: with {option} the file may hold other values than were computed, "
            "also where nodata tells what is valid."
        )


def _resampling(image: Image) -> str:
    return "NEAREST" if image.details.color_table else "AVERAGE"


def _stretch(values: Array) -> tuple[tuple[float, float], ...]:
    """Return the 2 and 98 % of each band's finite samples."""
    pairs = []
    for band in values:
        finite = band[np.isfinite(band)]
        low, high = np.percentile(finite, (2, 98)) if finite.size else (0.0, 1.0)
        pairs.append((float(low), float(high)))
    return tuple(pairs)


def _forget_companions(path: str) -> None:
    """Remove overviews, masks and statistics of the file that is being replaced."""
    for extension in (".ovr", ".msk", ".aux.xml"):
        with suppress(FileNotFoundError):
            os.remove(path + extension)
