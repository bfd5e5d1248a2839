# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn a class map into polygons without gaps, with smooth borders and statistics."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InvalidOption
from ..image import Array, Image
from ..landcover.generalizing import Generalizing
from ..landcover.labeled import refuse_no_classes
from ..landcover.legend import automatic_color
from ..landcover.mosaicked import Labeled, Percent
from ..options import Kind, option, result
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_image, refuse_overwriting
from ..raster.palette import read_palette
from ..requests import Memory
from ..stage import staged
from ..vector import Feature, Layer, files_of, read_polygons, write_layers
from ..vector.rings import area_of, mapped, rings_of, wkb_of
from ..vector.shapefiles import write_shapefile
from ..vector.shaping import common
from ..vector.styles import classes_style
from ..workflow.vectorizing import Vectorized, Vectorizing, vectorized
from .accuracy import pixel_hectares

NEEDS = (("polygons", ()),)

STATISTICS = ("rate", "confidence", "validity")
PARTS = (".shp", ".shx", ".dbf", ".prj")
HECTARE = 10_000.0
WIDE = 20
"""Pixels above which a tolerance is hardly meant."""

FINEST = 16
"""Steps of smoothing in a pixel at most."""


@dataclass(frozen=True)
class Request(Memory):
    """Options of the run."""

    image: str = option(
        Kind.RASTER, "Class map", help="Labels as whole numbers, best regularized; 0 = no class."
    )
    confidence: str | None = option(
        Kind.RASTER, "Confidence", None,
        help="Its mean in each polygon becomes a field, in percent.",
    )  # fmt: skip
    validity: str | None = option(
        Kind.RASTER, "Count of clear dates", None,
        help="Its mean and standard deviation in each polygon become fields.",
    )  # fmt: skip
    tolerance: float = option(
        Kind.NUMBER, "Tolerance", 10.0, unit="map units", minimum=0,
        help="Points of borders that lie so near to a straight line are left out; borders of two "
        "polygons stay common, and corners where three meet stay in place. 0: none are left out.",
    )  # fmt: skip
    mmu: float = option(
        Kind.NUMBER, "Smallest polygon", 1000.0, unit="m²", minimum=0,
        help="Smaller ones join the neighbor with the longest common border.",
    )  # fmt: skip
    output: str = option(Kind.VECTOR_OUT, "Polygons", help="A GeoPackage with the classes' colors.")
    smooth: float = option(
        Kind.NUMBER, "Smoothing step", 10.0, unit="map units", minimum=0, advanced=True,
        help="Borders become curves through their points, with a point at this distance; 0: they "
        "stay angular.",
    )  # fmt: skip
    corners: bool = option(
        Kind.FLAG, "Cut corners", True, advanced=True,
        help="Cut the corners of pixels first, so that stairs become straight.",
    )  # fmt: skip
    source: str | None = option(
        Kind.RASTER, "Map for the shares", None, advanced=True,
        help="The map before regularization: the share of each of its classes in a polygon becomes "
        "a field c<label>. Empty: the class map itself.",
    )  # fmt: skip
    zones: str | None = option(
        Kind.VECTOR, "Zones", None, advanced=True,
        help="Polygons; a shapefile is written for each, with the polygons cut at its border.",
    )  # fmt: skip
    zone_field: str | None = option(
        Kind.FIELD, "Name of a zone", None, parent="zones", advanced=True,
        help="Its value names the file; zones of one value go together.",
    )  # fmt: skip
    zone_value: str | None = option(
        Kind.TEXT, "Zone", None, advanced=True, help="Only the zones with this value; empty: all."
    )
    prefix: str = option(
        Kind.TEXT, "Prefix of the shapefiles", "dept", advanced=True,
        help="They are called <prefix>_<value>.shp and lie beside the polygons.",
    )  # fmt: skip
    class_field: str = option(
        Kind.TEXT, "Field of the class", "Class", advanced=True, help="Name of the field."
    )
    statistics: tuple[str, ...] = option(
        Kind.NAMES, "Statistics", STATISTICS, clearable=True, advanced=True,
        help="With commas: rate (shares of classes), confidence, validity.",
    )  # fmt: skip
    block: int = option(
        Kind.INTEGER, "Block", 2000, unit="px", minimum=16, maximum=65536, advanced=True,
        help="The map is looked at in parts of so many pixels squared; the result does not depend "
        "on it.",
    )  # fmt: skip
    zip: bool = option(
        Kind.FLAG, "Zip the shapefiles", True, advanced=True, help="Write each as .zip as well."
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        refuse_unknown(self.statistics, STATISTICS)
        if self.zones and not self.zone_field:
            raise InvalidOption("Zones: give the field that names them (ZONE_FIELD).")
        if not self.class_field.strip() or len(self.class_field) > 10:
            raise InvalidOption("Field of the class: a name of 1 to 10 letters is needed.")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.VECTOR_OUT, "Polygons")
    zone_files: tuple[str, ...] = result(Kind.VECTORS, "Shapefiles of zones")
    polygon_count: int | None = result(Kind.INTEGER, "Polygons counted")
    small_count: int | None = result(Kind.INTEGER, "Polygons below the limit without neighbor")


def refuse_unknown(names: Sequence[str], known: Sequence[str]) -> None:
    """Raise InvalidOption naming the first of some statistics that is not known."""
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InvalidOption(f"Statistics: {unknown!r} is none of {', '.join(known)}.")


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
    files = [_zone(request, name, zones[name], layer, output) for name in zones]
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
    title, field = os.path.basename(request.zones.split("|")[0]), str(request.zone_field)
    if field not in features[0].values:
        listed = ", ".join(list(features[0].values)[:8]) or "none"
        raise InvalidOption(f"{title} has no field {field!r}; its fields: {listed}.")
    found: dict[str, list[bytes]] = {}
    for feature in features:
        found.setdefault(str(feature.values[field]), []).append(feature.geometry)
    if request.zone_value:
        if request.zone_value not in found:
            listed = ", ".join(list(found)[:8])
            raise InvalidOption(
                f"Zone: {title} has none with {field} = {request.zone_value}; it has {listed}."
            )
        found = {request.zone_value: found[request.zone_value]}
    return found


def _zone(request: Request, name: str, areas: Sequence[bytes], layer: Layer, output: str) -> str:
    """Write the polygons inside a zone as a shapefile, and zipped; return its path."""
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    path = os.path.join(os.path.dirname(output), f"{request.prefix}_{safe}.shp")
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
