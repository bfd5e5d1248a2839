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
from ..vector.groundtruth import Burning, GroundTruth, read_truth
from ..vector.samplelayer import GROUP, REGION, Fields, refuse_fields, write_samples
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
    fields = Fields(request.field)
    refuse_fields(output, fields, feature_names(image))
    found = extract(image, request, progress.part(0.0, 0.8))
    samples = grown(found, request, progress)
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
    _check_tables(truth, request, progress)
    usable = _usable(truth, request)
    burning = Burning(image.grid, truth)
    burning.refuse_none(image.name)
    if burning.outside:
        progress.warn(f"{burning.outside} polygons of {truth.title} lie outside {image.name}.")
    with tempfile.TemporaryFile() as spool:
        wanted = Wanted(burning, usable, request.erosion)
        collected = collect(image, wanted, spool, request, progress)
        _say_unused(collected, wanted, image.name, progress)
        return _chosen(collected, truth, image, request, spool, progress)


def _check_tables(truth: GroundTruth, request: Request, progress: Progress) -> None:
    """Read the small files of the request before any pixel is, and say what they ask in vain.

    Raises ImageIOError or InvalidOption when one cannot be used.
    """
    if request.augment != "none":
        _amounts(request, truth.named)
    for path, widths in ((request.rates, (2, 3)), (request.transfer, (4,))):
        rows = list(read_rows(path, *widths, names=truth.named)) if path else []
        strange = sorted({row[-2] for row in rows} - set(truth.classes))
        if strange:
            progress.warn(
                f"{os.path.basename(path or '')} names classes that {truth.title} does not have: "
                f"{', '.join(map(str, strange))}."
            )


def _say_unused(collected: Collected, wanted: Wanted, name: str, progress: Progress) -> None:
    """Warn about polygons and pixels that give no sample."""
    truth = wanted.burning.truth
    asked = int((wanted.usable & wanted.burning.reached).sum())
    without = asked - len(np.unique(collected.places[:, 2]))
    if without and len(collected.places):
        progress.warn(
            f"{without} polygons of {truth.title} hold no pixel of {name} that can be used: they "
            "are too small, or their pixels are not valid or in other polygons."
        )
    if collected.conflicts:
        progress.warn(
            f"{collected.conflicts} pixels lie in polygons of {truth.title} with different labels; "
            "they are left out."
        )


def grown(found: Extracted, request: Request, progress: Progress = SILENT) -> Samples:
    """Return the samples with those of other regions and the made ones, if asked for."""
    samples = found.samples
    if request.transfer:
        samples = _transferred(samples, request, progress)
    if request.augment == "none":
        return samples
    least, given = _amounts(request, samples.named)
    balance = request.augment_amount.strip() == "balance"
    how = Augmenting(request.augment, request.spread, request.neighbors, request.seed)
    return augmented(samples, targets(samples, balance, least, given), how)


def _amounts(request: Request, names: Sequence[tuple[int, str]]) -> tuple[int, dict[int, int]]:
    """Return how many samples each class shall have at least, and those given by label."""
    amount = request.augment_amount.strip()
    if amount == "balance":
        return 0, {}
    if amount.startswith("minimum:") and amount[8:].strip().isdigit():
        return int(amount[8:]), {}
    if not os.path.isfile(amount):
        raise InvalidOption(
            f"Samples after adding: {amount!r} is neither balance, nor a number such as "
            "minimum:500, nor a file."
        )
    return 0, {row[0]: row[1] for row in read_rows(amount, 2, names=names)}


def rates_text(found: Extracted) -> str:
    """Return the rates in the layout of Orfeo Toolbox: a line for each class, of all regions."""
    lines = ["#className requiredSamples totalSamples rate"]
    names = dict(found.samples.named)
    for label in sorted({one.label for one in found.rates}):
        mine = [one for one in found.rates if one.label == label]
        taken, total = sum(one.taken for one in mine), sum(one.total for one in mine)
        name = names.get(label, str(label))
        name = f'"{name}"' if " " in name else name
        lines.append(f"{name} {taken} {total} {taken / total:g}")
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
        _refuse_nothing(collected, truth.title, image.name)
    order = np.lexsort((collected.places[:, 1], collected.places[:, 0]))
    row, col, feature, depth = collected.places[order].T
    groups = _groups(truth)
    named = np.array([str(f.values.get(REGION, "1")) for f in truth.features])
    regions, codes = np.unique(named, return_inverse=True)
    candidates = Candidates(truth.labels[feature], groups[feature], codes[feature], depth)
    rows, eroded = inner(candidates, request.erosion)
    if eroded:
        progress.warn(
            f"{eroded} polygons are narrower than the erosion; their innermost pixels are taken."
        )
    rows, rates = taken_rows(candidates, rows, _sampling(request, regions.tolist(), truth.named))
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


def _refuse_nothing(collected: Collected, title: str, name: str) -> None:
    """Raise InvalidOption that says why there is no candidate."""
    if collected.invalid:
        raise InvalidOption(
            f"No pixel of {name} under the polygons of {title} is valid in every band."
        )
    if collected.conflicts:
        raise InvalidOption(f"All pixels of {name} in {title} lie in polygons of different labels.")
    raise InvalidOption(
        f"The polygons of {title} are too small: none holds the center of a pixel of {name}."
    )


def _groups(truth: GroundTruth) -> Array:
    """Return a number for each polygon; parts of one polygon have the same."""
    given = [feature.values.get(GROUP, feature.number) for feature in truth.features]
    if any(value is None for value in given):
        return truth.numbers
    if all(isinstance(value, int) for value in given):
        return np.array(given, np.int64)
    return np.unique([str(value) for value in given], return_inverse=True)[1].astype(np.int64)


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


def _sampling(
    request: Request, regions: Sequence[str], names: Sequence[tuple[int, str]]
) -> Sampling:
    counts: dict[tuple[int, int], int] = {}
    if request.rates:
        for row in read_rows(request.rates, 2, 3, names=names):
            region = -1 if len(row) == 2 else _place(row[0], regions)
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


def _transferred(samples: Samples, request: Request, progress: Progress) -> Samples:
    """Return the samples with copies of some for other regions."""
    title = os.path.basename(str(request.transfer))
    parts = [samples]
    regions = np.array(samples.regions)
    for source, destination, label, quantity in read_rows(
        str(request.transfer), 4, names=samples.named
    ):
        rows = np.flatnonzero((regions == source) & (samples.labels == label))
        if len(rows) < quantity:
            progress.warn(
                f"{title}: region {source} has {len(rows)} samples of class {label}; {quantity} "
                f"are asked for {destination}."
            )
        random = np.random.default_rng([request.seed, label, 11])
        taken = samples.taken(np.sort(random.permutation(rows)[:quantity]))
        parts.append(replace(taken, regions=(destination,) * len(taken)))
    return joined(parts)
