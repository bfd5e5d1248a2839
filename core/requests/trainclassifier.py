# SPDX-License-Identifier: GPL-2.0-or-later
"""Train a classifier on samples, chosen and tuned by cross-validation if asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ..deps import require
from ..errors import MissingPackage
from ..landcover.settings import Settings
from ..options import Kind, option, result
from . import Threads


@dataclass(frozen=True)
class Request(Settings, Threads):
    """Options of the run."""

    samples: tuple[str, ...] = option(
        Kind.VECTORS,
        "Samples",
        help="Points with a label and a field of decimal numbers for each feature, as the tool "
        "for samples writes them; several layers must have the same fields.",
    )
    field: str = option(
        Kind.FIELD,
        "Field with the class",
        parent="samples",
        help="Whole numbers from 1 to 65535, or text.",
    )
    features: tuple[str, ...] = option(
        Kind.NAMES,
        "Features",
        (),
        advanced=True,
        help="Names or patterns such as *_ndvi_*, separated by commas; empty: every field of "
        "decimal numbers.",
    )
    group_field: str = option(
        Kind.TEXT,
        "Field with the polygon",
        "originfid",
        advanced=True,
        help="Rows with one value here are never divided by cross-validation.",
    )
    output: str = option(Kind.MODEL_OUT, "Model", help="An .owm file, which classify takes.")
    report: str | None = option(
        Kind.HTML_OUT,
        "Report",
        None,
        help="What was compared, importance of the features, classes; costs a cross-validation.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        self.check_settings()
        needed = {"knn": "scipy", "rf": "cv2", "svm": "cv2"}.get(self.classifier, "")
        if needed:
            refuse_absent(self.classifier, needed)


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.MODEL_OUT, "Model")
    report: str | None = result(Kind.HTML_OUT, "Report")
    classifier: str | None = result(Kind.TEXT, "Classifier")
    accuracy: float | None = result(Kind.NUMBER, "Accuracy on held-out polygons, %")
    sample_count: int | None = result(Kind.INTEGER, "Samples")
    class_count: int | None = result(Kind.INTEGER, "Classes")
    feature_count: int | None = result(Kind.INTEGER, "Features")


def refuse_absent(classifier: str, package: str) -> None:
    """Raise MissingPackage when what a classifier needs is not there, naming those that work."""
    try:
        require(package, f"Training {classifier}")
    except MissingPackage as error:
        others = "maxlik or knn" if package == "cv2" else "maxlik or rf"
        raise MissingPackage(f"{error} Or choose {others}.") from error
