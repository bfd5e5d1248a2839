# SPDX-License-Identifier: GPL-2.0-or-later
"""Fuse several class maps of one place into one: by votes, confidence, belief or probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import IncompatibleImages, InvalidOption
from ..exchange.confusions import read_confusion
from ..exchange.legend import read_legend
from ..executor import each
from ..image import Image
from ..landcover.fusing import MEASURES, METHODS, TIES, Chosen, Fused, Fusing, beliefs_of
from ..landcover.labeled import refuse_no_classes
from ..landcover.legend import Legend
from ..options import Kind, option, result
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, expand, open_image, refuse_overwriting
from ..requests import Writing
from ..windows import Window, tiling
from ..workflow.maps import Maps, write_maps
from ..write import write

NEEDS = (("fusion", ()),)

SIDE = 1024
"""Windows in which the labels of maps are listed, px."""


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    images: tuple[str, ...] = option(
        Kind.RASTERS, "Maps", help="Two class maps or more, on one grid; 0 = no class."
    )
    confidences: tuple[str, ...] = option(
        Kind.RASTERS, "Confidences", (),
        help="Of the maps, in the same order: percent as whole numbers, or 0 to 1.",
    )  # fmt: skip
    method: str = option(
        Kind.CHOICE, "Method", "majority", choices=METHODS,
        help="majority: most votes; confidence: largest sum of confidences; dempstershafer and "
        "ignorance: what the confusions let believe; probability: largest mean of the "
        "probabilities.",
    )  # fmt: skip
    output: str = option(Kind.RASTER_OUT, "Fused map", help="Labels; 0 where no map has a class.")
    output_confidence: str | None = option(
        Kind.RASTER_OUT, "Confidence", None,
        help="Mean confidence of the maps in the result: theirs where they agree, one minus it "
        "where they do not.",
    )  # fmt: skip
    confusions: tuple[str, ...] = option(
        Kind.NAMES, "Confusions", (), advanced=True,
        help="Files of confusions of the maps, in the same order (Classif_Seed_0.csv), for "
        "dempstershafer and ignorance; separated by commas.",
    )  # fmt: skip
    measure: str = option(
        Kind.CHOICE, "Belief in a map", "precision", choices=MEASURES, advanced=True,
        help="What of its confusion says how far a map is believed.",
    )  # fmt: skip
    tie: str = option(
        Kind.CHOICE, "Ties", "undecided", choices=TIES, advanced=True,
        help="undecided: the label below; confidence: the label of the more confident maps; "
        "priority: that of the first map.",
    )  # fmt: skip
    undecided: int = option(
        Kind.INTEGER, "Label of ties", 0, minimum=0, maximum=65535, advanced=True,
        help="No class may have it; 0: no class.",
    )  # fmt: skip
    probabilities: tuple[str, ...] = option(
        Kind.RASTERS, "Probabilities", (), advanced=True,
        help="Of the maps, in the same order: one band for each class, named by it.",
    )  # fmt: skip
    nomenclature: str | None = option(
        Kind.FILE, "Class names", None, advanced=True,
        help="A text file with lines name:label, where bands of probabilities have names.",
    )  # fmt: skip
    output_probability: str | None = option(
        Kind.RASTER_OUT, "Fused probabilities", None, advanced=True,
        help="Means of the probabilities, per mille, one band for each class.",
    )  # fmt: skip
    output_choice: str | None = option(
        Kind.RASTER_OUT, "Choice", None, advanced=True,
        help="Who agreed with the result: 0 no map, 1 all, 2 the first alone, 3 the second alone "
        "…, 255 several.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        needs = {
            "confidence": ("confidences", self.confidences),
            "dempstershafer": ("confusions", self.confusions),
            "ignorance": ("confusions", self.confusions),
            "probability": ("probabilities", self.probabilities),
        }
        name, given = needs.get(self.method, ("", self.images))
        if not given:
            raise InvalidOption(f"Method: {self.method} needs {name}; give them, one for each map.")
        if self.tie == "confidence" and not self.confidences:
            raise InvalidOption("Ties: confidence needs confidences; give them, one for each map.")
        if self.output_probability and not self.probabilities:
            raise InvalidOption("Fused probabilities: give the probabilities of the maps.")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.RASTER_OUT, "Fused map")
    output_confidence: str | None = result(Kind.RASTER_OUT, "Confidence")
    output_probability: str | None = result(Kind.RASTER_OUT, "Fused probabilities")
    output_choice: str | None = result(Kind.RASTER_OUT, "Choice")
    maps: int | None = result(Kind.INTEGER, "Maps fused")
    classes: int | None = result(Kind.INTEGER, "Classes")
    undecided_pixels: int | None = result(Kind.INTEGER, "Pixels that stayed undecided")


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Fuse the maps of the request and write what is asked for."""
    maps = [open_image(path) for path in expand(request.images, progress)]
    legend = read_legend(request.nomenclature)
    sources = [image.path for image in maps]
    sources += expand(request.confidences) if request.confidences else ()
    sources += expand(request.probabilities) if request.probabilities else ()
    wanted = (
        request.output,
        request.output_confidence,
        request.output_probability,
        request.output_choice,
    )
    paths = [refuse_overwriting(path, sources) if path else "" for path in wanted]
    fused = apply(maps, request, legend, progress.part(0.0, 0.2))
    progress.phase("Fusing")
    mapped = write_maps(fused, Maps(*paths[:3]), request, progress.part(0.2, 0.9), legend)
    if paths[3]:
        write(Chosen(fused), paths[3], request, progress.part(0.9, 1.0))
    counts = dict(zip(mapped.labels, mapped.pixels))
    undecided = counts.get(request.undecided) if request.undecided else None
    progress.advance(1.0)
    return Result(
        paths[0],
        paths[1] or None,
        paths[2] or None,
        paths[3] or None,
        maps=len(maps),
        classes=len(fused.classes),
        undecided_pixels=undecided,
    )


def apply(
    maps: Sequence[RasterImage], request: Request, legend: Legend, progress: Progress = SILENT
) -> Fused:
    """Return the fused map as a view: nothing is computed yet.

    Raises IncompatibleImages when maps do not lie on one grid, InvalidOption when what belongs to
    them is missing.
    """
    if len(maps) < 2:
        raise InvalidOption("Maps: give two or more to fuse them.")
    confidences = _beside(request.confidences, maps, "Confidences")
    probabilities = _beside(request.probabilities, maps, "Probabilities")
    for image in (*maps, *confidences, *probabilities):
        grid = maps[0].grid
        if not grid.matches(image.grid) or grid.placed(image.grid) != grid.window:
            raise IncompatibleImages(
                f"{image.name} does not lie on the pixels of {maps[0].name}; fusion compares pixel "
                'by pixel. Bring them together with "Align to grid" (nearest) first.'
            )
    beliefs: tuple[tuple[tuple[int, float], ...], ...] = ()
    if request.method in ("dempstershafer", "ignorance"):
        if len(request.confusions) != len(maps):
            raise InvalidOption(
                f"Confusions: {len(request.confusions)} for {len(maps)} maps; give one for each."
            )
        beliefs = tuple(
            beliefs_of(read_confusion(path), request.measure) for path in request.confusions
        )
    labels = tuple(_chance_labels(image, legend) for image in probabilities)
    found = {label for image in maps for label in _labels_of(image, request.threads, progress)}
    classes = tuple(sorted(found.union(*labels)))
    if not classes:
        raise InvalidOption("Maps: none has a pixel with a class.")
    if request.undecided in classes:
        raise InvalidOption(f"Label of ties: {request.undecided} is a class of the maps.")
    return Fused(
        tuple(maps),
        classes,
        Fusing(request.method, request.tie, request.undecided, beliefs),
        tuple(confidences),
        tuple(probabilities)
        if request.method == "probability" or request.output_probability
        else (),
        labels,
        tuple(legend.name(label) for label in classes),
    )


def _beside(sources: Sequence[str], maps: Sequence[Image], what: str) -> list[RasterImage]:
    """Open what belongs to the maps: as many, or none."""
    found = [open_image(path) for path in expand(sources)] if sources else []
    if found and len(found) != len(maps):
        raise InvalidOption(f"{what}: {len(found)} for {len(maps)} maps; give one for each.")
    return found


def _chance_labels(image: Image, legend: Legend) -> tuple[int, ...]:
    """Return the labels of the bands of a probability image, by their names."""
    codes = {name: label for label, name in legend.names.items()}
    found = []
    for name in image.band_names:
        label = codes.get(name, int(name) if name.isdigit() else 0)
        if not label:
            raise InvalidOption(
                f"{image.name} has a band {name!r}, which is no label. Give the class names "
                "(NOMENCLATURE) with which it was made."
            )
        found.append(label)
    return tuple(found)


def _labels_of(image: Image, threads: int, progress: Progress) -> set[int]:
    """Return the labels that occur in a map."""
    refuse_no_classes(image)

    def look(window: Window) -> set[int]:
        pixels = image.read(window)
        return set(np.unique(pixels.values[0][pixels.valid]).tolist())

    found: set[int] = set()
    for part in each(
        look, tiling(image.grid.window, SIDE, SIDE), threads=threads, progress=progress
    ):
        found |= part
    return {label for label in found if label > 0}
