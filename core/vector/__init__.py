# SPDX-License-Identifier: GPL-2.0-or-later
"""The only package that touches OGR layers: polygons in, styled layers out, masks to polygons."""

from __future__ import annotations

from .burned import Burned
from .features import (
    Feature,
    files_of,
    polygons_by_name,
    polygons_for,
    read_polygons,
    refuse_no_field,
)
from .footprint import Footprint, FootprintTrace, always_valid
from .labeltrace import NO_LABEL, LabelTrace
from .layers import Layer, write_layers
from .points import PointTable, point_features, read_points
from .tracing import trace

__all__ = [
    "NO_LABEL",
    "Burned",
    "Feature",
    "Footprint",
    "FootprintTrace",
    "LabelTrace",
    "Layer",
    "PointTable",
    "always_valid",
    "files_of",
    "point_features",
    "polygons_by_name",
    "polygons_for",
    "read_points",
    "read_polygons",
    "refuse_no_field",
    "trace",
    "write_layers",
]
