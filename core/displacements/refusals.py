# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairs that cannot be measured: the sentence that says why."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..alike import file_name
from ..errors import IncompatibleImages
from ..executor import each
from ..image import Image, View, read_padded
from ..masks.restricted import OneBand, Restricted, WithoutValues
from ..windows import Window, tiling
from .overview import Overview
from .pair import Pair
from .passes import Run

SIDE = 1024
ROUNDING = 16
"""Range of values, in last digits of the largest, below which an image is flat."""


def refuse_empty(pair: Pair, views: Overview, run: Run) -> None:
    """Raise IncompatibleImages when one of the images has no valid pixel, with the causes."""
    level = views.levels[views.finest]
    for name, small, image in (
        ("reference", level.reference, pair.reference),
        ("moving image", level.moving, pair.moving),
    ):
        if not small.read(small.grid.window).valid.any():
            raise IncompatibleImages(
                f"No valid pixel is left in the {name} {file_name(origin(image))}"
                f"{_causes(image, run)}."
            )


def refuse_flat(pair: Pair, views: Overview) -> None:
    """Raise IncompatibleImages when all valid values of an image are the same."""
    level = views.levels[views.coarse]
    for name, small, image in (
        ("reference", level.reference, pair.reference),
        ("moving image", level.moving, pair.moving),
    ):
        found = small.read(small.grid.window)
        values = found.values[0][found.valid]
        low, high = float(values.min()), float(values.max())
        digit = float(np.finfo(values.dtype).eps) * max(abs(low), abs(high))
        if high - low <= ROUNDING * digit:
            raise IncompatibleImages(
                f"The {name} has no texture in band {band_of(image)} (the 2 and 98 % values are "
                f"both {np.median(values):g})."
            )


def chain(image: Image) -> Iterator[Image]:
    """Yield an image and all that it is a view of, the file last."""
    yield image
    while isinstance(image, View):
        image = image.source
        yield image


def origin(image: Image) -> Image:
    """Return the image at the bottom of views."""
    return list(chain(image))[-1]


def band_of(image: Image) -> int:
    """Return the number of the band that a one-band view shows."""
    return next((one.band for one in chain(image) if isinstance(one, OneBand)), 1)


def _causes(image: Image, run: Run) -> str:
    """Tell how many pixels each view took, from the file on."""
    layers = [one for one in chain(image) if isinstance(one, (Restricted, WithoutValues))][::-1]
    bottom = layers[0].source if layers else image
    counts = _valid_counts([bottom, *layers], run)
    whole = bottom.grid.window.pixels
    lost = [f"{whole - counts[0]} are nodata"]
    lost += [
        f"{a - b} more are left out by {o.reason}" for o, a, b in zip(layers, counts, counts[1:])
    ]
    return f": of {whole} pixels, {', '.join(lost)}"


def _valid_counts(images: list[Image], run: Run) -> list[int]:
    """Return the valid pixels of each image; all have the same grid."""

    def work(window: Window) -> list[int]:
        return [int(read_padded(one, window, (1,)).valid.sum()) for one in images]

    windows = list(tiling(images[0].grid.window, SIDE, SIDE))
    sums = np.zeros(len(images), int)
    for found in each(work, windows, threads=run.threads, progress=run.progress.part(0, 0)):
        sums += found
    return [int(v) for v in sums]
