# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons of a vector layer, in the CRS they are needed in, and whose image they belong to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from osgeo import ogr

from ..errors import InvalidOption
from ..progress import SILENT, Progress
from ..raster.crs import CrsMapping, area_of_use, crs_title, is_geographic, same_crs
from ..raster.errors import quiet, refusing
from .rings import Polygon, densified, mapped, rings_of, wkb_of
from .shaping import common
from .sources import open_layer, parted

STEPS = (
    "_Global",
    "_Local",
    "_Histogram",
    "_LIRRN",
    "_Normalized",
    "_Adjusted",
    "_Align",
    "_Coregistered",
    "_Mask",
    "_Clip",
)
"""Suffixes that steps add to an image's name."""

EXTENSIONS = (".tif", ".tiff", ".vrt", ".jp2", ".img", ".png", ".jpg", ".jpeg", ".ecw", ".sid")

BEYOND = 20.0
"""Degrees round the area of a CRS within which polygons are brought to it."""

NEAR_POLE = 89.9
"""Latitude at which polygons end in a CRS that is not made for the poles."""

LISTED = 20
"""Fields that a sentence names at most."""

_POLYGONS = (ogr.wkbPolygon, ogr.wkbMultiPolygon)
_CURVED = (ogr.wkbCurvePolygon, ogr.wkbMultiSurface)
_MIXED = (ogr.wkbGeometryCollection, ogr.wkbUnknown)
_SURFACES = (*_POLYGONS, *_CURVED, *_MIXED)


@dataclass(frozen=True)
class Feature:
    """A geometry as well-known binary, its attributes, its number in its layer, and that's name."""

    geometry: bytes
    values: dict[str, Any] = field(default_factory=dict)
    number: int = -1
    layer: str = field(default="The layer", compare=False)


def read_polygons(source: str, crs: str | None, progress: Progress = SILENT) -> tuple[Feature, ...]:
    """Read the polygons of "path" or "path|layername=x" and bring them to a CRS (WKT).

    "" is that of images without CRS; None keeps that of the layer. Without a layer name the first
    layer with polygons is taken. Broken rings are repaired; what is no polygon is left out with a
    warning. Raises ImageIOError when the file cannot be read, InvalidOption when it has no such
    layer or no polygons.
    """
    found = open_layer(source, _SURFACES, "polygons")
    title = found.title
    with refusing(f"{title} cannot be read"):
        features = tuple(_features(found.layer, title, progress))
    if not features:
        raise InvalidOption(f"{title} has no polygons.")
    return features if crs is None else _brought(features, found.crs, crs, title, progress)


def polygons_for(
    name: str, features: Sequence[Feature], field_name: str, names: Sequence[str] = ()
) -> tuple[Feature, ...]:
    """Return the features whose field equals an image's name.

    `names` are all images of the run: only when no feature equals any of them, trailing step
    suffixes are removed on both sides. Raises InvalidOption when the features lack the field or
    two images have one name without the suffixes.
    """
    return polygons_by_name(features, field_name, (*names, name))[name]


def polygons_by_name(
    features: Sequence[Feature], field_name: str, names: Sequence[str]
) -> dict[str, tuple[Feature, ...]]:
    """Return what `polygons_for` returns, for each of the names of a run's images."""
    found = {name: list[Feature]() for name in names}
    keys = [_key(feature, field_name) for feature in features]
    if any(key in found or _stem(key) in found for key in keys):
        for feature, key in zip(features, keys):
            for name in {key, _stem(key)} & found.keys():
                found[name].append(feature)
    else:
        _refuse_collisions(tuple(found))
        plain = {_plain(name): name for name in found}
        for feature, key in zip(features, keys):
            if _plain(_stem(key)) in plain:
                found[plain[_plain(_stem(key))]].append(feature)
    return {name: tuple(mine) for name, mine in found.items()}


def files_of(*sources: str | None) -> tuple[str, ...]:
    """Return the files of vector sources, without layer names; None is left out."""
    return tuple(parted(source)[0] for source in sources if source)


def _features(layer: ogr.Layer, title: str, progress: Progress) -> Iterator[Feature]:
    left_out = 0
    for feature in layer:
        progress.check()
        polygons = _polygons(feature.GetGeometryRef())
        if polygons:
            yield Feature(wkb_of(polygons), dict(feature.items()), feature.GetFID(), title)
        else:
            left_out += 1
    if left_out:
        progress.warn(f"{title}: features that are no polygons and are left out: {left_out}.")


def _polygons(geometry: ogr.Geometry | None) -> list[Any]:
    """Return the rings of all polygons of a geometry, repaired."""
    if geometry is None or geometry.IsEmpty():
        return []
    geometry = geometry.Clone()
    geometry.FlattenTo2D()
    if geometry.HasCurveGeometry():
        geometry = geometry.GetLinearGeometry()
    with quiet():
        if not geometry.IsValid():
            geometry = geometry.MakeValid()
    return [] if geometry is None else list(_parts(geometry))


def _parts(geometry: ogr.Geometry) -> Iterator[Any]:
    if ogr.GT_Flatten(geometry.GetGeometryType()) in _POLYGONS:
        yield from rings_of(bytes(geometry.ExportToWkb(ogr.wkbNDR)))
        return
    if ogr.GT_Flatten(geometry.GetGeometryType()) == ogr.wkbGeometryCollection:
        for index in range(geometry.GetGeometryCount()):
            yield from _parts(geometry.GetGeometryRef(index))


def _brought(
    features: tuple[Feature, ...], source: str, target: str, title: str, progress: Progress
) -> tuple[Feature, ...]:
    """Return the features in the target CRS, edges divided so that they follow the ground."""
    if not source and target:
        progress.warn(f"{title} has no CRS; it is taken to be that of the images.")
    if source and not target:
        progress.warn(
            f"{title} is in {crs_title(source)} and the images have no CRS; positions are compared "
            "as they are."
        )
    if not source or not target or same_crs(source, target):
        return features
    mapping, brought = CrsMapping(source, target), []
    frame = () if is_geographic(target) or not is_geographic(source) else _frame(target)
    for feature in features:
        polygons = _within(rings_of(feature.geometry), frame)
        spans = [np.ptp(polygon[0], axis=0).max() for polygon in polygons]
        moved = mapped(densified(polygons, float(max(spans)) / 100 or 1.0), mapping)
        if not all(np.isfinite(ring).all() for polygon in moved for ring in polygon):
            progress.warn(f"{title}: a polygon lies where the images' CRS ends; it is left out.")
            continue
        brought.append(replace(feature, geometry=wkb_of(moved)))
    return tuple(brought)


def _frame(crs: str) -> tuple[Polygon, ...]:
    """The degrees that a CRS can show, and some more, as boxes; none when that is not known."""
    area = area_of_use(crs)
    if area is None:
        return ()
    west, south, east, north = area
    south = max(south - BEYOND, -NEAR_POLE) if south > -90 else south
    north = min(north + BEYOND, NEAR_POLE) if north < 90 else north
    west, east = (west - BEYOND, east + BEYOND) if east - west < 360 - 2 * BEYOND else (-180, 180)
    sides = [(max(west + turn, -180), min(east + turn, 180)) for turn in (-360, 0, 360)]
    return tuple(
        (np.array([[a, south], [b, south], [b, north], [a, north], [a, south]], float),)
        for a, b in sides
        if a < b
    )


def _within(polygons: tuple[Polygon, ...], frame: Sequence[Polygon]) -> tuple[Polygon, ...]:
    """Polygons without what lies outside a frame, where a CRS would show it in a wrong place.

    Those that lie outside altogether stay as they are.
    """
    corners = np.concatenate([ring for polygon in polygons for ring in polygon])
    low, high = corners.min(0), corners.max(0)
    if not frame or any(
        (box.min(0) <= low).all() and (high <= box.max(0)).all() for (box,) in frame
    ):
        return polygons
    return common(polygons, wkb_of(frame)) or polygons


def refuse_no_field(known: Iterable[str], name: str, layer: str = "The layer") -> None:
    """Raise InvalidOption unless the name is a field of the layer (its path or title)."""
    fields = tuple(known)
    if name not in fields:
        more = ", …" if len(fields) > LISTED else ""
        listed = (", ".join(fields[:LISTED]) or "none") + more
        title = os.path.basename(layer.split("|")[0])
        raise InvalidOption(f"{title} has no field {name!r}; its fields are: {listed}.")


def _key(feature: Feature, field_name: str) -> str:
    refuse_no_field(feature.values, field_name, feature.layer)
    value = feature.values[field_name]
    return "" if value is None else str(value)


def _stem(key: str) -> str:
    stem, extension = os.path.splitext(key)
    return stem if extension.lower() in EXTENSIONS else key


def _plain(name: str) -> str:
    """Return a name without trailing step suffixes."""
    found = next((step for step in STEPS if name.endswith(step) and name != step), None)
    return name if found is None else _plain(name[: -len(found)])


def _refuse_collisions(names: Sequence[str]) -> None:
    taken: dict[str, str] = {}
    for name in names:
        other = taken.setdefault(_plain(name), name)
        if other != name:
            raise InvalidOption(
                f"No polygon has the name of an image, and without the suffixes of steps {other} "
                f"and {name} have the same name. Write the images' names into the field."
            )
