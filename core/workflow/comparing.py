# SPDX-License-Identifier: GPL-2.0-or-later
"""A class map beside its reference polygons: what is counted, and where it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InvalidOption
from ..executor import each
from ..image import Array, Details, Image, Pixels, View, constant
from ..landcover.assessment import Tally
from ..landcover.labeled import read_labels
from ..progress import SILENT, Progress
from ..raster.palette import palette_style
from ..vector import Burned
from ..vector.groundtruth import Burning, GroundTruth, Held
from ..windows import Window, tiling

SIDE = 512
"""Windows in which a map is counted, px."""

JUDGED = (
    (0, 0, 0, 0),
    (202, 0, 32, 255),
    (5, 113, 48, 255),
    (244, 165, 130, 255),
    (166, 219, 160, 255),
)
"""Colors of a difference map."""

MEANINGS = ("validation: wrong", "validation: right", "learned: wrong", "learned: right")
"""What the values of a difference map above 0 say."""

UNUSED, VALIDATION, LEARN = range(3)
"""Roles of a polygon in a run."""


@dataclass(frozen=True)
class Inside(Burning):
    """Features of a ground truth on the pixels of a part of a grid; elsewhere there are none.

    Tiles overlap: what another one maps is not a pixel without class of this one.
    """

    area: Burned

    def read(self, window: Window) -> Held:
        """Return the features of a window."""
        found, inside = super().read(window), self.area.read(window).valid
        return Held(np.where(inside, found.features, 0), found.conflicts & inside)


def style_judged(path: str) -> None:
    """Write the style of a difference map beside it: what its colors say."""
    entries = zip(range(1, len(JUDGED)), MEANINGS, JUDGED[1:])
    palette_style(
        path, [(n, text, "#{:02x}{:02x}{:02x}".format(*color), 255) for n, text, color in entries]
    )


def coded(truth: GroundTruth, names: Mapping[int, str]) -> GroundTruth:
    """Return a reference of text labels with the numbers that a map has for these names.

    A reference that lacks a class of the map would number the others differently. Classes that the
    map does not know get numbers above its own; without any common name all stay as they are.
    """
    labels = {name: label for label, name in names.items()}
    texts = dict(truth.named)
    if not set(texts.values()) & set(labels):
        return truth
    free = max(labels.values()) + 1
    for text in texts.values():
        if text not in labels:
            labels[text], free = free, free + 1
    numbers = np.array([labels[texts[label]] for label in truth.labels.tolist()], np.int64)
    named = tuple(sorted((labels[text], text) for text in texts.values()))
    return replace(truth, labels=numbers, named=named)


def roles_of(truth: GroundTruth, field: str, part: str) -> Array:
    """Return the role of each polygon in a run: UNUSED, VALIDATION (compared) or LEARN.

    Without the run's field all polygons are compared. Raises InvalidOption when none is.
    """
    values = [str(feature.values.get(field, "")).strip().lower() for feature in truth.features]
    if part == "all" or not any(values):
        return np.full(len(values), VALIDATION)
    known = {"validation": VALIDATION, "learn": LEARN, "unused": UNUSED}
    wanted = {**known, "learn": VALIDATION, "validation": UNUSED} if part == "learn" else known
    roles = np.array([wanted.get(value, UNUSED) for value in values])
    if not (roles == VALIDATION).any():
        raise InvalidOption(f"No polygon of {truth.title} is {part} in field {field!r}.")
    return roles


def tally_of(
    image: Image,
    burning: Burning,
    roles: Array,
    strata: Image | None = None,
    *,
    threads: int = 0,
    progress: Progress = SILENT,
) -> Tally:
    """Count a map by windows: its classes everywhere, the compared polygons by class."""
    reached = set(burning.windows(SIDE))
    windows = list(tiling(image.grid.window, SIDE, SIDE))

    def count(window: Window) -> Tally:
        labels = read_labels(image, window)
        tally = Tally(mapped=_counts(labels))
        layer = None if strata is None else read_labels(strata, window)
        if layer is not None:
            tally.sizes = _counts(np.where(labels > 0, layer, 0))
        if window not in reached:
            return tally
        held = burning.read(window)
        compared = np.append(UNUSED, roles)[held.features] == VALIDATION
        keys = [held.features[compared], labels[compared]]
        tally.polygons = _counts_of(keys)
        if layer is not None:
            tally.strata = _counts_of([keys[0], layer[compared], keys[1]])
        tally.conflicts = int(held.conflicts.sum())
        return tally

    whole = Tally()
    for part in each(count, windows, threads=threads, progress=progress, total=len(windows)):
        whole.add(part)
    return whole


def _counts(labels: Array) -> dict[int, int]:
    """Count the pixels of each label above 0."""
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist()))


def _counts_of(columns: Sequence[Array]) -> dict[Any, int]:
    """Count how often each row of the columns occurs."""
    rows, counts = np.unique(np.stack(columns, 1), axis=0, return_counts=True)
    return dict(zip(map(tuple, rows.tolist()), counts.tolist()))


@dataclass(frozen=True)
class Judged(View):
    """Where a map is right: 1 validation wrong, 2 right, 3 learn wrong, 4 right, 0 no statement."""

    burning: Burning
    roles: tuple[int, ...]

    @property
    def bands(self) -> int:
        """One band."""
        return 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    @property
    def nodata(self) -> float | None:
        """0, no statement."""
        return 0.0

    @property
    def band_names(self) -> tuple[str, ...]:
        """What it is."""
        return ("right or wrong",)

    @property
    def details(self) -> Details:
        """Red and green, strong for validation and pale for learn."""
        return Details(color_table=JUDGED)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Compare the pixels of a window."""
        held = self.burning.read(window).features
        if not held.any():
            return Pixels(np.zeros((1, *window.shape), np.uint8), constant(False, window.shape))
        labels = read_labels(self.source, window)
        wanted = np.append(0, self.burning.truth.labels)[held]
        role = np.append(UNUSED, self.roles)[held]
        said = (held > 0) & (labels > 0) & (role != UNUSED)
        found = np.where(said, 2 * role - 1 + (labels == wanted), 0).astype(np.uint8)
        return Pixels(found[None], said)
