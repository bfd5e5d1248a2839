# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn a class map into polygons without gaps, with smooth borders and statistics."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import InvalidOption
from ..image import Array, Image
from ..landcover.generalizing import Generalizing
from ..landcover.labeled import refuse_no_classes
from ..landcover.legend import automatic_color
from ..landcover.mosaicked import Labeled, Percent
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_image, refuse_overwriting
from ..raster.palette import read_palette
from ..requests.vectorizeclasses import Request as Request
from ..requests.vectorizeclasses import Result as Result
from ..stage import staged
from ..vector import Feature, Layer, files_of, read_polygons, refuse_no_field, write_layers
from ..vector.rings import area_of, mapped, rings_of, wkb_of
from ..vector.shapefiles import write_shapefile
from ..vector.shaping import common
from ..vector.styles import classes_style
from ..workflow.vectorizing import Vectorized, Vectorizing, vectorized
from .accuracy import pixel_hectares

NEEDS = (("polygons", ()),)

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
HECTARE = 10_000.0
WIDE = 20
"""Pixels above which a tolerance is hardly meant."""

SHARES = 1900
"""Fields of classes that a GeoPackage can hold beside the others."""

FINEST = 16
"""Steps of smoothing in a pixel at most."""


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Vectorize the map of the request."""
    return vectorize(request, progress)


def vectorize(request: Request, progress: Progress = SILENT) -> Result:
    """Write the polygons of a map and those of zones, perhaps as part of a larger run."""
    image = open_image(request.image)
    inputs = [name for name in (request.confidence, request.validity, request.source) if name]
    inputs += [image.path, *files_of(request.zones)]
    output = refuse_overwriting(request.output, inputs)
    zones = _zones(request, image, progress)
    found = polygons_of(image, request, progress.part(0.0, 0.8))
    legend = _legend(request)
    table = _Table(found, request, legend)
    progress.phase("Writing the polygons")
    crs = image.grid.crs
    small = int(np.count_nonzero((found.areas() < request.mmu) & table.there))
    style = classes_style(request.class_field, [(n, *legend[n]) for n in table.labels])
    features = tuple(table.features()) if zones else table.features()
    layer = Layer("classes", "Polygon", crs, table.fields, features, style)
    write_layers(output, [layer])
    progress.advance(0.9)
    titles = _titles(request.prefix, list(zones))
    files = [_zone(request, titles[name], zones[name], layer, output) for name in zones]
    if small:
        progress.warn(
            f"{small} polygons are smaller than {request.mmu:g} m² and have no neighbor to join."
        )
    if not table.count:
        progress.warn(f"{image.name} has no class; the layer is empty.")
    progress.info(f"{table.count} polygons are written. They are {output}.")
    progress.advance(1.0)
    return Result(output, tuple(files), table.count, small)


def polygons_of(image: Image, request: Request, progress: Progress = SILENT) -> Vectorized:
    """Return the polygons of a map, which may be a view, and what lies in each.

    Raises IncompatibleImages when the image is no class map.
    """
    refuse_no_classes(image)
    grid = image.grid
    if request.tolerance > WIDE * max(grid.pixel_size):
        progress.warn(
            f"Tolerance: {request.tolerance:g} map units are more than {WIDE} pixels of "
            f"{image.name}, which leaves little of its borders."
        )
    # points lie at multiples of a small part of a pixel
    smooth = max(request.smooth, min(grid.pixel_size) / FINEST) if request.smooth else 0.0
    lines = Generalizing(request.tolerance, smooth, request.corners, grid.pixel_size)
    area = pixel_hectares(grid) * HECTARE
    how = Vectorizing(lines, area, request.mmu, request.block)
    return vectorized(Labeled(image), how, _layers(image, request), progress)


def _layers(image: Image, request: Request) -> dict[str, Image]:
    """Return what is counted in each polygon."""
    layers: dict[str, Image] = {}
    if "rate" in request.statistics:
        layers["rate"] = Labeled(open_image(request.source) if request.source else image)
    if "confidence" in request.statistics and request.confidence:
        layers["confidence"] = Percent(open_image(request.confidence))
    if "validity" in request.statistics and request.validity:
        layers["validity"] = open_image(request.validity)
    return layers


class _Table:
    """The polygons with their attributes; `count` is known when all were made."""

    def __init__(
        self, found: Vectorized, request: Request, legend: Mapping[int, tuple[str, str]]
    ) -> None:
        self.found, self.legend, self.count = found, legend, 0
        self.there = (found.labels > 0) & (found.owners == np.arange(len(found.labels)))
        self.labels = np.unique(found.labels[self.there]).tolist()
        self.class_field = request.class_field
        self.columns: dict[str, Array] = {}
        none = np.full(len(found.labels), np.nan)
        mean, spread = self._moments("validity", none)
        if "validity" in request.statistics:
            self.columns.update(Validmean=mean, Validstd=spread)
        if "confidence" in request.statistics:
            self.columns["Confidence"] = self._moments("confidence", none)[0]
        if "rate" in request.statistics:
            self.columns.update(self._rates())
        kinds = ((self.class_field, "integer"), ("Name", "string"), ("Area", "real"))
        self.fields = (*kinds, *((name, "real") for name in self.columns))

    def features(self) -> Iterator[Feature]:
        """Yield the polygons on the ground."""
        grid, areas = self.found.grid, self.found.areas()
        for one in self.found.polygons():
            self.count += 1
            values: dict[str, Any] = {
                self.class_field: one.label,
                "Name": self.legend[one.label][0],
                "Area": round(float(areas[one.face]), 2),
            }
            for name, column in self.columns.items():
                known = np.isfinite(column[one.face])
                values[name] = round(float(column[one.face]), 2) if known else None
            yield Feature(wkb_of(mapped([one.polygon], grid.to_map)), values)

    def _moments(self, name: str, none: Array) -> tuple[Array, Array]:
        shares = self.found.shares.get(name)
        return shares.moments(self.found.owners) if shares else (none, none)

    def _rates(self) -> dict[str, Array]:
        """Return the share of each class in each polygon, percent."""
        face, label, pixels = self.found.shares["rate"].table(self.found.owners)
        whole = np.bincount(face, pixels, len(self.found.labels))
        count = len(np.unique(label[label > 0]))
        if count > SHARES:
            raise InvalidOption(
                f"Statistics: shares of {count} classes do not fit into a table, which holds "
                f"{SHARES}. Leave out rate."
            )
        columns = {}
        for value in np.unique(label[label > 0]).tolist():
            share = np.zeros(len(whole))
            mine = label == value
            share[face[mine]] = pixels[mine]
            columns[f"c{value}"] = 100 * share / np.maximum(whole, 1)
        return columns


class _Legend(dict[int, tuple[str, str]]):
    """Name and color by label; a label that is not known names itself."""

    def __missing__(self, label: int) -> tuple[str, str]:
        return str(label), "#{:02x}{:02x}{:02x}".format(*automatic_color(label))


def _legend(request: Request) -> _Legend:
    """Return what the styles beside the maps call the classes."""
    found = _Legend()
    for path in (request.source, request.image):
        found.update(read_palette(path) if path else {})
    return found


def _zones(request: Request, image: RasterImage, progress: Progress) -> dict[str, list[bytes]]:
    """Return the polygons of each zone by its name."""
    if not request.zones:
        return {}
    features = read_polygons(request.zones, image.grid.crs, progress)
    field = str(request.zone_field)
    refuse_no_field(features[0].values, field, request.zones)
    found: dict[str, list[bytes]] = {}
    for feature in features:
        found.setdefault(str(feature.values[field]), []).append(feature.geometry)
    if request.zone_value:
        if request.zone_value not in found:
            listed = ", ".join(list(found)[:8])
            raise InvalidOption(
                f"Zone: {os.path.basename(request.zones)} has none with {field} = "
                f"{request.zone_value}; it has {listed}."
            )
        found = {request.zone_value: found[request.zone_value]}
    return found


def _titles(prefix: str, names: Sequence[str]) -> dict[str, str]:
    """Return a file name for each zone: letters that files may have, no two alike."""
    found: dict[str, str] = {}
    used = set[str]()
    for name in names:
        text = f"{prefix}_{name}"
        plain = "".join(one if one.isalnum() or one in "-_. " else "_" for one in text)
        number, title = 1, plain
        while title.lower() in used:
            number, title = number + 1, f"{plain}_{number + 1}"
        used.add(title.lower())
        found[name] = title
    return found


def _zone(request: Request, name: str, areas: Sequence[bytes], layer: Layer, output: str) -> str:
    """Write the polygons inside a zone as a shapefile, and zipped; return its path."""
    path = os.path.join(os.path.dirname(output), f"{name}.shp")
    cut = replace(layer, geometry="MultiPolygon", features=tuple(_cut(layer.features, areas)))
    written = write_shapefile(path, cut)
    if request.zip:
        stem = written[: -len(".shp")]
        with staged(stem + ".zip") as temporary, zipfile.ZipFile(temporary, "w", 8) as archive:
            for part in PARTS:
                if os.path.isfile(stem + part):
                    archive.write(stem + part, os.path.basename(stem + part))
    return written


def _cut(features: Iterable[Feature], areas: Sequence[bytes]) -> Iterator[Feature]:
    """Yield the parts of polygons inside a zone; only their areas are counted anew."""
    for feature in features:
        whole = rings_of(feature.geometry)
        parts = [polygon for area in areas for polygon in common(whole, area)]
        if parts:
            share = area_of(parts) / area_of(whole)
            area = round(feature.values["Area"] * share, 2)
            yield Feature(wkb_of(parts), {**feature.values, "Area": area})
