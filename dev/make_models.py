#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Write provider/models from the algorithms, with QGIS 3.22; --check only compares."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worktree import ROOT, register

MODELS = ROOT / "provider" / "models"
GROUP = "6 Workflows"
MADE_WITH = 32200
"""Newer versions of QGIS write models that older ones do not read."""


@dataclass(frozen=True)
class Step:
    """A run of an algorithm: `given` are values, names of inputs ("@images") or ("step", "OUTPUT").

    `outputs` are outputs of the step that the model gives, by the names users see.
    """

    name: str
    algorithm: str
    title: str
    given: dict[str, Any]
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A model: its id, its title, its help, its steps."""

    name: str
    title: str
    text: str
    steps: tuple[Step, ...]


def matching(source: Any) -> tuple[Step, ...]:
    """Return the steps from images to corrected images on one grid, and to cells."""
    quiet = {"LOAD_OUTPUTS": False}
    align = {"IMAGES": source, **quiet}
    colors = {"IMAGES": ("align", "OUTPUT_LAYERS"), **quiet}
    blocks = {"IMAGES": ("global", "OUTPUT_LAYERS"), **quiet}
    return (
        Step("align", "alignrasters", "Align to grid", align),
        Step("global", "globalregression", "Match colors", colors),
        Step("local", "localblockadjustment", "Even out differences inside", blocks),
        Step(
            "seams",
            "leastcostseamlines",
            "Lay seams",
            {"IMAGES": ("local", "OUTPUT_LAYERS")},
            {"Seam cells": "OUTPUT"},
        ),
    )


PLANS = (
    Plan(
        "mosaicchain",
        "Mosaic step by step",
        "Makes one mosaic of overlapping images in single steps that can be changed in the model "
        "designer: align to grid, global regression, local block adjustment, least-cost "
        'seamlines, merge with multiband blending. "Mosaic pipeline" does the same faster and '
        "writes no images in between.",
        (
            *matching("@images"),
            Step(
                "merge",
                "mergerasters",
                "Merge",
                {
                    "IMAGES": ("local", "OUTPUT_LAYERS"),
                    "SEAMLINES": ("seams", "OUTPUT"),
                    "RULE": "multiband",
                    "BLEND_WIDTH": "@blend_width",
                },
                {"Mosaic": "OUTPUT"},
            ),
        ),
    ),
    Plan(
        "alignandmosaic",
        "Align and mosaic step by step",
        "Puts overlapping images in place first (co-registration of a set), then matches colors, "
        "lays seams, cuts each image to its seam cell and merges what is left. All steps can be "
        "changed in the model designer.",
        (
            Step(
                "place",
                "coregisterset",
                "Put images in place",
                {"IMAGES": "@images", "LOAD_OUTPUTS": False},
            ),
            *matching(("place", "OUTPUT_LAYERS")),
            Step(
                "cut",
                "maskrasters",
                "Cut images to their cells",
                {
                    "IMAGES": ("local", "OUTPUT_LAYERS"),
                    "VECTOR_MASK": ("seams", "OUTPUT"),
                    "MASK_FIELD": "image",
                    "LOAD_OUTPUTS": False,
                },
            ),
            Step(
                "merge",
                "mergerasters",
                "Merge",
                {"IMAGES": ("cut", "OUTPUT_LAYERS")},
                {"Mosaic": "OUTPUT"},
            ),
        ),
    ),
)


def start() -> tuple[Any, Any]:
    """Start QGIS without a screen and with the plugin's algorithms; keep what is returned."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_HASH_SEED"] = "0"  # or the order of attributes differs with every run
    from qgis.core import Qgis, QgsApplication

    if Qgis.versionInt() // 100 != MADE_WITH // 100:
        raise SystemExit(f"Models are made with QGIS 3.22; this is {Qgis.version()}.")
    application = QgsApplication([], False)
    application.initQgis()
    register()
    from orthoweave.provider import OrthoweaveProvider

    provider = OrthoweaveProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    return application, provider


def model_of(plan: Plan) -> Any:
    """Return the model of a plan."""
    from qgis.core import (
        QgsProcessing,
        QgsProcessingModelAlgorithm,
        QgsProcessingModelParameter,
        QgsProcessingParameterMultipleLayers,
        QgsProcessingParameterNumber,
    )
    from qgis.PyQt.QtCore import QPointF

    model = QgsProcessingModelAlgorithm(plan.title, GROUP, "workflows")
    model.setHelpContent({"ALG_DESC": plan.text, "images": "Overlapping images, two or more."})
    inputs = [
        QgsProcessingParameterMultipleLayers(
            "images", "Images", QgsProcessing.SourceType.TypeRaster
        )
    ]
    if any("@blend_width" in step.given.values() for step in plan.steps):
        whole = QgsProcessingParameterNumber.Type.Integer
        inputs.append(
            QgsProcessingParameterNumber(
                "blend_width", "Blend width (px)", whole, 32, False, 2, 512
            )
        )
    for place, parameter in enumerate(inputs):
        part = QgsProcessingModelParameter(parameter.name())
        part.setPosition(QPointF(120 + 260 * place, 60))
        model.addModelParameter(parameter, part)
    model.setParameterOrder([parameter.name() for parameter in inputs])
    for place, step in enumerate(plan.steps):
        child = child_of(step)
        child.setPosition(QPointF(220, 160 + 110 * place))
        model.addChildAlgorithm(child)
    model.updateDestinationParameters()
    fine, complaints = model.validate()
    if not fine:
        raise SystemExit(f"{plan.name}: {'; '.join(complaints)}")
    return model


def child_of(step: Step) -> Any:
    """Return a step of a model; options that must have a value get their default."""
    from qgis.core import (
        QgsProcessingModelChildAlgorithm,
        QgsProcessingModelChildParameterSource,
        QgsProcessingModelOutput,
        QgsProcessingParameterDefinition,
    )

    made = QgsProcessingModelChildAlgorithm(f"orthoweave:{step.algorithm}")
    made.setChildId(step.name)
    made.setDescription(step.title)
    if made.algorithm() is None:
        raise SystemExit(f"There is no algorithm orthoweave:{step.algorithm}.")
    optional = QgsProcessingParameterDefinition.Flag.FlagOptional
    needed = {
        parameter.name(): parameter.defaultValue()
        for parameter in made.algorithm().parameterDefinitions()
        if not parameter.isDestination()
        and not parameter.flags() & optional
        and parameter.defaultValue() is not None
    }
    source = QgsProcessingModelChildParameterSource
    for name, value in {**needed, **step.given}.items():
        if isinstance(value, tuple):
            found = source.fromChildOutput(*value)
        elif isinstance(value, str) and value.startswith("@"):
            found = source.fromModelParameter(value[1:])
        else:
            found = source.fromStaticValue(value)
        made.addParameterSources(name, [found])
    outputs = {}
    for title, name in step.outputs.items():
        output = QgsProcessingModelOutput(title, title)
        output.setChildId(step.name)
        output.setChildOutputName(name)
        outputs[title] = output
    made.setModelOutputs(outputs)
    return made


def written(plan: Plan, folder: Path) -> str:
    """Return the text of a model's file."""
    path = folder / f"{plan.name}.model3"
    if not model_of(plan).toFile(str(path)):
        raise SystemExit(f"{path} cannot be written")
    return path.read_text(encoding="utf-8")


def main() -> None:
    """Write the models, or say which are stale."""
    kept = start()
    MODELS.mkdir(exist_ok=True)
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        for plan in PLANS:
            path, text = MODELS / f"{plan.name}.model3", written(plan, Path(folder))
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(PLANS)} models, changed: {', '.join(stale) or 'none'}\n")
    sys.stdout.flush()
    del kept
    # QGIS crashes when Python takes its objects apart
    os._exit(1 if stale and "--check" in sys.argv else 0)


if __name__ == "__main__":
    main()
