# SPDX-License-Identifier: GPL-2.0-or-later
"""The images of a set: what they must have, which of them stay, what their pairs show alike."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..alike import file_name, refuse_equal_names
from ..errors import IncompatibleImages, InvalidOption
from ..image import Image
from ..masks.restricted import OneBand
from ..placement import NOWHERE
from ..progress import SILENT, Progress
from ..raster import RasterImage, open_images
from ..requests.shared.matching import PairMatching
from ..requests.shared.sets import SetAdjusting, SetMatching
from .solve import Run
from .ties import Brightness, Tied, tied

TOLERANCE = 3.0
"""Pixels within which windows of a pair must agree, where nothing else is said."""


@dataclass(frozen=True)
class Members:
    """The images of a set: those that are written come first, then fixed ones beside them.

    `resistance`[image] to moving: infinite = fixed; `hold`[image]: that to bending.
    """

    images: tuple[RasterImage, ...]
    written: int
    resistance: tuple[float, ...]
    hold: tuple[float, ...]

    @property
    def names(self) -> list[str]:
        """File names."""
        return [file_name(image) for image in self.images]


@dataclass(frozen=True)
class Found:
    """Tie points of all pairs, and the pairs (by numbers of images) without any and why."""

    tied: tuple[Tied, ...]
    missing: tuple[tuple[int, int, str], ...]


def members_of(
    images: Sequence[RasterImage],
    how: SetAdjusting,
    *,
    band: int = 0,
    nodata: float | None = None,
    progress: Progress = SILENT,
) -> Members:
    """Check the images, add fixed ones, and read the weights.

    Raises InvalidOption and IncompatibleImages with the sentence that says what is wrong.
    """
    fixed: tuple[RasterImage, ...] = ()
    if how.fixed_images:
        fixed = open_images(how.fixed_images, nodata=nodata, progress=progress)
    own = {os.path.realpath(image.path) for image in images}
    beside = tuple(image for image in fixed if os.path.realpath(image.path) not in own)
    still = {os.path.realpath(image.path) for image in fixed}
    every = (*images, *beside)
    if len(every) < 2:
        raise InvalidOption(f"Images: {file_name(every[0])} is the only one. Give two or more.")
    refuse_equal_names(every)
    for image in every:
        _refuse_unusable(image, band)
    weights = _weights("GLOBAL_WEIGHTS", how.global_weights, every)
    local = _weights("LOCAL_WEIGHTS", how.local_weights, every)
    resistance = [
        math.inf if os.path.realpath(image.path) in still else weights.get(at, 1.0)
        for at, image in enumerate(every)
    ]
    if all(map(math.isinf, resistance)):
        raise InvalidOption("All images are fixed. Leave at least one free.")
    hold = tuple(local.get(at, 1.0) for at in range(len(every)))
    return Members(every, len(images), tuple(resistance), hold)


def _refuse_unusable(image: RasterImage, band: int) -> None:
    title = file_name(image)
    if band > image.bands:
        count = f"{image.bands} band{'s' * (image.bands > 1)}"
        raise InvalidOption(f"BAND is {band} but {title} has {count}.")
    if not image.grid.crs:
        raise IncompatibleImages(
            f"{title} has no coordinate reference system. Assign one (Raster ▸ Projections) and "
            "run again."
        )
    if not image.grid.georeferenced or image.grid.transform == NOWHERE:
        raise IncompatibleImages(
            f"{title} has no georeferencing: its pixels are not placed on the ground. Georeference "
            "it (Layer ▸ Georeferencer) and run again."
        )


def _weights(option: str, rows: Sequence[str], images: Sequence[RasterImage]) -> dict[int, float]:
    """Return the weights of the images that are listed, by their numbers."""
    found: dict[int, float] = {}
    for row in rows:
        name, _, text = (part.strip() for part in row.partition(";"))
        places = [at for at, one in enumerate(images) if name in (one.name, file_name(one))]
        if not places:
            raise InvalidOption(f"{option} names {name}, which is not among IMAGES.")
        try:
            weight = float(text)
        except ValueError:
            weight = math.nan
        if not weight >= 0:
            raise InvalidOption(
                f"{option}: {text!r} of {name} is not a number of 0 or more, or inf."
            )
        found[places[0]] = weight
    return found


def tied_pairs(
    members: Members,
    pairs: Sequence[tuple[int, int]],
    known: Mapping[tuple[int, int], Tied],
    how: SetMatching,
    progress: Progress = SILENT,
) -> Found:
    """Return the tie points of pairs: those that are known, and of the others what matches."""
    images = [replace(image, revisited=True) for image in members.images]
    seen: list[Image] = [OneBand(i, how.band) if how.band else Brightness(i) for i in images]
    points: list[Tied] = []
    missing: list[tuple[int, int, str]] = []
    progress.phase("Matching the pairs")
    for pair, part in zip(pairs, progress.split(len(pairs))):
        part.check()
        why = "none when it was matched before"
        if pair in known:
            one = known[pair]
        else:
            matching = _matching(max(seen[at].grid.pixel_size for at in pair), how)
            one, why = tied(seen, pair, matching, Run(how.threads, part))
        points.append(one)
        if not len(one):
            missing.append((*pair, why))
        part.advance(1.0)
    return Found(tuple(points), tuple(missing))


def _matching(pixel: tuple[float, float], how: SetMatching) -> PairMatching:
    """Return how a pair is matched; `pixel` is the larger one of both."""
    side = math.sqrt(math.prod(pixel))
    return PairMatching(
        metric=how.metric,
        edge_proxy=how.edge_proxy,
        min_valid_fraction=how.min_valid_fraction,
        window_size_match=how.window_size_match,
        grid_spacing=how.grid_spacing,
        min_reliability=how.min_reliability,
        max_shift=how.max_shift,
        ransac_tolerance=how.ransac_threshold / side if how.ransac_threshold else TOLERANCE,
    )
