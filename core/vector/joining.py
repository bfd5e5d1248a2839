# SPDX-License-Identifier: GPL-2.0-or-later
"""Several vector layers read one feature at a time, brought to one CRS, and joined in one layer."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from osgeo import gdal, ogr, osr

from ..errors import ImageIOError, InvalidOption
from ..progress import SILENT, Progress
from ..raster.crs import crs_title, reference, same_crs
from ..raster.errors import quiet, refusing
from ..stage import staged
from .sources import Opened, open_layer

_KINDS = {
    "Point": (ogr.wkbPoint, ogr.wkbMultiPoint),
    "LineString": (ogr.wkbLineString, ogr.wkbMultiLineString, ogr.wkbCompoundCurve),
    "Polygon": (ogr.wkbPolygon, ogr.wkbMultiPolygon, ogr.wkbCurvePolygon, ogr.wkbMultiSurface),
    "Unknown": (ogr.wkbUnknown, ogr.wkbGeometryCollection),
}
_EVERY = tuple(kind for kinds in _KINDS.values() for kind in kinds)
_POLYGON = ogr.wkbPolygon
_STEP = 1000
"""Features after which the user is asked whether to go on."""


@dataclass
class Tally:
    """What was found while features were read."""

    read: int = 0
    repaired: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Source:
    """A vector layer whose features are wanted in a CRS; `name` is that of its file.

    It is open only while its features are read, so that there may be thousands. `own_crs` and
    `geometry` are the CRS and type of what it holds, `layer` its name in the file.
    """

    path: str
    title: str
    layer: str
    own_crs: str
    geometry: int
    fields: tuple[ogr.FieldDefn, ...]
    name: str = ""
    crs: str = ""
    tally: Tally = field(default_factory=Tally)

    @property
    def kind(self) -> str:
        """ "Point", "LineString", "Polygon" or "Unknown" (several)."""
        flat = ogr.GT_Flatten(self.geometry)
        return next(name for name, kinds in _KINDS.items() if flat in kinds)

    @property
    def has_z(self) -> bool:
        """True when positions have heights."""
        return bool(ogr.GT_HasZ(self.geometry))

    def features(self, progress: Progress = SILENT) -> Iterator[tuple[ogr.Geometry, ogr.Feature]]:
        """Yield geometry, valid and in the CRS, and feature; what cannot be brought is counted."""
        opened = _opened(self.path)
        count = max(1, opened.layer.GetFeatureCount())
        mapping = self._mapping()
        with refusing(f"{self.title} cannot be read"):
            for feature in opened.layer:
                if self.tally.read % _STEP == 0:
                    progress.check()
                    progress.advance(self.tally.read / count)
                self.tally.read += 1
                geometry = self._brought(feature.GetGeometryRef(), mapping)
                if geometry is None:
                    self.tally.lost += 1
                else:
                    yield geometry, feature
        progress.advance(1.0)

    def _mapping(self) -> Any:
        if not self.own_crs or not self.crs or same_crs(self.own_crs, self.crs):
            return None
        with refusing(f"{crs_title(self.own_crs)} cannot be brought to {crs_title(self.crs)}"):
            return osr.CoordinateTransformation(reference(self.own_crs), reference(self.crs))

    def _brought(self, found: ogr.Geometry | None, mapping: Any) -> ogr.Geometry | None:
        if found is None or found.IsEmpty():
            return None
        geometry = found.Clone()
        if geometry.HasCurveGeometry():
            geometry = geometry.GetLinearGeometry()
        with quiet():
            if not geometry.IsValid():
                geometry = geometry.MakeValid()
                self.tally.repaired += 1
            if geometry is None or (mapping is not None and geometry.Transform(mapping) != 0):
                return None
        return geometry


def open_sources(
    paths: Sequence[str], crs: str | None, progress: Progress = SILENT
) -> list[Source]:
    """Open layers with geometries; `crs` is a WKT, None takes that of the first which has one.

    Raises ImageIOError or InvalidOption as open_layer does.
    """
    found = [_source(path) for path in paths]
    target = next((s.own_crs for s in found if s.own_crs), "") if crs is None else crs
    without = [source.title for source in found if not source.own_crs]
    if target and without:
        progress.warn(f"Without CRS, taken to be in {crs_title(target)}: {', '.join(without)}.")
    known = {source.own_crs for source in found} - {""}
    others = {crs_title(own) for own in known if not same_crs(own, target)}
    if others:
        progress.info(f"Layers in {', '.join(sorted(others))} are brought to {crs_title(target)}.")
    return [replace(source, name=name, crs=target) for source, name in zip(found, _names(found))]


def _opened(path: str) -> Opened:
    return open_layer(path, _EVERY, "features with geometry")


def _source(path: str) -> Source:
    """Look at a layer and close it again."""
    opened = _opened(path)
    definition = opened.layer.GetLayerDefn()
    defined = [definition.GetFieldDefn(n) for n in range(definition.GetFieldCount())]
    return Source(
        path,
        opened.title,
        opened.layer.GetName(),
        opened.crs,
        opened.layer.GetGeomType(),
        tuple(_like(one, one.GetName()) for one in defined),
    )


def copy_features(
    path: str,
    sources: Sequence[Source],
    layer: str,
    name_field: str,
    progress: Progress = SILENT,
) -> int:
    """Write all features of all sources with all fields as they are read; return how many.

    Fields of one name and type are one field; another type gets a field of its own (`_2`).
    """
    title = os.path.basename(path)
    written = 0
    with staged(path) as temporary, refusing(f"{title} cannot be written"):
        dataset = ogr.GetDriverByName("GPKG").CreateDataSource(temporary)
        if dataset is None:
            raise ImageIOError(f"{title} cannot be written: {gdal.GetLastErrorMsg()}.")
        dataset.StartTransaction()
        table = _table(dataset, sources, layer)
        columns = _columns(table, sources, name_field)
        for source, own, part in zip(sources, columns, progress.split(len(sources))):
            for geometry, feature in source.features(part):
                table.CreateFeature(_row(table, geometry, feature, own))
                written += 1
        dataset.CommitTransaction()
        # closing writes the rest of the file
        del table, dataset
    return written


def unique_names(wanted: Sequence[Sequence[str]], reserved: str = "") -> list[list[str]]:
    """Return for each source names for its fields: those already taken get _2, _3 …"""
    taken = {reserved.lower()} - {""}
    found = []
    for names in wanted:
        own = []
        for name in names:
            own.append(free_name(name, taken))
            taken.add(own[-1].lower())
        found.append(own)
    return found


def free_name(name: str, taken: set[str]) -> str:
    """Return the name, or the first of name_2, name_3 … that is not taken (in lower case)."""
    found, number = name, 1
    while found.lower() in taken or found.lower() in ("fid", "geom"):
        number += 1
        found = f"{name}_{number}"
    return found


def _names(sources: Sequence[Source]) -> list[str]:
    """Return names of files without extension, with the layer's where files repeat."""
    stems = [os.path.splitext(source.title)[0] for source in sources]
    times = Counter(stems)
    return [
        stem if times[stem] == 1 else f"{stem} {source.layer}"
        for stem, source in zip(stems, sources)
    ]


def _table(dataset: ogr.DataSource, sources: Sequence[Source], layer: str) -> ogr.Layer:
    kinds = {source.kind for source in sources}
    kind = ogr.wkbUnknown
    if len(kinds) == 1 and kinds != {"Unknown"}:
        kind = getattr(ogr, "wkbMulti" + next(iter(kinds)))
        kind = ogr.GT_SetZ(kind) if any(source.has_z for source in sources) else kind
    crs = reference(sources[0].crs) if sources[0].crs else None
    return dataset.CreateLayer(layer, crs, kind, ["GEOMETRY_NAME=geom"])


def _columns(
    table: ogr.Layer, sources: Sequence[Source], name_field: str
) -> list[tuple[list[int], str]]:
    """Create the fields; return for each source where its fields go, and its name."""
    taken: dict[str, tuple[int, int]] = {}
    if name_field:
        table.CreateField(ogr.FieldDefn(name_field, ogr.OFTString))
        taken[name_field.lower()] = (0, -1)
    found = []
    for source in sources:
        places = []
        for defined in source.fields:
            shared = taken.get(defined.GetName().lower())
            if shared is not None and shared[1] == defined.GetType():
                places.append(shared[0])
                continue
            name, place = free_name(defined.GetName(), set(taken)), len(taken)
            known = taken.get(name.lower())
            table.CreateField(_like(defined, name))
            taken[name.lower()] = (place, defined.GetType()) if known is None else known
            places.append(place)
        found.append((places, source.name if name_field else ""))
    return found


def _like(defined: ogr.FieldDefn, name: str) -> ogr.FieldDefn:
    made = ogr.FieldDefn(name, defined.GetType())
    made.SetSubType(defined.GetSubType())
    made.SetWidth(defined.GetWidth())
    made.SetPrecision(defined.GetPrecision())
    return made


def _row(
    table: ogr.Layer,
    geometry: ogr.Geometry,
    feature: ogr.Feature,
    own: tuple[list[int], str],
) -> ogr.Feature:
    places, name = own
    row = ogr.Feature(table.GetLayerDefn())
    row.SetFromWithMap(feature, True, places)
    if name:
        row.SetField(0, name)
    kind = table.GetGeomType()
    fits = kind == ogr.wkbUnknown or geometry.GetGeometryType() == kind
    row.SetGeometryDirectly(geometry if fits else ogr.ForceTo(geometry, kind))
    return row


def refuse_no_polygons(sources: Sequence[Source]) -> None:
    """Raise InvalidOption for a layer that holds no polygons."""
    for source in sources:
        if source.kind not in ("Polygon", "Unknown"):
            raise InvalidOption(
                f"{source.title} holds no polygons; only METHOD=keep takes points and lines."
            )


def polygon_wkb(geometry: ogr.Geometry) -> bytes | None:
    """Return the polygons of a geometry as one two-dimensional MultiPolygon, None without any."""
    flat = geometry.Clone()
    flat.FlattenTo2D()
    parts = [part for part in _parts(flat) if ogr.GT_Flatten(part.GetGeometryType()) == _POLYGON]
    if not parts:
        return None
    whole = ogr.Geometry(ogr.wkbMultiPolygon)
    for part in parts:
        whole.AddGeometry(part)
    return bytes(whole.ExportToWkb(ogr.wkbNDR))


def _parts(geometry: ogr.Geometry) -> Iterator[ogr.Geometry]:
    if ogr.GT_Flatten(geometry.GetGeometryType()) == _POLYGON or not geometry.GetGeometryCount():
        yield geometry
        return
    for index in range(geometry.GetGeometryCount()):
        yield from _parts(geometry.GetGeometryRef(index))
