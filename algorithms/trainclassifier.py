# SPDX-License-Identifier: GPL-2.0-or-later
"""Train classifier, in the Toolbox."""

from __future__ import annotations

from ..core.requests import trainclassifier
from .base import OperationAlgorithm


class TrainClassifier(OperationAlgorithm):
    """Trains a classifier of land cover on samples and writes it as one model file, which
    "Classify" takes.

    <b>When to use it.</b> After samples were extracted from an image of features. If you do not
    know which classifier to choose, take <i>best</i>: it compares all of them on polygons that
    they have not seen, and takes the one that is right most often.

    <b>The classifiers.</b> <i>rf</i> (random forest) asks for nothing and is hard to beat on real
    data; <i>mlp</i> (neural network) and <i>svm</i> (support vectors) are better where classes
    have curved borders; <i>maxlik</i> (maximum likelihood) is fast, and good with few samples;
    <i>knn</i> compares with the nearest samples.

    <b>What comes out.</b> An <i>.owm</i> file: a zip of JSON and numpy arrays in which nothing can
    be run, so a model of somebody else is safe to open. The report, if asked for, has the table
    of the comparison, the importance of features, and how far confidence can be believed.

    <b>How to read the numbers.</b> The accuracy is that of samples in polygons that were held
    out. It is not the accuracy of the map; measure that with reference polygons kept apart.

    Training rf and svm needs the Python package OpenCV, knn needs SciPy; mlp, maxlik, and the use
    of all other models, needs neither.
    """

    operation = trainclassifier
    title = "Train classifier"
    group_id = "landcover"
    keywords = (
        "classification",
        "supervised",
        "random forest",
        "support vector machine",
        "neural network",
        "maximum likelihood",
        "land cover",
        "machine learning",
        "cross-validation",
    )
