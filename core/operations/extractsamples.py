# SPDX-License-Identifier: GPL-2.0-or-later
"""Collect the features of the pixels under reference polygons, to train a classifier with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO

import numpy as np

from ..errors import InvalidOption
from ..exchange.numbertable import read_rows
from ..image import Array, Image
from ..landcover.augmenting import Augmenting, augmented, targets
from ..landcover.samples import Samples, joined
from ..landcover.sampling import (
    Candidates,
    Rate,
    Sampling,
    inner,
    taken_rows,
)
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import open_image, refuse_overwriting
from ..requests.extractsamples import Request as Request
from ..requests.extractsamples import Result as Result
from ..stage import write_text
from ..vector import files_of
from ..vector.clipping import Shapes
from ..vector.groundtruth import Burning, GroundTruth, read_truth
from ..vector.samplelayer import GROUP, REGION, Fields, write_samples
from ..workflow.collecting import Collected, Wanted, collect, values_at

NEEDS = (("samples", ()), ("SMOTE", ("scipy",)))


@dataclass(frozen=True)
class Extracted:
    """Samples, the rates of their classes, and what was left out."""

    samples: Samples
    regions: tuple[str, ...]
    rates: tuple[Rate, ...]
    invalid: int
    conflicts: int
    eroded: int


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read every window that holds polygons once, and write the samples."""
    image = open_image(request.image)
    inputs = [image.path, *files_of(request.polygons)]
    output = refuse_overwriting(request.output, inputs)
    found = extract(image, request, progress.part(0.0, 0.8))
    samples = grown(found, request)
    fields = Fields(request.field)
    write_samples(output, samples, fields, image.grid.crs, progress.part(0.8, 1.0))
    table = None
    if request.output_rates:
        table = write_text(request.output_rates, rates_text(found))
    progress.info(
        f"{len(samples)} samples of {len(samples.classes)} classes with {len(samples.names)} "
        "features."
    )
    progress.advance(1.0)
    return Result(
        output,
        table,
        samples=len(samples),
        classes=len(samples.classes),
        features=len(samples.names),
        invalid_pixels=found.invalid,
        conflict_pixels=found.conflicts,
        eroded_polygons=found.eroded,
    )


def extract(image: Image, request: Request, progress: Progress = SILENT) -> Extracted:
    """Return the samples of an image, which may be a view.

    Raises InvalidOption when there are no polygons of the set, none on the image, or no valid
    pixel.
    """
    truth = read_truth(request.polygons, request.field, image.grid.crs, progress)
    usable = _usable(truth, request)
    burning = Burning(image.grid, truth)
    if burning.outside == len(truth.features):
        raise InvalidOption(
            f"None of the {len(truth.features)} polygons of {truth.title} meets {image.name} "
            f"({_extents(truth, image)})."
        )
    if burning.outside:
        progress.warn(f"{burning.outside} polygons of {truth.title} lie outside {image.name}.")
    with tempfile.TemporaryFile() as spool:
        wanted = Wanted(burning, usable, request.erosion)
        collected = collect(image, wanted, spool, request, progress)
        return _chosen(collected, truth, image, request, spool, progress)


def _extents(truth: GroundTruth, image: Image) -> str:
    """Say where the polygons lie and where the image does."""
    boxes = Shapes(tuple(feature.geometry for feature in truth.features)).boxes
    ours = (*boxes[:, :2].min(0), *boxes[:, 2:].max(0))
    texts = (", ".join(f"{value:.10g}" for value in box) for box in (ours, image.grid.bounds))
    return "extents: " + "; ".join(texts)


def grown(found: Extracted, request: Request) -> Samples:
    """Return the samples with those of other regions and the made ones, if asked for."""
    samples = found.samples
    if request.transfer:
        samples = _transferred(samples, request)
    if request.augment == "none":
        return samples
    amount = request.augment_amount.strip()
    least, given = 0, dict[int, int]()
    if amount.startswith("minimum:") and amount[8:].strip().isdigit():
        least = int(amount[8:])
    elif amount != "balance":
        given = {row[0]: row[1] for row in read_rows(amount, 2)}
    how = Augmenting(request.augment, request.spread, request.neighbors, request.seed)
    return augmented(samples, targets(samples, amount == "balance", least, given), how)


def rates_text(found: Extracted) -> str:
    """Return the rates in the layout of Orfeo Toolbox."""
    lines = ["#className requiredSamples totalSamples rate"]
    lines += [f"{one.label} {one.taken} {one.total} {one.rate:g}" for one in found.rates]
    return "\n".join(lines) + "\n"


def _usable(truth: GroundTruth, request: Request) -> Array:
    """Return which polygons belong to the set and region that are asked for."""
    usable = np.ones(len(truth.features), bool)
    if request.run >= 0:
        field = f"seed_{request.run}"
        if field not in truth.features[0].values:
            raise InvalidOption(f"{truth.title} has no field {field!r}; split it first.")
        usable = np.array([f.values.get(field) == request.part for f in truth.features])
    if request.region:
        regions = [str(f.values.get(REGION, "1")) for f in truth.features]
        usable &= np.array(regions) == request.region
    if not usable.any():
        run = f"is {request.part} in run {request.run}" if request.run >= 0 else "lies"
        where = f" in region {request.region}" if request.region else ""
        raise InvalidOption(f"No polygon of {truth.title} {run}{where}.")
    return usable


def _chosen(
    collected: Collected,
    truth: GroundTruth,
    image: Image,
    request: Request,
    spool: IO[bytes],
    progress: Progress,
) -> Extracted:
    """Return the samples among the candidates."""
    if not len(collected.places):
        raise InvalidOption(
            f"No pixel of {image.name} under the polygons of {truth.title} is valid in every band."
        )
    order = np.lexsort((collected.places[:, 1], collected.places[:, 0]))
    row, col, feature, depth = collected.places[order].T
    groups = np.array([f.values.get(GROUP, f.number) for f in truth.features], np.int64)
    named = np.array([str(f.values.get(REGION, "1")) for f in truth.features])
    regions, codes = np.unique(named, return_inverse=True)
    candidates = Candidates(truth.labels[feature], groups[feature], codes[feature], depth)
    rows, eroded = inner(candidates, request.erosion)
    if eroded:
        progress.warn(
            f"{eroded} polygons are narrower than the erosion; their innermost pixels are taken."
        )
    rows, rates = taken_rows(candidates, rows, _sampling(request, regions.tolist()))
    _say_left_out(rates, request, progress)
    x, y = image.grid.to_map(col[rows] + 0.5, row[rows] + 0.5)
    samples = Samples(
        values_at(spool, order[rows], image.bands),
        candidates.labels[rows],
        candidates.polygons[rows],
        feature_names(image),
        tuple(named[feature[rows]].tolist()),
        x,
        y,
        truth.named,
    )
    return Extracted(
        samples,
        tuple(regions.tolist()),
        tuple(rates),
        collected.invalid,
        collected.conflicts,
        eroded,
    )


def _say_left_out(rates: Sequence[Rate], request: Request, progress: Progress) -> None:
    """Warn about classes without samples; raise InvalidOption when that is all of them."""
    without = sorted({one.label for one in rates} - {one.label for one in rates if one.taken})
    source = os.path.basename(request.rates or "") or f"AMOUNT {request.amount:g}"
    listed = ", ".join(map(str, without))
    if not any(one.taken for one in rates):
        raise InvalidOption(f"No sample is taken: {source} asks for none of the classes {listed}.")
    if without:
        progress.warn(f"{source} asks for no sample of these classes: {listed}.")


def feature_names(image: Image) -> tuple[str, ...]:
    """Return the names of the bands; band_<n> where a band has none."""
    return tuple(name or f"band_{band}" for band, name in enumerate(image.band_names, 1))


def _sampling(request: Request, regions: Sequence[str]) -> Sampling:
    counts: dict[tuple[int, int], int] = {}
    if request.rates:
        for row in read_rows(request.rates, 2, 3):
            region = -1 if len(row) == 2 else _place(str(row[0]), regions)
            counts[region, row[-2]] = row[-1]
    return Sampling(
        request.strategy,
        request.amount,
        request.sampler,
        request.jitter,
        request.erosion,
        request.max_per_polygon,
        counts,
        request.seed,
    )


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)


def _transferred(samples: Samples, request: Request) -> Samples:
    """Return the samples with copies of some for other regions."""
    parts = [samples]
    regions = np.array(samples.regions)
    for source, destination, label, quantity in read_rows(str(request.transfer), 4):
        rows = np.flatnonzero((regions == str(source)) & (samples.labels == label))
        random = np.random.default_rng([request.seed, label, 11])
        taken = samples.taken(np.sort(random.permutation(rows)[:quantity]))
        parts.append(replace(taken, regions=(str(destination),) * len(taken)))
    return joined(parts)
