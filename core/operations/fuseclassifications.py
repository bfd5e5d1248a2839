# SPDX-License-Identifier: GPL-2.0-or-later
"""Fuse several class maps of one place into one: by votes, confidence, belief or probability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import IncompatibleImages, InvalidOption
from ..exchange.confusions import read_confusion
from ..exchange.legend import read_legend, styled
from ..executor import each
from ..image import Image
from ..landcover.fusing import Chosen, Fused, Fusing, beliefs_of
from ..landcover.labeled import refuse_no_classes
from ..landcover.legend import Legend
from ..placement import refuse_other_crs
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, expand, open_image, refuse_overwriting
from ..requests.fuseclassifications import Request as Request
from ..requests.fuseclassifications import Result as Result
from ..windows import Window, tiling
from ..workflow.maps import Maps, write_maps
from ..write import write

NEEDS = (("fusion", ()),)

SIDE = 1024
"""Windows in which the labels of maps are listed, px."""


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Fuse the maps of the request and write what is asked for."""
    maps = [open_image(path) for path in expand(request.images, progress)]
    sources = [image.path for image in maps]
    legend = styled(read_legend(request.nomenclature), sources, progress)
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
    refuse_other_crs((*maps, *confidences, *probabilities))
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
