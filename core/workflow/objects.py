# SPDX-License-Identifier: GPL-2.0-or-later
"""Classify polygons by their attributes, as objectstatistics writes them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InvalidOption
from ..image import Array
from ..landcover.classified import UNITS, in_unit
from ..landcover.models import Model
from ..progress import SILENT, Progress
from ..vector import Feature, Layer, read_polygons, write_layers
from ..vector.sources import open_layer

_POLYGONS = (3, 6)
"""OGR's numbers of polygons and lists of them."""


def classify_objects(
    source: str, model: Model, path: str, unit: str, progress: Progress = SILENT
) -> int:
    """Write the polygons of a layer with `label` and `confidence`; return how many got a class.

    An object whose features are not all known gets 0 and 0. Raises InvalidOption when the layer
    lacks a feature.
    """
    title = os.path.basename(source.split("|")[0])
    features = read_polygons(source, None, progress)
    table = _table(features, model, title)
    known = np.isfinite(table).all(0)
    labels, confidence = np.zeros(len(features), np.int64), np.zeros(len(features))
    if known.any():
        labels[known], chances = model.labeled(table[:, known])
        confidence[known] = in_unit(chances.max(0), unit)
    whole = UNITS[unit].kind == "u"
    written = tuple(
        Feature(
            one.geometry,
            {**one.values, "label": label, "confidence": int(share) if whole else share},
        )
        for one, label, share in zip(features, labels.tolist(), confidence.tolist())
    )
    fields = _fields(features, "integer" if whole else "real")
    crs = open_layer(source, _POLYGONS, "polygons").crs
    write_layers(path, (Layer("objects", "MultiPolygon", crs, fields, written),))
    return int(known.sum())


def _table(features: Sequence[Feature], model: Model, title: str) -> Array:
    """Return columns[feature, object] (float32), NaN where an attribute is empty."""
    names = {name.lower(): name for name in features[0].values}
    missing = [name for name in model.features if name.lower() not in names]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise InvalidOption(
            f"{title} lacks the fields {', '.join(missing[:5])}{more}, which the model needs."
        )
    columns = [names[name.lower()] for name in model.features]
    rows = [[_number(one.values[name]) for name in columns] for one in features]
    return np.array(rows, np.float32).T.reshape(len(columns), -1)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _fields(features: Sequence[Feature], confidence: str) -> tuple[tuple[str, str], ...]:
    kinds: dict[str, str] = {}
    for name in features[0].values:
        found = [one.values[name] for one in features if one.values[name] is not None]
        whole = all(isinstance(value, int) for value in found)
        real = all(isinstance(value, (int, float)) for value in found)
        kinds[name] = "integer" if whole and found else "real" if real and found else "string"
    kinds.update(label="integer", confidence=confidence)
    return tuple(kinds.items())
