# SPDX-License-Identifier: GPL-2.0-or-later
"""Classify an image of features: label, confidence and probabilities in one pass."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from ..errors import InvalidOption
from ..exchange.legend import read_legend, write_names
from ..exchange.text import read_lines
from ..grid import Grid
from ..image import Image
from ..landcover.classified import Classified, assigned
from ..landcover.legend import Legend
from ..landcover.models import Model, load_model
from ..landcover.samples import LARGEST
from ..landcover.stacking import spread_over
from ..placement import onto
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import open_image, refuse_overwriting
from ..requests.classify import Request as Request
from ..requests.classify import Result as Result
from ..vector import Burned, files_of, read_polygons, refuse_no_field
from ..workflow.maps import Mapped, Maps, write_maps
from ..workflow.objects import classify_objects

NAMES = ".nomenclature.txt"
"""End of the file beside a map that says what its labels mean."""

Key = TypeVar("Key")
Value = TypeVar("Value")

NEEDS = (("all models but knn", ()), ("knn", ("scipy",)))


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Classify the image of the request, its objects, or both."""
    refuse_incomplete(request)
    legend = read_legend(request.nomenclature, request.colors)
    models = models_of(request, legend)
    pixels = objects = None
    if request.objects and request.output_objects:
        model = next(iter(models.values()))
        objects = classify_objects(
            request.objects, model, request.output_objects, request.confidence_unit, progress
        )
        progress.info(f"{objects} objects are classified. They are {request.output_objects}.")
    if request.image:
        mapped = _map(request, models, legend, progress)
        pixels = mapped.written.valid_pixels
    return Result(
        request.output if request.image else None,
        request.output_confidence if request.image else None,
        request.output_probability if request.image else None,
        request.output_objects if objects is not None else None,
        pixels,
        objects,
    )


def refuse_incomplete(request: Request) -> None:
    """Raise InvalidOption when something is missing or given without what it belongs to."""
    if not request.image and not request.objects:
        raise InvalidOption("Image of features (IMAGE) is missing; give it, or objects.")
    if request.image and not request.output:
        raise InvalidOption("Map (OUTPUT) is missing: where shall the labels go?")
    if request.objects and not request.output_objects:
        raise InvalidOption("Classified objects (OUTPUT_OBJECTS) is missing.")
    if bool(request.regions) != bool(request.model_table):
        raise InvalidOption("Regions need a table of models (MODEL_TABLE), and the table regions.")
    if not request.model and not request.model_table:
        raise InvalidOption("Model (MODEL) is missing.")


def models_of(request: Request, legend: Legend) -> dict[str, Model]:
    """Return the models of the regions by name; the only one has the name ""."""
    table = {"": request.model or ""}
    if request.model_table:
        table = _unique(_table(request.model_table), request.model_table)
    labels = _unique(_labels(request.classes), request.classes) if request.classes else {}
    models = {}
    for region, path in table.items():
        model = load_model(path)
        if request.classes:
            model = decoded(model, labels, os.path.basename(request.classes))
        _refuse_labels(model, os.path.basename(path))
        names = tuple(legend.names.get(a, b) for a, b in zip(model.labels, model.names))
        models[region] = replace(model, names=names)
    return models


def _refuse_labels(model: Model, title: str) -> None:
    """Raise InvalidOption for labels that a map cannot hold, or that mean two classes."""
    wrong = [label for label in model.labels if not 1 <= label <= LARGEST]
    if wrong or not model.labels:
        raise InvalidOption(
            f"{title} has {f'the label {wrong[0]}' if wrong else 'no class'}; labels are whole "
            f"numbers from 1 to {LARGEST}. Decode them with CLASSES."
        )
    if len(set(model.labels)) < len(model.labels):
        again = next(label for label in model.labels if model.labels.count(label) > 1)
        raise InvalidOption(f"Two classes of {title} would both get the label {again}.")


def decoded(model: Model, labels: dict[int, int], title: str) -> Model:
    """Return a model whose labels are those of a table; raises InvalidOption for a missing one."""
    missing = [str(label) for label in model.labels if label not in labels]
    if missing:
        raise InvalidOption(f"{title} does not say what the labels {', '.join(missing)} mean.")
    found = tuple(labels[label] for label in model.labels)
    return replace(model, labels=found, names=tuple(map(str, found)))


def apply(
    image: Image,
    request: Request,
    models: dict[str, Model],
    *,
    largest: int = 0,
    progress: Progress = SILENT,
) -> Classified:
    """Return the classified image as a view: nothing is computed yet."""
    mask = None
    if request.mask:
        mask = spread_over(image.grid, onto(open_image(request.mask), image.grid, "nearest"))
    found = tuple(assigned(model, image, progress) for model in models.values())
    regions = _regions(image.grid, request, tuple(models), progress) if request.regions else None
    return Classified(
        image,
        found,
        mask,
        request.min_clear,
        regions,
        request.confidence_unit,
        largest,
        chances=bool(request.output_probability),
    )


def _map(request: Request, models: dict[str, Model], legend: Legend, progress: Progress) -> Mapped:
    image = open_image(request.image or "")
    inputs = [image.path, *files_of(request.mask, request.regions, request.model)]
    wanted = (request.output, request.output_confidence, request.output_probability)
    paths = [refuse_overwriting(path, inputs) if path else "" for path in wanted]
    view = apply(image, request, models, largest=max(legend.names, default=0), progress=progress)
    names = legend.names or dict(zip(view.labels, view.names))
    legend = Legend(names, legend.colors).complete(view.labels, progress)
    progress.phase("Classifying")
    mapped = write_maps(view, Maps(*paths), request, progress, legend)
    if not request.nomenclature and any(str(n) != name for n, name in legend.names.items()):
        # text classes, whose numbers nobody has given
        path = write_names(os.path.splitext(paths[0])[0] + NAMES, legend.names)
        progress.info(f"The names of the classes are in {path}, which serves as nomenclature.")
    counted = ", ".join(f"{a} {b}" for a, b in zip(mapped.labels, mapped.pixels))
    share = mapped.written.valid_pixels / image.grid.window.pixels
    if not mapped.written.valid_pixels:
        progress.warn(f"{image.name}: no pixel could be classified; the map is empty.")
    progress.info(
        f"{100 * share:.1f} % of the pixels have a class (pixels by label: {counted}). The map is "
        f"{request.output}."
    )
    return mapped


def _regions(grid: Grid, request: Request, names: tuple[str, ...], progress: Progress) -> Burned:
    source, field = request.regions or "", request.region_field
    features = read_polygons(source, grid.crs, progress)
    refuse_no_field(features[0].values, field, source)
    numbers = {name: number for number, name in enumerate(names, 1)}
    without = sorted({str(f.values[field]) for f in features} - set(numbers))
    if without:
        progress.warn(f"These regions have no model and stay 0: {', '.join(without)}.")
    shapes = tuple(
        (feature.geometry, numbers[str(feature.values[field])])
        for feature in features
        if str(feature.values[field]) in numbers
    )
    return Burned(grid, shapes, "regions")


def _unique(pairs: Iterable[tuple[Key, Value]], path: str) -> dict[Key, Value]:
    """Return the pairs of a table; raises InvalidOption when there is none or one comes twice."""
    found: dict[Key, Value] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidOption(f"{os.path.basename(path)}: {key} stands there a second time.")
        found[key] = value
    if not found:
        raise InvalidOption(f"{os.path.basename(path)} is empty.")
    return found


def _table(path: str) -> Iterator[tuple[str, str]]:
    """Yield region and path of its model; paths are relative to the table."""
    folder = os.path.dirname(os.path.abspath(path))
    for region, model in _lines(path, "region,model"):
        yield region, os.path.join(folder, model)


def _labels(path: str) -> Iterator[tuple[int, int]]:
    for number, (before, after) in enumerate(_lines(path, "model_label,label"), 1):
        if not before.isdigit() or not after.isdigit() or not 1 <= int(after) <= 65535:
            raise InvalidOption(
                f"{os.path.basename(path)}: {before},{after} (entry {number}) is no pair of labels."
            )
        yield int(before), int(after)


def _lines(path: str, titles: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a text table; its title line may be there."""
    name = os.path.basename(path)
    for number, line in enumerate(read_lines(path), 1):
        pieces = [piece.strip() for piece in line.split(",")]
        if not line.strip() or (number == 1 and ",".join(pieces) == titles):
            continue
        if len(pieces) != 2 or not all(pieces):
            raise InvalidOption(f"{name}, line {number}: {line!r} is not {titles}.")
        yield pieces[0], pieces[1]
