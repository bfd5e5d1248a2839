# SPDX-License-Identifier: GPL-2.0-or-later
"""Compute spectral indices and expressions of every date of a time series."""

from __future__ import annotations

import os

from ..errors import InvalidOption
from ..image import Image
from ..landcover.features import Features, Recipe
from ..landcover.sensors import ROLES
from ..landcover.series import layout
from ..landcover.userfunctions import Functions
from ..masks.expressions import Names
from ..masks.otbspelling import Formula, split_expressions
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import refuse_overwriting
from ..requests.spectralfeatures import Describing
from ..requests.spectralfeatures import Request as Request
from ..requests.spectralfeatures import Result as Result
from ..write import write
from .series.parts import open_series, typed


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Compute the features of the series and write them."""
    series = open_series(request.image)
    output = refuse_overwriting(request.output, [series.path])
    features = apply(series, request, progress)
    progress.phase("Computing the features")
    written = write(typed(features, request.output_type), output, request, progress)
    if written.clipped:
        progress.warn(
            f"{written.clipped} samples were beyond ±32767 and were cut. Lower SCALE, or divide in "
            "the expression."
        )
    progress.info(f"{features.bands} features were computed. The file is {output}.")
    return Result(output, features.bands, written.clipped)


def apply(
    series: Image,
    request: Describing,
    progress: Progress = SILENT,
    raw: Image | None = None,
    masks: Image | None = None,
) -> Features:
    """Return the features of a series as a view.

    User functions, when asked for, are called once to learn the names of their features; `raw` and
    `masks` are what else they may look at. Raises InvalidOption for bands that are not there and
    expressions that cannot be read.
    """
    features = Features(series, recipe_of(series, request), None, raw, masks)
    if request.python_module and request.functions:
        progress.warn(
            f"Code of {os.path.basename(request.python_module)} is run: {request.functions}."
        )
        asked = Functions(
            os.path.abspath(request.python_module),
            tuple(request.functions.split()),
            request.arguments or "{}",
            request.function_rows,
            request.function_columns,
        )
        known = asked.probed(features.given())
        features = Features(series, features.recipe, known, raw, masks)
    if not features.bands:
        raise InvalidOption("No features are left. Keep the bands, or give more indices.")
    return features


def recipe_of(series: Image, request: Describing) -> Recipe:
    """Return what is computed, with the expressions read for the bands of the series."""
    bands = max(len(sensor.bands) for sensor in layout(series).sensors)
    formulas = tuple(
        Formula(text, Names(bands, series.name))
        for text in split_expressions(request.expressions or "")
    )
    for formula in formulas:
        formula.check()
    return Recipe(
        indices=request.indices,
        formulas=formulas,
        roles=tuple((role, getattr(request, role)) for role in ROLES if getattr(request, role)),
        keep_bands=request.keep_bands,
        relative=request.relative,
        corrected=request.corrected,
        keep_duplicates=request.keep_duplicates,
        scale=request.scale,
    )
