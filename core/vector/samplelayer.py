# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples as a layer of points (GeoPackage or SQLite): one row each, one real field per feature."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import gdal, ogr

from ..errors import ImageIOError, InvalidOption
from ..image import Array, Mask
from ..landcover.samples import LARGEST, Samples, blocks, chosen, joined
from ..progress import SILENT, Progress
from ..raster.crs import reference
from ..raster.errors import refusing
from ..stage import staged
from .features import refuse_no_field
from .sources import Opened, open_layer

GROUP, REGION = "originfid", "region"
"""Fields with the polygon that a row comes from, and with its region."""

DRIVERS = {".gpkg": "GPKG", ".sqlite": "SQLite", ".db": "SQLite"}
BLOCKS_ACROSS = 20
"""Blocks along the longer side of samples that do not say which polygon they come from."""

_OBJECTS = (ogr.wkbPolygon, ogr.wkbMultiPolygon)
_KINDS = (ogr.wkbPoint, ogr.wkbMultiPoint, ogr.wkbNone, ogr.wkbUnknown, *_OBJECTS)
_WHOLE = (ogr.OFTInteger, ogr.OFTInteger64)
_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])
MOST_FIELDS = 2000
"""Columns of a table of SQLite."""

_OWN = ("fid", "geom")
"""Columns that every table has."""

_CHUNK = 2000
"""Rows that are converted together."""

_TOGETHER = 80
"""Columns that are read together."""


@dataclass(frozen=True)
class Fields:
    """Names of the fields that are no features."""

    label: str
    group: str = GROUP
    region: str = REGION


def write_samples(
    path: str, samples: Samples, fields: Fields, crs: str, progress: Progress = SILENT
) -> str:
    """Write samples as a new .gpkg or .sqlite that appears when it is complete; return its path.

    Labels with names are written as text. Raises InvalidOption for another extension or two
    features of one name, ImageIOError when the file cannot be written.
    """
    path, title = os.path.abspath(path), os.path.basename(path)
    driver = DRIVERS.get(os.path.splitext(title)[1].lower())
    if driver is None:
        raise InvalidOption(f"{title} must end in .gpkg or .sqlite, which is what is written.")
    refuse_fields(path, fields, samples.names)
    with staged(path) as temporary:
        with refusing(f"{title} cannot be written"):
            table = _created(temporary, driver, samples, fields, crs)
        try:
            _fill(temporary, table, samples, progress)
        except sqlite3.Error as error:
            raise ImageIOError(f"{title} cannot be written: {error}.") from error
    return path


def read_samples(
    sources: Sequence[str],
    fields: Fields,
    patterns: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Samples:
    """Read samples of one schema from layers; `patterns` choose features by name.

    Without patterns every field of real numbers is a feature. Rows with an empty value are left
    out with a warning, polygons without label too. Without the group field, blocks of ground are
    the groups. Raises ImageIOError when a file cannot be read, InvalidOption when a field is
    missing or a label is no whole number above 0 or text.
    """
    tables = [_table(source, fields, patterns) for source in sources]
    named = _named(tables, fields)
    samples = joined([_samples(table, fields, named) for table in tables])
    kept = samples.complete()
    if len(kept) < len(samples):
        progress.warn(
            f"{len(samples) - len(kept)} of {len(samples)} samples have an empty feature and are "
            "left out."
        )
    if not len(kept):
        raise InvalidOption(f"{tables[0].title} holds no sample whose features are all known.")
    if any(table.groups is None for table in tables):
        progress.warn(
            f"{tables[0].title} does not say in a field {fields.group!r} which samples belong "
            "together; blocks of ground are kept whole instead of polygons."
        )
    return kept


@dataclass(frozen=True)
class _Table:
    """What a layer holds: labels as they stand, features, groups, regions, positions."""

    title: str
    numbers: Array
    labels: Array
    names: tuple[str, ...]
    values: Array
    groups: Array | None
    regions: tuple[str, ...]
    x: Array
    y: Array


def refuse_fields(path: str, fields: Fields, features: Sequence[str]) -> None:
    """Raise InvalidOption when a table cannot have these fields: two of one name, or too many."""
    seen, names = set(_OWN), (fields.label, fields.group, fields.region, *features)
    if len(names) + len(_OWN) > MOST_FIELDS:
        raise InvalidOption(
            f"{len(features)} features do not fit into {os.path.basename(path)}, which holds "
            f"{MOST_FIELDS} fields. Reduce the bands first."
        )
    for name in names:
        if name.lower() in seen:
            raise InvalidOption(f"Two fields would be called {name}; names must differ.")
        seen.add(name.lower())


def _created(path: str, driver: str, samples: Samples, fields: Fields, crs: str) -> str:
    """Create the empty layer and return the name of its table."""
    dataset = ogr.GetDriverByName(driver).CreateDataSource(path)
    if dataset is None:
        raise ImageIOError(f"{gdal.GetLastErrorMsg()}.")
    options = ["SPATIAL_INDEX=NO", "GEOMETRY_NAME=geom"] if driver == "GPKG" else ["LAUNDER=NO"]
    where = reference(crs) if crs else None
    layer = dataset.CreateLayer("samples", where, ogr.wkbPoint, options)
    label = ogr.OFTString if samples.named else ogr.OFTInteger64
    declared = [(fields.label, label), (fields.group, ogr.OFTInteger64)]
    declared += [(fields.region, ogr.OFTString)] + [(name, ogr.OFTReal) for name in samples.names]
    for name, kind in declared:
        layer.CreateField(ogr.FieldDefn(name, kind))
    name = str(layer.GetName())
    dataset.FlushCache()
    del layer, dataset
    return name


def _fill(path: str, table: str, samples: Samples, progress: Progress) -> None:
    """Insert all rows at once: OGR takes a tenth of a millisecond for each value."""
    with closing(sqlite3.connect(path)) as file, file:
        columns = [row[1] for row in file.execute(f"PRAGMA table_info({_quoted(table)})")][1:]
        package = path.lower().endswith(".gpkg")
        header = _header(file) if package else b""
        listed = ", ".join(map(_quoted, columns))
        marks = ", ".join("?" * len(columns))
        line = f"INSERT INTO {_quoted(table)} ({listed}) VALUES ({marks})"  # noqa: S608
        for start in range(0, len(samples), _CHUNK):
            progress.check()
            part = samples.taken(slice(start, start + _CHUNK))
            file.executemany(line, _rows(part, header))
            progress.advance(min(1.0, (start + _CHUNK) / len(samples)))
        if package:
            _extent(file, samples)


def _header(file: sqlite3.Connection) -> bytes:
    """What stands before the geometry in a GeoPackage."""
    srs = file.execute("SELECT srs_id FROM gpkg_geometry_columns").fetchone()[0]
    return b"GP\x00\x01" + int(srs).to_bytes(4, "little", signed=True)


def _rows(part: Samples, header: bytes) -> Iterator[list[Any]]:
    packed = np.zeros(len(part), _POINT)
    packed["order"], packed["kind"], packed["x"], packed["y"] = 1, 1, part.x, part.y
    raw, size = packed.tobytes(), _POINT.itemsize
    names = dict(part.named)
    labels = [names.get(label, label) for label in part.labels.tolist()]
    regions = part.regions or ("1",) * len(part)
    values = part.values.astype(np.float64).tolist()
    for at, row in enumerate(zip(labels, part.groups.tolist(), regions, values)):
        place = header + raw[at * size : (at + 1) * size]
        yield [place if part.x[at] == part.x[at] else None, row[0], row[1], row[2], *row[3]]


def _extent(file: sqlite3.Connection, samples: Samples) -> None:
    """Tell where the points lie, which OGR does when it writes them itself."""
    if len(samples) and np.isfinite(samples.x).any():
        box = [float(f(v)) for f in (np.nanmin, np.nanmax) for v in (samples.x, samples.y)]
        file.execute("UPDATE gpkg_contents SET min_x = ?, min_y = ?, max_x = ?, max_y = ?", box)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _table(source: str, fields: Fields, patterns: Sequence[str]) -> _Table:
    found = open_layer(source, _KINDS, "points")
    definition = found.layer.GetLayerDefn()
    declared = [definition.GetFieldDefn(i) for i in range(definition.GetFieldCount())]
    kinds = {one.GetName(): one.GetType() for one in declared}
    refuse_no_field(kinds, fields.label, found.title)
    names = _features(kinds, fields, patterns, found.title)
    wanted = [name for name in (fields.label, fields.group, fields.region) if name in kinds]
    with refusing(f"{found.title} cannot be read"):
        columns = _columns(found, [*wanted, *names])
    if ogr.GT_Flatten(found.layer.GetGeomType()) in _OBJECTS:
        columns = _labeled(columns, fields.label, found.title)
    groups = _groups(columns.get(fields.group))
    x, y = columns["x"], columns["y"]
    regions = columns.get(fields.region)
    return _Table(
        found.title,
        columns["fid"],
        columns[fields.label],
        names,
        np.stack([columns[name] for name in names], 1).astype(np.float32),
        groups,
        () if regions is None else tuple(map(_text, regions.tolist())),
        x,
        y,
    )


def _groups(column: Array | None) -> Array | None:
    """Return numbers of groups, of texts too; None when they are not known everywhere."""
    if column is None or column.dtype.kind not in "SUO":
        whole = column is not None and column.dtype.kind in "iuf" and (column % 1 == 0).all()
        return column if whole else None
    texts = [_text(value) for value in column.tolist()]
    # the same text is the same group in every layer
    return np.array([zlib.crc32(text.encode()) for text in texts], np.int64) if all(texts) else None


def _labeled(columns: dict[str, Array], label: str, title: str) -> dict[str, Array]:
    """Return the objects that reference polygons cover, which are those with a label."""
    labels = columns[label]
    empty = b"" if labels.dtype.kind == "S" else ""
    known = labels != empty if labels.dtype.kind in "SUO" else ~np.isnan(labels.astype(np.float64))
    if not known.any():
        raise InvalidOption(f"No object of {title} has a label in field {label!r}.")
    return {name: column[known] for name, column in columns.items()}


def _features(
    kinds: dict[str, int], fields: Fields, patterns: Sequence[str], title: str
) -> tuple[str, ...]:
    """Return the names of the features: real fields, or numbers that the patterns mean."""
    numeric = (ogr.OFTReal, *_WHOLE) if patterns else (ogr.OFTReal,)
    taken = (fields.label, fields.group, fields.region)
    names = [name for name, kind in kinds.items() if kind in numeric and name not in taken]
    if not names:
        raise InvalidOption(f"{title} has no field of numbers that could be a feature.")
    return tuple(names[number] for number in chosen(names, patterns))


def _columns(found: Opened, names: Sequence[str]) -> dict[str, Array]:
    """Return the columns of a layer, its feature numbers and positions."""
    layer = found.layer
    if not hasattr(layer, "GetArrowStreamAsNumPy"):  # GDAL < 3.6
        return _slowly(layer, names)
    columns: dict[str, Array] = {}
    # GDAL 3.6 hands a GeoPackage's columns to a function of SQLite, which takes 127
    for start in range(0, len(names), _TOGETHER):
        some = names[start : start + _TOGETHER]
        parts = list(_batches(layer, some, places=start == 0))
        if not parts:
            raise InvalidOption(f"{found.title} holds no sample.")
        columns.update((name, np.concatenate([p[name] for p in parts])) for name in parts[0])
    return columns


def _batches(layer: ogr.Layer, names: Sequence[str], *, places: bool) -> Iterator[dict[str, Array]]:
    """Yield columns of some rows after the other; with their numbers and positions if asked for."""
    definition = layer.GetLayerDefn()
    listed = [definition.GetFieldDefn(i).GetName() for i in range(definition.GetFieldCount())]
    ignored = [name for name in listed if name not in names]
    layer.SetIgnoredFields(ignored if places else [*ignored, "OGR_GEOMETRY"])
    geometry, number = (
        layer.GetGeometryColumn() or "wkb_geometry",
        layer.GetFIDColumn() or "OGC_FID",
    )
    layer.ResetReading()
    for batch in layer.GetArrowStreamAsNumPy(["INCLUDE_FID=YES"]):
        part = {name: _plain(batch[name]) for name in names}
        if places:
            part["fid"] = _plain(batch[number])
            part["x"], part["y"] = _positions(batch.get(geometry), len(part["fid"]))
        yield part
    layer.SetIgnoredFields([])


def _plain(column: Any) -> Array:
    """Return a column without a mask: NaN for empty numbers, "" for empty texts."""
    values = np.asarray(column)
    empty = np.broadcast_to(getattr(column, "mask", False), values.shape)
    if not empty.any():
        return np.asarray(values)
    if values.dtype.kind in "SOU":
        return np.where(empty, b"" if values.dtype.kind == "S" else "", values)
    return np.where(empty, np.nan, values.astype(np.float64))


def _positions(column: Any, count: int) -> tuple[Array, Array]:
    """Return x, y of points as well-known binary; NaN for what is no point."""
    if column is None:
        return np.full(count, np.nan), np.full(count, np.nan)
    empty = bytes(_POINT.itemsize)
    found = (b"" if one is None else bytes(one) for one in column.tolist())
    raw = [one if len(one) == _POINT.itemsize else empty for one in found]
    packed = np.frombuffer(b"".join(raw), _POINT)
    known = (packed["order"] == 1) & (packed["kind"] == 1)
    return np.where(known, packed["x"], np.nan), np.where(known, packed["y"], np.nan)


def _slowly(layer: ogr.Layer, names: Sequence[str]) -> dict[str, Array]:
    """Return the columns feature by feature."""
    numbers = [layer.GetLayerDefn().GetFieldIndex(name) for name in names]
    rows, fids, places = [], [], []
    for feature in layer:
        rows.append([feature.GetField(number) for number in numbers])
        fids.append(feature.GetFID())
        point = feature.GetGeometryRef()
        single = point is not None and point.GetPointCount() == 1
        places.append((point.GetX(), point.GetY()) if single else (np.nan, np.nan))
    if not rows:
        raise InvalidOption("The layer of samples holds no sample.")
    columns = {name: _column(values) for name, values in zip(names, zip(*rows))}
    x, y = np.array(places, np.float64).reshape(-1, 2).T
    return {**columns, "fid": np.array(fids), "x": x, "y": y}


def _column(values: Sequence[Any]) -> Array:
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else value for value in values])
    if all(isinstance(value, int) for value in values):
        return np.array(values, np.int64)
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _named(tables: Sequence[_Table], fields: Fields) -> tuple[tuple[int, str], ...]:
    """Return codes 1, 2, … for text labels in alphabetical order; nothing for numbers."""
    if tables[0].labels.dtype.kind not in "SUO":
        return ()
    found = sorted({_text(label) for table in tables for label in table.labels.tolist()})
    if "" in found:
        raise InvalidOption(f"Field {fields.label!r} of {tables[0].title} is empty in places.")
    return tuple(enumerate(found, 1))


def _samples(table: _Table, fields: Fields, named: tuple[tuple[int, str], ...]) -> Samples:
    if named:
        codes = {name: code for code, name in named}
        labels = np.array([codes[_text(label)] for label in table.labels.tolist()], np.int64)
    else:
        _refuse_labels(table, fields)
        labels = table.labels.astype(np.int64)
    groups = table.groups
    if groups is None or np.isnan(groups.astype(np.float64)).any():
        groups = _grounds(table)
    return Samples(
        table.values, labels, groups, table.names, table.regions, table.x, table.y, named
    )


def _refuse_labels(table: _Table, fields: Fields) -> None:
    labels = table.labels.astype(np.float64)
    wrong: Mask = ~((labels >= 1) & (labels <= LARGEST) & (labels == np.floor(labels)))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InvalidOption(
            f"Field {fields.label!r} of {table.title} holds {labels[at]:g} (feature "
            f"{int(table.numbers[at])}); labels must be whole numbers from 1 to {LARGEST} or text."
        )


def _grounds(table: _Table) -> Array:
    """Return blocks of ground as groups; each row its own group when there are no positions."""
    if np.isnan(table.x).any():
        return np.arange(len(table.x), dtype=np.int64)
    side = max(float(np.ptp(table.x)), float(np.ptp(table.y))) / BLOCKS_ACROSS
    return blocks(table.x, table.y, side or 1.0)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
