# SPDX-License-Identifier: GPL-2.0-or-later
"""Classify, in the Toolbox."""

from __future__ import annotations

from ..core.requests import classify
from .base import OperationAlgorithm


class Classify(OperationAlgorithm):
    """Gives every pixel of an image of features its class by a trained model, with the confidence
    and the probability of every class, all in one pass.

    <b>When to use it.</b> With a model of "Train classifier", or with an existing random forest
    model of Orfeo Toolbox or iota2 (<i>model.txt</i>), which needs no Orfeo Toolbox here. The
    image must have the features that the samples had; they are found by their names in any order.

    <b>What comes out.</b> A map of labels, 0 where a feature or a clear date is missing, with
    colors and names in its style. The confidence is the probability of the label: for a random
    forest the share of its trees that vote for it.

    <b>Several models.</b> Polygons of regions and a table <i>region,model</i> classify each
    region with a model of its own.

    <b>How to read the numbers.</b> Low confidence marks pixels between two classes, on borders
    and of kinds that no sample shows. It does not replace a validation.

    Needs numpy alone; models of the kind knn need SciPy.
    """

    operation = classify
    title = "Classify"
    group_id = "landcover"
    keywords = (
        "classification",
        "land cover",
        "map",
        "predict",
        "random forest",
        "confidence",
        "probability",
        "Orfeo Toolbox",
        "iota2",
    )
