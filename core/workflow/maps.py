# SPDX-License-Identifier: GPL-2.0-or-later
"""Write a land cover map with its confidence and probabilities, computing every window once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..image import Array, Pixels
from ..landcover.classified import ClassMap, Layer
from ..landcover.legend import Legend
from ..progress import SILENT, Progress
from ..raster.palette import palette_style
from ..raster.style import image_style
from ..requests import Writing
from ..windows import Window
from ..write import Beside, Written, write


@dataclass(frozen=True)
class Maps:
    """Where labels, confidence and probabilities go; "" for what is not wanted."""

    labels: str
    confidence: str = ""
    probability: str = ""


@dataclass(frozen=True)
class Mapped:
    """What was written, and how many pixels each label (ascending) has got."""

    written: Written
    labels: tuple[int, ...]
    pixels: tuple[int, ...]


def write_maps(
    image: ClassMap,
    paths: Maps,
    request: Writing,
    progress: Progress = SILENT,
    legend: Legend | None = None,
) -> Mapped:
    """Write the map and its layers in one pass; all files appear, or none when it fails.

    The window size of the request does not matter: the view divides windows itself.
    """
    counts = _Counts(image.labels)
    plain = replace(request, window_size=0) if request.window_size else request
    wanted = ((paths.confidence, False), (paths.probability, True))
    layers = [(Layer(image, probability), path) for path, probability in wanted if path]
    beside = [Beside(layer, path, plain, layer.of) for layer, path in layers]
    written = write(image, paths.labels, plain, progress, (counts,), beside)
    for layer, path in layers:
        high = {"percent": 100.0, "fraction": 1.0}[image.unit]
        stretch = [(0.0, 1000.0 if layer.probability else high)] * layer.bands
        image_style(path, layer.band_names, layer.bands, stretch)
    known = legend or Legend(dict(zip(image.labels, image.names)))
    colors = ((label, known.name(label), known.color(label)) for label in image.labels)
    entries = [(label, name, "#{:02x}{:02x}{:02x}".format(*c), 255) for label, name, c in colors]
    palette_style(paths.labels, entries)
    return Mapped(written, image.labels, tuple(counts.found.tolist()))


class _Counts:
    """Counts the pixels of each label (an OwnCollector)."""

    def __init__(self, labels: tuple[int, ...]) -> None:
        self.labels = labels
        self.found: Array = np.zeros(len(labels), np.int64)

    def feed(self, index: int, window: Window, pixels: Pixels) -> Array:
        """Return the counts of a window."""
        counts = np.bincount(pixels.values.reshape(-1), minlength=max(self.labels) + 1)
        return np.asarray(counts[list(self.labels)])

    def merge(self, partial: Array) -> None:
        """Add the counts of a window."""
        self.found = self.found + partial
