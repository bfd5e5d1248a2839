# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw the mean of each band of images before and after a correction, one color for each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..alike import refuse_other_bands
from ..errors import InvalidOption
from ..image import Array, Image, Mask
from ..normalizing.figuring import (
    each_tile,
    matching_order,
    opened,
    refuse_inputs,
    stride_of,
    thinning_note,
    write_drawing,
    write_drawn_report,
)
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..report.html import Report, Verdict, numbers_of
from ..report.spectra import Profile, ProfileLook, mean_spread, profile_figure, profile_table
from ..requests.spectralprofiles import Request as Request
from ..requests.spectralprofiles import Result as Result

NEEDS = (("statistics", ()), ("figures", ("matplotlib",)))
QUARTILES = (0.25, 0.75)

BETTER = 0.9
"""Images whose means differ by less than so many times the former difference agree better."""


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read the images, draw their profiles and say how far their means differ."""
    heard = Recorder(progress)
    sides = [opened(entries, request.nodata) for entries in (request.before, request.after)]
    order = matching_order(*sides)
    images = [*sides[0], *(sides[1][at] for at in order)]
    check(images, request)
    refuse_inputs(request, images)
    progress.phase("Reading the images")
    parts = list(heard.part(0.0, 0.9).split(len(images)))
    found = [profile(i, request.spread, request.threads, p) for i, p in zip(images, parts)]
    _warn_of_empty(found, heard)
    half = len(sides[0])
    titles = request.labels or [image.name for image in sides[0]]
    pairs = [
        (replace(before, name=name), replace(after, name=name))
        for name, before, after in zip(titles, found[:half], found[half:])
    ]
    names = sides[0][0].band_names
    caption = "Mean of the valid pixels of each band: dashed before, solid after." + thinning_note(
        [stride_of(image) for image in images]
    )
    path, figure = write_drawing(
        lambda: profile_figure(pairs, _look(request, names)), request, "Profiles", caption, heard
    )
    spreads = [mean_spread(found[:half]), mean_spread(found[half:])]
    outcome = Result(path, None, spreads[0], spreads[1])
    report = Report(
        title=request.title or "Spectral profiles",
        verdict=_verdict(spreads),
        numbers=numbers_of(outcome),
        figures=(figure,),
        tables=(profile_table(pairs, names),),
        warnings=tuple(heard.warnings),
    )
    progress.advance(1.0)
    return replace(outcome, report=write_drawn_report("spectralprofiles", request, report))


def check(images: Sequence[Image], request: Request) -> None:
    """Raise when bands differ, or names or wavelengths are not as many as what they stand for."""
    bands, half = images[0].bands, len(images) // 2
    for image in images:
        refuse_other_bands(images[0], image)
    for name, given, count in (("LABELS", request.labels, half),
                               ("WAVELENGTHS", request.wavelengths, bands)):  # fmt: skip
        if given and len(given) != count:
            what = "images" if name == "LABELS" else "bands"
            raise InvalidOption(f"{name} has {len(given)} entries for {count} {what}.")


def profile(image: Image, spread: str, threads: int = 0, progress: Progress = SILENT) -> Profile:
    """Return mean and spread of each band over the valid pixels of an image."""
    whole = spread == "quartiles"

    def look(values: Array, valid: Mask) -> tuple[Array, Array]:
        kept = values[:, valid & np.isfinite(values).all(0)]
        wide = kept.astype(np.float64)
        mean = wide.sum(1) / max(1, wide.shape[1])
        squares = ((wide - mean[:, None]) ** 2).sum(1)
        moments = np.stack([np.full(len(wide), float(wide.shape[1])), mean, squares])
        return moments, kept if whole else kept[:, :0]

    tiles = each_tile(image, look, threads=threads, progress=progress)
    count, mean, square = _pooled([moments for moments, _ in tiles], image.bands)
    std = np.sqrt(square / np.maximum(count, 1))
    low, high = mean - std, mean + std
    if whole and count[0]:
        low, high = np.quantile(np.concatenate([kept for _, kept in tiles], 1), QUARTILES, axis=1)
    return Profile(image.name, mean, std, low, high, int(count[0]))


def _pooled(parts: Sequence[Array], bands: int) -> tuple[Array, Array, Array]:
    """Count, mean and sum of squares around it of all tiles, joined one after the other."""
    count, mean, square = np.zeros(bands), np.zeros(bands), np.zeros(bands)
    for n, middle, squares in parts:
        total = np.maximum(count + n, 1)
        apart = middle - mean
        square = square + squares + apart**2 * count * n / total
        mean = mean + apart * n / total
        count = count + n
    return count, mean, square


def _look(request: Request, names: tuple[str, ...]) -> ProfileLook:
    return ProfileLook(
        title=request.title,
        bands_axis=request.bands_axis,
        values_axis=request.values_axis,
        line_width=request.line_width,
        legend=request.legend,
        spread=request.spread != "none",
        positions=request.wavelengths or None,
        band_names=names,
        size=(request.width, request.height),
    )


def _warn_of_empty(found: Sequence[Profile], progress: Progress) -> None:
    for one in found:
        if not one.pixels:
            progress.warn(f"{one.name} has no valid pixels; its profile is 0 and means nothing.")


def _verdict(spreads: Sequence[Any]) -> Verdict:
    before, after = spreads
    if before is None or after is None:
        return Verdict("failed", "No valid pixels could be compared.")
    text = f"The means of the images differ by {after:.2g} % (one standard deviation), before by "
    text += f"{before:.2g} %. Images of different ground differ for a good reason."
    nearer = after <= max(BETTER * before, 1.0)
    return Verdict("good" if nearer else "usable", text)
