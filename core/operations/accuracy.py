# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare class maps with reference polygons: scores, areas and how far they may be off."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..displacements.ground import Ground
from ..errors import InvalidOption
from ..exchange.assessments import Assessed, write_assessed
from ..exchange.legend import read_legend
from ..grid import Grid
from ..image import Array, Image
from ..landcover.assessment import Assessment, Bootstrap, Tally, assess
from ..landcover.labeled import refuse_no_classes
from ..landcover.legend import Legend
from ..landcover.stacking import spread_over
from ..placement import onto
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded, repetition
from ..raster import RasterImage, expand, open_image, refuse_overwriting
from ..raster.crs import is_geographic, reference
from ..raster.palette import read_palette
from ..report.html import numbers_of
from ..requests.accuracy import Request as Request
from ..requests.accuracy import Result as Result
from ..vector import files_of
from ..vector.groundtruth import Burning, read_truth
from ..workflow.comparing import Judged, coded, roles_of, style_judged, tally_of
from ..write import write

NEEDS = (("scores", ()), ("figures", ("matplotlib",)))


@dataclass(frozen=True)
class Compared:
    """One map compared with its reference."""

    image: Image
    burning: Burning
    roles: Array
    tally: Tally
    assessment: Assessment


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Count every map once; write scores, tables, figures and difference maps."""
    heard = Recorder(progress)
    maps = [open_image(path) for path in expand(request.images, heard)]
    folder = os.path.abspath(request.output_folder)
    paths = _difference_paths(request, maps, folder)
    legend = read_legend(request.nomenclature)
    parts = heard.part(0.0, 0.8).split(len(maps))
    compared = [
        compare(image, number, request, part)
        for number, (image, part) in enumerate(zip(maps, parts))
    ]
    assessed = _assessed(compared, legend, request)
    layers = [
        write(Judged(one.image, one.burning, tuple(one.roles.tolist())), path, request, part).path
        for one, path, part in zip(compared, paths, heard.part(0.8, 0.95).split(len(maps)))
    ]
    for path in layers:
        style_judged(path)
    outcome = _outcome(compared, assessed, folder, layers)
    _warn(outcome, compared, heard)
    write_assessed(
        folder,
        assessed,
        numbers_of(outcome),
        tuple(heard.warnings),
        repetition("accuracy", request),
    )
    heard.verdict(assessed.verdict.sentence)
    heard.advance(1.0)
    return outcome


def compare(
    image: RasterImage, number: int, request: Request, progress: Progress = SILENT
) -> Compared:
    """Return what a map is worth as run `number`.

    Raises IncompatibleImages when it is no class map, InvalidOption when nothing can be compared.
    """
    refuse_no_classes(image)
    truth = read_truth(request.polygons, request.field, image.grid.crs, progress)
    truth = coded(truth, _names(image, request))
    roles = roles_of(truth, request.run_field.replace("$", str(number)), request.part)
    burning = Burning(image.grid, truth)
    burning.refuse_none(image.name)
    strata = None
    if request.strata:
        layer = open_image(request.strata)
        refuse_no_classes(layer)
        strata = spread_over(image.grid, onto(layer, image.grid, "nearest"))
    progress.phase(f"Counting {image.name}")
    tally = tally_of(image, burning, roles, strata, threads=request.threads, progress=progress)
    how = Bootstrap(request.bootstrap, request.level / 100, request.seed)
    by_polygon = request.sample_unit == "polygon"
    found = assess(tally, truth.labels, how, by_polygon=by_polygon, weighted=request.area_weighted)
    if not found.confusion.total:
        which = "" if request.part == "all" else f" {request.part}"
        raise InvalidOption(
            f"No pixel of {image.name} that has a class lies in a{which} polygon of {truth.title}; "
            "there is nothing to compare."
        )
    return Compared(image, burning, roles, tally, found)


def _names(image: RasterImage, request: Request) -> Mapping[int, str]:
    """Return what the classes of a map are called: by the nomenclature, else by its style."""
    given = read_legend(request.nomenclature).names
    return given or {label: name for label, (name, _) in read_palette(image.path).items()}


def pixel_hectares(grid: Grid) -> float:
    """Return the area of a pixel in hectares; of a geographic grid, that in its middle."""
    col, row = np.array([grid.width / 2]), np.array([grid.height / 2])
    ground, one, none = Ground(grid, None), np.ones(1), np.zeros(1)
    (a, b), (c, d) = (ground.vectors(col, row, *step) for step in ((one, none), (none, one)))
    area = abs(float(a[0] * d[0] - b[0] * c[0]))
    if grid.crs and not is_geographic(grid.crs):
        area *= float(reference(grid.crs).GetLinearUnits()) ** 2
    return area / 10_000


def _difference_paths(request: Request, maps: Sequence[Any], folder: str) -> list[str]:
    """Return where difference maps are written; none when none are asked for.

    Raises InvalidOption when what the run writes beside them would replace an input.
    """
    inputs = [
        *(image.path for image in maps),
        *files_of(request.polygons, request.strata, request.nomenclature),
    ]
    for name in ("RESULTS.txt", "RESULTS.json", "RESULTS.html", "AREAS.csv"):
        refuse_overwriting(os.path.join(folder, name), inputs)
    if not request.difference:
        return []
    names = [f"diff_seed_{number}.tif" for number in range(len(maps))]
    return [refuse_overwriting(os.path.join(folder, name), inputs) for name in names]


def _assessed(compared: Sequence[Compared], legend: Legend, request: Request) -> Assessed:
    truth = compared[0].burning.truth
    whole = request.part == "learn"
    return Assessed(
        tuple(one.assessment for one in compared),
        Legend({**dict(truth.named), **legend.names}),
        pixel_hectares(compared[0].image.grid),
        request.level / 100,
        independent=not whole,
    )


def _outcome(
    compared: Sequence[Compared], assessed: Assessed, folder: str, layers: Sequence[str]
) -> Result:
    confusions = [one.assessment.confusion for one in compared]
    return Result(
        folder,
        os.path.join(folder, "RESULTS.html"),
        tuple(layers),
        accuracy=assessed.runs.spread("overall").mean,
        kappa=assessed.runs.spread("kappa").mean,
        pixels_compared=sum(confusion.total for confusion in confusions),
        pixels_not_mapped=sum(confusion.not_mapped for confusion in confusions),
        conflict_pixels=sum(one.tally.conflicts for one in compared),
        polygons_outside=compared[0].burning.outside,
    )


def _few(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels[:5])) + (", …" if len(labels) > 5 else "")


def _warn(outcome: Result, compared: Sequence[Compared], progress: Progress) -> None:
    title = compared[0].burning.truth.title
    if outcome.polygons_outside:
        progress.warn(f"{outcome.polygons_outside} polygons of {title} lie outside the map.")
    if outcome.conflict_pixels:
        progress.warn(
            f"{outcome.conflict_pixels} pixels lie in polygons of {title} with different labels; "
            "they are not compared."
        )
    if outcome.pixels_not_mapped:
        progress.warn(f"{outcome.pixels_not_mapped} reference pixels have no class on the map.")
    for one in compared:
        labels = {
            label
            for label, count in zip(one.assessment.confusion.labels, one.assessment.mapped)
            if count
        }
        if not labels & set(one.burning.truth.classes):
            progress.warn(
                f"No class of {title} ({_few(one.burning.truth.classes)}) is on {one.image.name} "
                f"({_few(sorted(labels))}): are these labels of one list?"
            )
        estimates = one.assessment.estimates
        if estimates and estimates.not_assessed:
            listed = ", ".join(map(str, estimates.not_assessed))
            progress.warn(
                f"{one.image.name}: {100 * (1 - estimates.assessed):.1f} % of the map are not "
                f"assessed, because classes {listed} have less than two reference pixels on it."
            )
