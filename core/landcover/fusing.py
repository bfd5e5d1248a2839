# SPDX-License-Identifier: GPL-2.0-or-later
"""Several class maps of one place fused into one, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..image import Array, Details, Image, Mask
from ..windows import Window
from .classified import Judged, LabelBand, label_type
from .confusion import Confusion, scores_of
from .labeled import read_labels

EQUAL = 1e-9
"""Scores that differ by less, relatively, are a tie."""

NEVER = -1.0
"""Score of a label that no map gives; all others are 0 or more."""

SEVERAL = 255
"""Choice where more than one map agreed with the result, but not all."""


@dataclass(frozen=True)
class Fusing:
    """How maps are fused; see `fuseclassifications`.

    `beliefs` holds for each map the belief (0-1) in each of its labels, for Dempster's rules.
    """

    method: str = "majority"
    tie: str = "undecided"
    undecided: int = 0
    beliefs: tuple[tuple[tuple[int, float], ...], ...] = ()


def beliefs_of(confusion: Confusion, measure: str) -> tuple[tuple[int, float], ...]:
    """Return how much a map is to be believed for each of its labels; undefined scores count 0."""
    scores = scores_of(confusion)
    if measure in ("precision", "recall"):
        values = getattr(scores, measure)
    else:
        whole = scores.overall if measure == "accuracy" else max(scores.kappa, 0.0)
        values = np.full(len(scores.labels), whole)
    return tuple((label, float(np.nan_to_num(v))) for label, v in zip(scores.labels, values))


@dataclass(frozen=True)
class Given:
    """What maps say of a window: labels, confidences (0-1) and chances[map, class, row, col]."""

    labels: Array
    confidences: Array | None = None
    chances: Array | None = None


def fused_labels(given: Given, classes: Sequence[int], how: Fusing) -> Array:
    """Return the label of each pixel, 0 where no map has one."""
    best = np.full(given.labels.shape[1:], NEVER)
    found = np.zeros(given.labels.shape[1:], np.int64)
    tied = np.zeros(found.shape, bool)
    for at, label in enumerate(classes):
        score = _score(given, label, at, how)
        near = (best > NEVER) & _equal(score, best)
        better = (score > best) & ~near
        tied = np.where(better, False, tied | (near & (score > NEVER)))
        found = np.where(better, label, found)
        best = np.where(better, score, best)
    known = (given.labels > 0).any(0)
    if how.method != "probability" and tied.any():
        found = _settled(given, classes, how, found, tied & known)
    return np.where(known, found, 0)


def _equal(scores: Array, best: Array) -> Mask:
    return np.asarray(np.abs(scores - best) <= EQUAL * np.abs(best))


def _score(given: Given, label: int, at: int, how: Fusing) -> Array:
    """Return how much speaks for a label; NEVER where no map says it."""
    if how.method == "probability" and given.chances is not None:
        return np.asarray(given.chances[:, at].mean(0))
    says = given.labels == label
    if how.method == "majority":
        score = says.sum(0).astype(float)
    elif how.method == "confidence" and given.confidences is not None:
        score = np.where(says, given.confidences, 0.0).sum(0)
    else:
        score = _belief(given.labels, says, how)
    return np.where(says.any(0), score, NEVER)


def _belief(labels: Array, says: Array, how: Fusing) -> Array:
    """Return Dempster's product for a label, by the rule of OTB or with ignorance.

    OTB gives what a map does not believe to all other classes; with ignorance (Shafer 1976) it
    goes to no class.
    """
    belief = np.stack([_looked_up(one, table) for one, table in zip(labels, how.beliefs)])
    against = np.where(~says & (labels > 0), 1 - belief, 1.0).prod(0)
    if how.method == "ignorance":
        return np.asarray((1 - np.where(says, 1 - belief, 1.0).prod(0)) * against)
    return np.asarray(np.where(says, belief, 1.0).prod(0) * against)


def _looked_up(labels: Array, table: Sequence[tuple[int, float]]) -> Array:
    known = np.array([label for label, _ in table], np.int64)
    values = np.array([value for _, value in table] + [0.0])
    if not known.size:
        return np.zeros(labels.shape)
    places = np.minimum(np.searchsorted(known, labels), known.size - 1)
    return np.where(known[places] == labels, values[places], 0.0)


def _settled(given: Given, classes: Sequence[int], how: Fusing, found: Array, tied: Mask) -> Array:
    """Decide ties: by confidence, by the first map that names a tied label, or not at all."""
    if how.tie == "undecided":
        return np.where(tied, how.undecided, found)
    scores = np.stack([_score(given, label, at, how) for at, label in enumerate(classes)])
    top = scores.max(0)
    equal = _equal(scores, top)
    if how.tie == "confidence" and given.confidences is not None:
        says = [np.where(given.labels == label, given.confidences, 0).sum(0) for label in classes]
        best = np.where(equal, np.stack(says), NEVER).argmax(0)
        return np.where(tied, np.asarray(classes)[best], found)
    settled = np.zeros_like(found)
    for labels in given.labels:
        for at, label in enumerate(classes):
            settled = np.where((settled == 0) & (labels == label) & equal[at], label, settled)
    return np.where(tied, settled, found)


def fused_confidence(given: Given, found: Array) -> Array:
    """Return the confidence (0-1) in fused labels; 0 where there is none, or maps have none.

    The mean over maps of their confidence where they agree, of one minus it where they do not, and
    of 0 where they have no label.
    """
    if given.confidences is None:
        return np.zeros(found.shape)
    agree, known = given.labels == found, given.labels > 0
    share = np.where(agree, given.confidences, 1 - given.confidences)
    return np.where(found > 0, np.where(known, share, 0.0).mean(0), 0.0)


def choice(labels: Array, found: Array) -> Array:
    """Return who agreed with the result: 0 none, 1 all, 1 + k map k alone (from 1), SEVERAL."""
    agree = (labels == found) & (found > 0)
    count = agree.sum(0)
    alone = np.where(count == 1, agree.argmax(0) + 2, SEVERAL)
    return np.where(count == 0, 0, np.where(count == len(labels), 1, alone)).astype(np.uint8)


@dataclass(frozen=True)
class Fused(LabelBand):
    """The fused map as an image; reading it gives confidence and chances too.

    `images`, `confidences` and `probabilities` lie on one grid; `classes` are all labels,
    ascending. A probability image has one band for each label of `chance_labels`, per mille.
    """

    images: tuple[Image, ...]
    classes: tuple[int, ...]
    how: Fusing
    confidences: tuple[Image, ...] = ()
    probabilities: tuple[Image, ...] = ()
    chance_labels: tuple[tuple[int, ...], ...] = ()
    class_names: tuple[str, ...] = ()
    unit: str = "percent"
    name: str = "fusion"

    @property
    def grid(self) -> Any:
        """Grid of the maps."""
        return self.images[0].grid

    @property
    def dtype(self) -> np.dtype[Any]:
        """8 bits unless a label needs 16."""
        return label_type(max(self.how.undecided, *self.classes))

    @property
    def labels(self) -> tuple[int, ...]:
        """All labels of the result, ascending; the method probability leaves nothing undecided."""
        if self.how.method == "probability":
            return self.classes
        return tuple(sorted({*self.classes, self.how.undecided} - {0}))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the labels."""
        known = dict(zip(self.classes, self.class_names))
        unknown = {self.how.undecided: "undecided"}
        return tuple(known.get(label, unknown.get(label, str(label))) for label in self.labels)

    @property
    def chance_names(self) -> tuple[str, ...]:
        """Those of the classes: nothing has a chance to be undecided."""
        known = dict(zip(self.classes, self.class_names))
        return tuple(known.get(label, str(label)) for label in self.classes)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Judged:
        """Fuse a window."""
        given = self.given(window)
        found = fused_labels(given, self.classes, self.how)
        confidence = fused_confidence(given, found)
        if given.chances is not None and given.confidences is None:
            confidence = np.where(found > 0, given.chances.mean(0).max(0), 0.0)
        if self.how.undecided:
            confidence = np.where(found == self.how.undecided, 0.0, confidence)
        if self.unit == "percent":
            confidence = np.floor(100 * confidence + 1e-9)
        layers = confidence[None].astype(np.float32)
        if given.chances is not None:
            chances = np.where(found > 0, np.rint(1000 * given.chances.mean(0)), 0)
            layers = np.concatenate([layers, chances.astype(np.float32)])
        return Judged(found[None].astype(self.dtype), found > 0, layers=layers)

    def given(self, window: Window) -> Given:
        """Return what the maps say of a window."""
        labels = np.stack([read_labels(image, window) for image in self.images])
        confidences = None
        if self.confidences:
            confidences = np.stack([_unit(image, window) for image in self.confidences])
        chances = None
        if self.probabilities:
            chances = np.stack(list(self._chances(window)))
        return Given(labels, confidences, chances)

    def _chances(self, window: Window) -> Iterator[Array]:
        for image, labels in zip(self.probabilities, self._places):
            whole = np.zeros((len(self.classes), *window.shape), np.float32)
            whole[list(labels)] = image.read(window).values.astype(np.float32) / 1000
            yield whole

    @cached_property
    def _places(self) -> tuple[tuple[int, ...], ...]:
        return tuple(
            tuple(self.classes.index(label) for label in labels) for labels in self.chance_labels
        )


@dataclass(frozen=True)
class Chosen:
    """Which maps agreed with a fused one, as an image of bytes; see `choice`."""

    source: Fused
    name: str = "choice"
    bands: int = 1
    nodata: float | None = None
    band_names: tuple[str, ...] = ("choice",)
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.uint8))

    @property
    def grid(self) -> Any:
        """Grid of the maps."""
        return self.source.grid

    @property
    def details(self) -> Details:
        """Every pixel has a value."""
        return Details(validity="all")

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Judged:
        """Fuse a window and compare."""
        found = self.source.read(window)
        maps = np.stack([read_labels(image, window) for image in self.source.images])
        values = choice(maps, found.values[0].astype(np.int64))
        return Judged(values[None], np.ones(window.shape, bool))


def _unit(image: Image, window: Window) -> Array:
    """Return confidences as 0-1; whole numbers are percent."""
    pixels = image.read(window, (1,))
    scale = 0.01 if image.dtype.kind in "ui" else 1.0
    return np.where(pixels.valid, pixels.values[0], 0) * scale
