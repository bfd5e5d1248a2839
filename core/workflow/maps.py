# SPDX-License-Identifier: GPL-2.0-or-later
"""Write a land cover map with its confidence and probabilities, computing every window once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..executor import processors
from ..image import Array, Pixels
from ..landcover.classified import ClassMap, Judged, Layer
from ..landcover.legend import Legend
from ..progress import SILENT, Progress
from ..raster.create import Format, Target, create
from ..raster.palette import palette_style
from ..raster.style import image_style
from ..requests import Writing
from ..stage import staged
from ..windows import Window
from ..write import BLOCK, Written, write

SPACING = 16
"""Every so many pixels of a window, both ways, count for the statistics of a layer."""


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
    wanted = ((paths.confidence, False), (paths.probability, True))
    with ExitStack() as undo, ExitStack() as stack:
        beside = [
            stack.enter_context(_beside(Layer(image, probability), path, request))
            for path, probability in wanted
            if path
        ]
        plain = replace(request, window_size=0) if request.window_size else request
        written = write(image, paths.labels, plain, progress, (counts, *beside))
        # the layers get their names when the inner stack closes
        undo.callback(_forget, paths.labels)
        stack.close()
        undo.pop_all()
    known = legend or Legend(dict(zip(image.labels, image.names)))
    colors = ((label, known.name(label), known.color(label)) for label in image.labels)
    entries = [(label, name, "#{:02x}{:02x}{:02x}".format(*c), 255) for label, name, c in colors]
    palette_style(paths.labels, entries)
    return Mapped(written, image.labels, tuple(counts.found.tolist()))


def _forget(path: str) -> None:
    """Remove a map that this run has written, because a layer of it cannot be."""
    os.remove(path)


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


class _Beside:
    """Writes a layer with every window of the map (an OwnCollector)."""

    def __init__(self, layer: Layer, target: Target) -> None:
        self.layer, self.target = layer, target
        self.samples: list[Array] = []

    def __getstate__(self) -> dict[str, object]:
        """Leave the file behind."""
        return {"layer": self.layer}

    def feed(self, index: int, window: Window, pixels: Judged) -> tuple[Window, Pixels]:
        """Return the pixels of the layer."""
        return window, self.layer.of(pixels)

    def merge(self, partial: tuple[Window, Pixels]) -> None:
        """Write a window."""
        window, pixels = partial
        self.target.put(window, pixels)
        some = pixels.valid[::SPACING, ::SPACING]
        self.samples.append(pixels.values[:, ::SPACING, ::SPACING][:, some])


@contextmanager
def _beside(layer: Layer, path: str, request: Writing) -> Iterator[Any]:
    """Give a collector that writes a layer; the file gets its name when all has gone well."""
    form = Format.parse(request.creation_options, layer.dtype)
    threads, name = processors(request.threads), os.path.basename(path)
    with staged(path) as temporary, create(temporary, layer, form, BLOCK, threads, name) as target:
        writer = _Beside(layer, target)
        yield writer
        values = np.concatenate(writer.samples or [np.empty((layer.bands, 0))], 1)
        target.set_statistics(values, exact=False)
        target.close("AVERAGE" if request.build_overviews else "")
    high = {"percent": 100.0, "fraction": 1.0}[layer.source.unit]
    stretch = [(0.0, 1000.0 if layer.probability else high)] * layer.bands
    image_style(path, layer.band_names, layer.bands, stretch)
