# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of training a classifier; shared by trainclassifier and landcover."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption
from ..options import Kind, option

CLASSIFIERS = ("rf", "svm", "mlp", "knn", "maxlik")


@dataclass(frozen=True)
class Settings:
    """What a classifier is trained like."""

    classifier: str = option(
        Kind.CHOICE,
        "Classifier",
        "rf",
        choices=(*CLASSIFIERS, "best"),
        help="rf: random forest. svm: support vector machine. mlp: neural network. knn: nearest "
        "neighbors. maxlik: Gaussian maximum likelihood. best: cross-validation by polygons "
        "chooses (recommended)",
    )
    tune: bool = option(
        Kind.FLAG,
        "Tune the parameters",
        False,
        help="Try a grid of parameters by cross-validation and take the best.",
    )
    folds: int = option(
        Kind.INTEGER,
        "Folds",
        5,
        minimum=2,
        maximum=20,
        advanced=True,
        help="Parts for cross-validation; polygons are never divided.",
    )
    trees: int = option(
        Kind.INTEGER,
        "Trees",
        100,
        minimum=1,
        maximum=5000,
        advanced=True,
        help="rf: number of trees.",
    )
    depth: int = option(
        Kind.INTEGER,
        "Depth",
        25,
        minimum=1,
        maximum=100,
        advanced=True,
        help="rf: most questions on the way to a leaf. OpenCV allows 25.",
    )
    min_samples: int = option(
        Kind.INTEGER,
        "Samples of a node",
        10,
        minimum=1,
        advanced=True,
        help="rf: a node with fewer samples is not divided.",
    )
    split_features: int = option(
        Kind.INTEGER,
        "Features tried at a node",
        0,
        minimum=0,
        advanced=True,
        help="rf: 0 tries the square root of their number.",
    )
    oob_stop: float = option(
        Kind.NUMBER,
        "Stop at this error",
        0.0,
        minimum=0,
        maximum=1,
        advanced=True,
        help="rf: stop growing trees once the error of samples left out is below; 0 grows all. "
        "Orfeo Toolbox stops at 0.01, which is mostly too early",
    )
    kernel: str = option(
        Kind.CHOICE,
        "Kernel",
        "rbf",
        choices=("rbf", "linear"),
        advanced=True,
        help="svm: shape of the borders between classes.",
    )
    c: float = option(
        Kind.NUMBER,
        "C",
        10.0,
        minimum=1e-6,
        advanced=True,
        help="svm: price of a sample on the wrong side.",
    )
    gamma: float = option(
        Kind.NUMBER,
        "Gamma",
        0.0,
        minimum=0,
        advanced=True,
        help="svm: sharpness of the rbf kernel; 0 takes 1 / number of features.",
    )
    hidden: str = option(
        Kind.TEXT,
        "Hidden layers",
        "64,32",
        advanced=True,
        help="mlp: neurons of each hidden layer.",
    )
    iterations: int = option(
        Kind.INTEGER,
        "Iterations",
        50,
        minimum=1,
        advanced=True,
        help="mlp: passes over all samples.",
    )
    neighbors: int = option(
        Kind.INTEGER,
        "Neighbors",
        8,
        minimum=1,
        maximum=1000,
        advanced=True,
        help="knn: samples that vote.",
    )
    shrinkage: float = option(
        Kind.NUMBER,
        "Shrinkage",
        -1.0,
        minimum=-1,
        maximum=1,
        advanced=True,
        help="maxlik: share of the covariance of all classes, 0 to 1; -1 chooses it.",
    )
    standardize: str = option(
        Kind.CHOICE,
        "Standardize",
        "auto",
        choices=("auto", "yes", "no"),
        advanced=True,
        help="Bring features to mean 0 and deviation 1; auto: for svm, mlp and knn.",
    )
    priors: str = option(
        Kind.CHOICE,
        "Class shares",
        "samples",
        choices=("samples", "equal", "file"),
        advanced=True,
        help="How frequent classes are taken to be: as among the samples, equally, or as a file "
        "says",
    )
    priors_file: str | None = option(
        Kind.FILE,
        "File of class shares",
        None,
        advanced=True,
        help="Text with a line label,weight for each class.",
    )
    reduce: int = option(
        Kind.INTEGER,
        "Principal components",
        0,
        minimum=0,
        advanced=True,
        help="Components kept in place of the features; 0 keeps the features.",
    )
    reduce_mode: str = option(
        Kind.CHOICE,
        "Components over",
        "global",
        choices=("global", "date", "band"),
        advanced=True,
        help="global: all features together. date, band: so many for each date or each band.",
    )
    grid: str | None = option(
        Kind.JSON,
        "Grid",
        None,
        advanced=True,
        help='Values to try instead of the usual grid, for example {"TREES": [50, 100]}.',
    )
    seed: int = option(
        Kind.INTEGER,
        "Seed",
        0,
        advanced=True,
        minimum=0,
        help="Starts everything that is drawn at random.",
    )

    def check_settings(self) -> None:
        """Raise InvalidOption for values that do not fit together."""
        layers(self.hidden)
        grid_of(self.grid)
        if self.priors == "file" and not self.priors_file:
            raise InvalidOption("Class shares: file needs a file of class shares (PRIORS_FILE).")
        if -1 < self.shrinkage < 0:
            raise InvalidOption(f"Shrinkage: {self.shrinkage:g} is neither -1 nor from 0 to 1.")


MOST_LAYERS, WIDEST = 8, 2048
"""Limits of hidden layers, far above what helps: memory grows with the square of the width."""

GRIDDED = (
    *("trees", "depth", "min_samples", "split_features", "kernel", "c", "gamma", "hidden"),
    *("iterations", "neighbors", "shrinkage"),
)


def layers(text: str) -> tuple[int, ...]:
    """Return the sizes of hidden layers; raises InvalidOption for another text."""
    try:
        sizes = tuple(int(size) for size in text.replace(";", ",").split(",") if size.strip())
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise InvalidOption(f"Hidden layers: {text!r} is no list of whole numbers such as 64,32.")
    if len(sizes) > MOST_LAYERS or max(sizes) > WIDEST:
        raise InvalidOption(
            f"Hidden layers: {text!r} is too large; at most {MOST_LAYERS} layers of up to {WIDEST} "
            "neurons."
        )
    return sizes


def grid_of(given: Any) -> dict[str, list[Any]]:
    """Return lists of values by option name; raises InvalidOption for what is no such grid."""
    if not given:
        return {}
    try:
        found = dict(given) if isinstance(given, Mapping) else json.loads(given)
    except ValueError as error:
        raise InvalidOption(f"Grid: {given!r} is no JSON.") from error
    if not isinstance(found, dict) or not all(isinstance(v, list) and v for v in found.values()):
        raise InvalidOption('Grid: give lists of values by name, such as {"TREES": [50, 100]}.')
    unknown = [name for name in found if name.lower() not in GRIDDED]
    if unknown:
        listed = ", ".join(name.upper() for name in GRIDDED)
        raise InvalidOption(f"Grid: {unknown[0]} cannot be tuned; these can: {listed}.")
    return {name.lower(): list(values) for name, values in found.items()}
