# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw where and by how much an image changed, as a map of the mean difference of its bands."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..alike import file_name, refuse_other_bands
from ..errors import IncompatibleImages, InvalidOption
from ..image import Array, Image, Pixels, read_padded
from ..normalizing.computed import Computed
from ..normalizing.figuring import (
    each_tile,
    refuse_inputs,
    small_picture,
    stride_of,
    thinning_note,
    write_drawing,
    write_drawn_report,
)
from ..placement import onto, refuse_other_crs
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..raster import open_image
from ..report.html import Report, Verdict, numbers_of
from ..report.maps import MapTexts, difference_figure
from ..requests import Writing
from ..requests.differencemap import Request as Request
from ..requests.differencemap import Result as Result
from ..windows import Window
from ..write import write

NEEDS = (("statistics", ()), ("figures", ("matplotlib",)))

LONGEST = 2000
"""Pixels of the map along its longer axis."""

SHOWN = 0.98
"""Part of the differences that the colors reach, without sign."""


@dataclass(frozen=True)
class Difference(Computed):
    """Mean over bands of an image after minus before, valid where both are; in % if relative.

    `place` is where the image after lies on the pixels of the source.
    """

    after: Image
    place: Window
    compared: tuple[int, ...]
    relative: bool = False

    @property
    def band_names(self) -> tuple[str, ...]:
        """What it is."""
        return ("difference, %" if self.relative else "difference",)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Compare the pixels of a window."""
        there = window.shifted(-self.place.col, -self.place.row)
        before = self.source.read(window, self.compared)
        after = read_padded(self.after, there, self.compared, rounded=False)
        means = [found.values.astype(np.float64).mean(0) for found in (before, after)]
        values = means[1] - means[0]
        if self.relative:
            level = np.where(means[0] != 0, means[0], np.nan)
            values = 100 * values / level
        valid = before.valid & after.valid & np.isfinite(values)
        return Pixels(np.where(valid, values, np.nan).astype(np.float32)[None], valid)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Compare two images, draw the map and write the differences if they are asked for."""
    heard = Recorder(progress)
    before, after = (open_image(path, request.nodata) for path in (request.before, request.after))
    refuse_inputs(request, (before, after), request.output_raster)
    view = difference(before, after, request)
    progress.phase("Comparing the images")
    values = _lattice(view, request.threads, heard.part(0.0, 0.4))
    if not values.size:
        heard.warn(f"{before.name} and {after.name} have no valid pixels in common.")
    numbers = _numbers(values, request)
    caption = (
        "After minus before, mean over the bands; red is more, blue less. Gray: not valid in both."
        + thinning_note([stride_of(view)])
    )
    side = min(LONGEST, math.ceil(max(request.width, request.height) * request.dpi))
    picture, valid = small_picture(
        view, side, threads=request.threads, progress=heard.part(0.4, 0.7)
    )
    note = (
        f"mean {numbers['mean_difference']:.4g} · without sign "
        f"{numbers['mean_absolute_difference']:.4g} · RMS {numbers['rms_difference']:.4g}"
    )
    label = f"{request.label}, %" if request.relative else request.label
    texts = MapTexts(request.title, request.subtitle, label, note)
    size = (request.width, request.height)
    path, figure = write_drawing(
        lambda: difference_figure(picture[0], valid, numbers["scale_limit"], texts, size),
        request,
        "Difference",
        caption,
        heard,
    )
    raster = _raster(view, request, heard.part(0.7, 1.0))
    outcome = Result(path, None, raster, **numbers)
    report = Report(
        title=request.title or "Difference map",
        verdict=_verdict(values, note, request),
        numbers=numbers_of(outcome),
        figures=(figure,),
        warnings=tuple(heard.warnings),
    )
    progress.advance(1.0)
    return replace(outcome, report=write_drawn_report("differencemap", request, report))


def difference(before: Image, after: Image, request: Request) -> Difference:
    """Return the difference of two images as a view on the pixels of the first one.

    Raises IncompatibleImages for other bands or CRSs or places, InvalidOption for a band that
    does not exist.
    """
    refuse_other_bands(before, after)
    refuse_other_crs([before, after])
    bands = tuple(int(band) for band in request.bands) or tuple(range(1, before.bands + 1))
    if max(bands) > before.bands:
        raise InvalidOption(
            f"Bands: {max(bands)} was asked for, and {file_name(before)} has {before.bands} bands."
        )
    seen = onto(after, before.grid, request.resampling)
    place = before.grid.placed(seen.grid)
    if place.clipped(before.grid.window).empty:
        raise IncompatibleImages(f"{file_name(before)} and {file_name(after)} do not overlap.")
    return Difference(before, seen, place, bands, request.relative)


def _lattice(view: Image, threads: int, progress: Progress) -> Array:
    tiles = each_tile(view, lambda v, m: v[0][m], threads=threads, progress=progress)
    values: Array = np.concatenate([np.zeros(0, np.float32), *tiles])
    return values.astype(np.float64)


def _numbers(values: Array, request: Request) -> dict[str, float]:
    given = [abs(v) for v in (request.scale_min, request.scale_max) if v is not None]
    size = np.abs(values)
    limit = max(given) if given else float(np.quantile(size, SHOWN)) if values.size else 1.0
    limit = limit if limit > 0 else float(size.max(initial=0.0)) or 1.0
    known = values if values.size else np.array([math.nan])
    return {
        "mean_difference": float(known.mean()),
        "mean_absolute_difference": float(np.abs(known).mean()),
        "rms_difference": float(np.sqrt((known**2).mean())),
        "scale_limit": limit,
    }


def _raster(view: Image, request: Request, progress: Progress) -> str | None:
    if not request.output_raster:
        return None
    how = Writing(threads=request.threads, memory=request.memory, window_size=request.window_size)
    return os.path.abspath(write(view, request.output_raster, how, progress).path)


def _verdict(values: Array, note: str, request: Request) -> Verdict:
    if not values.size:
        return Verdict("failed", "No pixel is valid in both images.")
    unit = "% of the mean before" if request.relative else "units of the images"
    return Verdict("good", f"{values.size:,} pixels were compared, in {unit}: {note}.")
