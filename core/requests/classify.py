# SPDX-License-Identifier: GPL-2.0-or-later
"""Classify an image of features: label, confidence and probabilities in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, redefault, result
from . import Writing
from .shared.labels import Labels


@dataclass(frozen=True)
class Request(Writing):
    """Options of the run."""

    image: str | None = option(
        Kind.RASTER,
        "Image of features",
        None,
        help="Its bands are the features, under the names that the samples had.",
    )
    model: str | None = option(
        Kind.FILE,
        "Model",
        None,
        help="An .owm file, or a random forest model of OpenCV or Orfeo Toolbox (YAML or XML, "
        "also .gz).",
    )
    mask: str | None = option(
        Kind.RASTER,
        "Mask",
        None,
        help="Pixels are classified where this is not 0; or counts of clear dates.",
    )
    regions: str | None = option(
        Kind.VECTOR, "Regions", None, advanced=True, help="Polygons with a model each."
    )
    region_field: str = option(
        Kind.TEXT,
        "Field with the region",
        "region",
        advanced=True,
        help="Names of the regions, as in the table of models.",
    )
    model_table: str | None = option(
        Kind.FILE,
        "Table of models",
        None,
        advanced=True,
        help="Text with a line region,model for each region; a region without model stays 0.",
    )
    confidence_unit: str = option(
        Kind.CHOICE,
        "Unit of the confidence",
        "percent",
        choices=("percent", "fraction"),
        advanced=True,
        help="percent: whole numbers 0 to 100, rounded down. fraction: decimals 0 to 1",
    )
    min_clear: int = option(
        Kind.INTEGER,
        "Least clear dates",
        1,
        minimum=1,
        advanced=True,
        help="Pixels whose value in the mask is lower stay 0.",
    )
    classes: str | None = option(
        Kind.FILE,
        "Table of labels",
        None,
        advanced=True,
        help="Text with a line model_label,label: decodes models that were trained on labels 1, "
        "2, …",
    )
    colors: str | None = redefault(Labels, "colors", advanced=True)
    nomenclature: str | None = option(
        Kind.FILE,
        "Names of the classes",
        None,
        advanced=True,
        help="Text with a line name:label for each class; empty: those of the model.",
    )
    objects: str | None = option(
        Kind.VECTOR,
        "Objects",
        None,
        advanced=True,
        help="Polygons with the features as attributes, classified as well or instead.",
    )
    output: str | None = option(
        Kind.RASTER_OUT, "Map", None, created=True, help="Labels; 0 where nothing is known."
    )
    output_confidence: str | None = option(
        Kind.RASTER_OUT, "Confidence", None, help="Probability of the label of each pixel."
    )
    output_probability: str | None = option(
        Kind.RASTER_OUT,
        "Probabilities",
        None,
        help="One band for each class in ascending order, per mille.",
    )
    output_objects: str | None = option(
        Kind.VECTOR_OUT,
        "Classified objects",
        None,
        advanced=True,
        help="The objects with label and confidence.",
    )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str | None = result(Kind.RASTER_OUT, "Map")
    output_confidence: str | None = result(Kind.RASTER_OUT, "Confidence")
    output_probability: str | None = result(Kind.RASTER_OUT, "Probabilities")
    output_objects: str | None = result(Kind.VECTOR_OUT, "Classified objects")
    classified_pixels: int | None = result(Kind.INTEGER, "Classified pixels")
    classified_objects: int | None = result(Kind.INTEGER, "Classified objects counted")
