# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw polygons round the pixels of images where a condition holds, or of equal value."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..alike import file_name
from ..errors import InvalidOption
from ..grid import Grid
from ..image import Array, Pixels
from ..masks.evaluated import Evaluated, Target
from ..masks.sizes import MOST, Table, renamed, size_rule, value_table
from ..normalizing.thresholds import read_expression
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_listed, output_paths
from ..requests.rastertopolygons import Request as Request
from ..requests.rastertopolygons import Result as Result
from ..survey import survey
from ..vector import NO_LABEL, Feature, LabelTrace, Layer, write_layers
from ..vector.rings import Polygon, area_of, mapped, wkb_of
from ..vector.shaping import buffered, dissolved
from ..vector.tracing import simplified
from ..write import together
from .expression.computing import measured

NEEDS = ()

FIELDS = (("value", "integer"), ("area", "real"), ("image", "string"))


@dataclass(frozen=True)
class Labeling:
    """Turns what an expression gives into labels: true is 1, numbers are rounded."""

    name: str
    logical: bool
    table: Table

    def labels(self, pixels: Pixels) -> Array:
        """Return labels[row, col]; NO_LABEL where a pixel belongs to no polygon.

        Raises InvalidOption for a number beyond MOST.
        """
        values = np.where(pixels.valid, np.rint(pixels.values[0]), 0)
        if values.size and np.abs(values).max() > MOST:
            raise InvalidOption(
                f"Expression: {self.name} gives {values.flat[np.abs(values).argmax()]:.6g}; values "
                f"of polygons lie between -{MOST} and {MOST}."
            )
        labels = renamed(values.astype(np.int64), self.table, NO_LABEL).astype(np.int32)
        inside = pixels.valid & (values != 0) if self.logical else pixels.valid
        return np.where(inside, labels, np.int32(NO_LABEL))


@dataclass
class Drawn:
    """The polygons of one image, made one after the other; `count` and `dropped` are known then."""

    image: RasterImage
    request: Request
    trace: LabelTrace
    count: int = 0
    dropped: int = 0
    grown: dict[int, list[tuple[Polygon, ...]]] = field(default_factory=dict)

    def features(self) -> Iterator[Feature]:
        """Yield the polygons with their attributes."""
        for value, polygons in self._shaped():
            self.count += 1
            values = {"value": value, "area": area_of(polygons), "image": self.image.name}
            yield Feature(wkb_of(polygons), values)

    def _shaped(self) -> Iterator[tuple[int, tuple[Polygon, ...]]]:
        grid, distance = self.image.grid, self.request.polygon_buffer
        for value, outline in self._kept():
            polygons = mapped(simplified(outline, self.request.simplify), grid.to_map)
            if distance == 0:
                yield value, polygons
                continue
            polygons = buffered(polygons, distance)
            self.dropped += not polygons
            if polygons and distance < 0:
                yield value, polygons
            elif polygons:
                self.grown.setdefault(value, []).append(polygons)
        for value in sorted(self.grown):
            for polygons in dissolved(self.grown[value]):
                yield value, polygons

    def _kept(self) -> Iterator[tuple[int, tuple[Polygon, ...]]]:
        rule = size_rule(self.request.filter_by_polygon_size)
        if rule is None:
            yield from self.trace.polygons()
            return
        kept = rule.kept(self.trace.areas(), pixel_area(self.image.grid))
        self.dropped += int(np.count_nonzero(~kept))
        for (value, outline), stays in zip(self.trace.polygons(), kept.tolist()):
            if stays:
                yield value, outline


@dataclass(frozen=True)
class _Layer:
    """A file, written or planned, and its polygons."""

    path: str
    state: str
    count: int
    dropped: int


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Label the pixels of every image, trace the labels and write the polygons."""
    images, skipped = open_listed(request, progress)
    pattern = request.name_pattern
    paths = output_paths(images, request.output_folder, pattern, ".gpkg")
    views = [_view(image, request) for image in images]
    progress.phase("Drawing the polygons")
    drawn: list[_Layer] = []
    with together(drawn, request):
        for image, view, path, part in zip(images, views, paths, progress.split(len(paths))):
            drawn.append(_written(image, view, path, request, part))
    count, dropped = sum(one.count for one in drawn), sum(one.dropped for one in drawn)
    progress.info(f"{count} polygons were drawn; {dropped} were dropped for their size.")
    made = () if request.dry_run else paths
    return Result(made, len(images), skipped, count, dropped)


def pixel_area(grid: Grid) -> float:
    """Return the area of a pixel in squared map units."""
    _, a, b, _, c, d = grid.transform
    return abs(a * d - b * c)


def _view(image: RasterImage, request: Request) -> Evaluated:
    expression = read_expression(request.expression, image)
    if len(expression.results) > 1:
        raise InvalidOption(
            f'Expression: {len(expression.results)} results are given, separated by ";", but '
            "polygons are drawn for one."
        )
    return Evaluated(image, expression, Target("float64", math.nan))


def _written(
    image: RasterImage, view: Evaluated, path: str, request: Request, progress: Progress
) -> _Layer:
    view = measured(view, request.threads, progress)
    begun = 0.3 if view.expression.percentiles else 0.0
    logical = view.expression.logical[0]
    labeling = Labeling(file_name(image), logical, value_table(request.value_mapping))
    with LabelTrace(image.grid, labeling.labels) as trace:
        part = progress.part(begun, 0.6)
        survey([view], own=[trace], canvas=image.grid, threads=request.threads, progress=part)
        trace.trace(eight_connected=request.eight_connected, progress=progress.part(0.6, 0.8))
        drawn = Drawn(image, request, trace)
        if request.dry_run:
            deque(drawn.features(), maxlen=0)
            progress.info(f"Planned: {path}, {drawn.count} polygons.")
        else:
            layer = Layer("mask", _geometry(request), image.grid.crs, FIELDS, drawn.features())
            write_layers(path, [layer])
    if not drawn.count:
        progress.warn(f"{file_name(image)} gives no polygon; its layer is empty.")
    progress.advance(1.0)
    state = "planned" if request.dry_run else "written"
    return _Layer(path, state, drawn.count, drawn.dropped)


def _geometry(request: Request) -> str:
    """One part for each polygon, unless corners are connected or buffers part polygons."""
    many = request.eight_connected or request.polygon_buffer < 0 or request.simplify > 0
    return "MultiPolygon" if many else "Polygon"
