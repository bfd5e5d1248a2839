# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics of features in objects: superpixels, parcels or segments of the user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import IncompatibleImages, InvalidOption
from ..image import Image
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_image, refuse_overwriting
from ..requests.objectstatistics import Request as Request
from ..requests.objectstatistics import Result as Result
from ..stage import WorkingFolder
from ..vector import (
    Burned,
    Feature,
    Layer,
    files_of,
    read_polygons,
    write_layers,
)
from ..vector.groundtruth import Burning, GroundTruth, read_truth
from ..vector.samplelayer import GROUP
from ..workflow.outlining import outlined
from ..workflow.segmenting import Segmenting, Segments, superpixels
from ..workflow.tallying import Tally, covering, tallied
from ..write import write
from .extractsamples import feature_names

NEEDS = (("objects", ()),)

VECTORS = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".sqlite", ".gml", ".kml")
OBJECT = "object"
"""Field with the number of an object."""


@dataclass(frozen=True)
class Objects:
    """The objects of an image as numbered pixels; parcels keep their outlines, by number."""

    image: Image
    parcels: tuple[Feature, ...] = ()
    reverse: Image | None = None
    """The parcels with the last of those that overlap on top."""


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Describe the objects of the request."""
    return tabulate(request, progress)


def tabulate(request: Request, progress: Progress = SILENT) -> Result:
    """Write the objects of an image and their statistics, perhaps as part of a larger run."""
    image = open_image(request.image)
    inputs = [image.path, *files_of(request.segments, request.polygons)]
    output = refuse_overwriting(request.output, inputs)
    if request.output_segments:
        refuse_overwriting(request.output_segments, inputs)
    with WorkingFolder("orthoweave") as folder:
        objects = objects_of(image, request, folder, progress.part(0.0, 0.5))
        return describe(image, objects, request, output, progress.part(0.5, 1.0))


def objects_of(image: Image, request: Request, folder: str, progress: Progress = SILENT) -> Objects:
    """Return the objects: superpixels, made in files of `folder`, or those of the user.

    Raises IncompatibleImages when a raster of objects has decimal numbers.
    """
    if not request.segments:
        how = Segmenting(request.step, request.compactness, request.buffer, request.threads)
        return Objects(superpixels(image, how, folder, progress))
    if is_vector(request.segments):
        parcels = read_polygons(request.segments, image.grid.crs, progress)
        shapes = tuple((one.geometry, number) for number, one in enumerate(parcels, 1))
        last = Burned(image.grid, shapes[::-1], "segments")
        return Objects(Burned(image.grid, shapes, "segments"), parcels, last)
    return Objects(Segments(open_numbers(request.segments), image.grid))


def open_numbers(path: str) -> RasterImage:
    """Open a raster of numbered objects.

    Raises IncompatibleImages when it has several bands or decimal numbers.
    """
    raster = open_image(path)
    if raster.bands != 1 or raster.dtype.kind not in "ui":
        raise IncompatibleImages(
            f"{raster.name} has {raster.bands} bands of {raster.dtype.name}; objects are numbered "
            "in one band of whole numbers."
        )
    return raster


def is_vector(segments: str) -> bool:
    """Return True for objects given as a layer of polygons."""
    path = files_of(segments)[0]
    return "|" in segments or os.path.splitext(path)[1].lower() in VECTORS


def describe(
    image: RasterImage | Image,
    objects: Objects,
    request: Request,
    output: str,
    progress: Progress = SILENT,
) -> Result:
    """Write the objects of an image, which may be a view, with their statistics and labels.

    Raises InvalidOption when there is no object on the image.
    """
    truth = None
    if request.polygons:
        truth = read_truth(request.polygons, str(request.field), image.grid.crs, progress)
    burning = Burning(image.grid, truth) if truth else None
    progress.phase("Counting in objects")
    tally = Tally(image, objects.image, request.statistics, burning, objects.reverse)
    tallied(tally, request.threads, progress.part(0.0, 0.5))
    table = _Table(image, objects, tally, truth, request)
    if not len(table.moments.objects):
        raise InvalidOption(f"No object lies on {image.name}.")
    _say_lost(image, objects, tally, len(table.moments.objects), progress)
    progress.phase("Writing the objects")
    layer = Layer("objects", "MultiPolygon", image.grid.crs, table.fields, table.features(progress))
    write_layers(output, [layer])
    raster = None
    if request.output_segments:
        part = progress.part(0.9, 1.0)
        raster = write(objects.image, request.output_segments, request, part).path
    labeled = int(np.count_nonzero(table.labels))
    progress.info(f"{len(table.moments.objects)} objects, {labeled} of them with a label.")
    if truth and not labeled:
        progress.warn(f"No object is covered by a polygon of {truth.title} as far as asked for.")
    progress.advance(1.0)
    return Result(output, raster, len(table.moments.objects), labeled)


def _say_lost(image: Image, objects: Objects, tally: Tally, found: int, told: Progress) -> None:
    """Count the parcels that hold no pixel, and the pixels that several hold."""
    count = len(objects.parcels)
    if count > found:
        told.warn(
            f"{count - found} of {count} objects hold no center of a pixel of {image.name} and are "
            "left out."
        )
    if tally.shared:
        told.warn(
            f"Objects overlap: {tally.shared} pixels lie in several and count for the first only."
        )


class _Table:
    """Objects with their attributes."""

    def __init__(
        self,
        image: Image,
        objects: Objects,
        tally: Tally,
        truth: GroundTruth | None,
        request: Request,
    ) -> None:
        self.image, self.objects, self.truth, self.request = image, objects, truth, request
        self.moments = moments = tally.moments()
        self.labels = np.zeros(len(moments.objects), np.int64)
        self.polygons = self.labels - 1
        fields = [(OBJECT, "integer")]
        if truth:
            found = covering(tally.covers(), moments, truth, request.min_cover)
            self.labels, self.polygons = found
            fields += [(str(request.field), "string" if truth.named else "integer")]
            fields += [(GROUP, "integer")]
        self.columns = {
            f"{feature}_{name}": values
            for name in request.statistics
            if name != "count"
            for feature, values in zip(feature_names(image), moments.statistic(name).T)
        }
        if "count" in request.statistics:
            fields.append(("count", "integer"))
        self.fields = (*fields, *((name, "real") for name in self.columns))
        _refuse_twins([name for name, _ in self.fields])

    def features(self, progress: Progress) -> Iterator[Feature]:
        """Yield the objects with their outlines."""
        for number, geometry in self._outlines(progress):
            progress.check()
            place = int(np.searchsorted(self.moments.objects, number))
            yield Feature(geometry, self._values(place))

    def _outlines(self, progress: Progress) -> Iterator[tuple[int, bytes]]:
        if self.objects.parcels:
            for number in self.moments.objects.tolist():
                yield number, self.objects.parcels[number - 1].geometry
            return
        yield from outlined(self.objects.image, self.request.threads, progress.part(0.5, 0.7))

    def _values(self, place: int) -> dict[str, Any]:
        number = int(self.moments.objects[place])
        parcels = self.objects.parcels
        values: dict[str, Any] = {OBJECT: parcels[number - 1].number if parcels else number}
        label = int(self.labels[place])
        if self.truth and label:
            values[str(self.request.field)] = dict(self.truth.named).get(label, label)
            feature = self.truth.features[int(self.polygons[place])]
            values[GROUP] = feature.values.get(GROUP, feature.number)
        if "count" in self.request.statistics:
            values["count"] = int(self.moments.known[place])
        for name, column in self.columns.items():
            values[name] = float(column[place]) if np.isfinite(column[place]) else None
        return values


def _refuse_twins(names: list[str]) -> None:
    low = [name.lower() for name in names]
    twin = next((name for name in names if low.count(name.lower()) > 1), None)
    if twin:
        raise InvalidOption(f"Two fields would be called {twin}; rename the bands of the image.")
