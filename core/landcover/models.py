# SPDX-License-Identifier: GPL-2.0-or-later
"""Trained classifiers as files: a zip of JSON and numpy arrays in which nothing can be run."""

from __future__ import annotations

import copy
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import ImageIOError, InvalidOption
from ..image import Array
from ..stage import staged
from .gaussian import load_gaussian
from .nearest import load_neighbors
from .opencvforest import read_forest
from .perceptron import load_perceptron
from .preparing import Preparation, plain
from .randomforest import ForestRule, load_forest
from .rules import Rule
from .vectormachine import load_vectors

VERSION = 1
LOADERS: Mapping[str, Callable[[Mapping[str, Array], Mapping[str, Any]], Rule]] = {
    "rf": load_forest,
    "svm": load_vectors,
    "mlp": load_perceptron,
    "knn": load_neighbors,
    "maxlik": load_gaussian,
}
LARGEST_MODEL = 1 << 30
"""Bytes of a model that is unpacked."""

DAMAGES = (
    *(KeyError, ValueError, IndexError, TypeError, AttributeError, EOFError, OSError),
    *(MemoryError, OverflowError, RuntimeError, zlib.error, zipfile.BadZipFile),
)
"""What damaged or foreign files lead to."""

_DATE = (1980, 1, 1, 0, 0, 0)
_PREPARATION = ("columns", "mean", "scale", "projection")


@dataclass(frozen=True)
class Model:
    """A trained classifier.

    `labels` are ascending, `names` their names; `features` are the names of the bands it needs,
    in order ("" where a foreign file does not tell). `facts` say how it was made: parameters,
    samples and groups of each class, cross-validation, versions.
    """

    classifier: str
    rule: Rule
    preparation: Preparation
    labels: tuple[int, ...]
    names: tuple[str, ...]
    features: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, columns: Array) -> Array:
        """Return P[class, pixel] (float64) of columns[feature, pixel]."""
        return self.rule.probabilities(self.preparation.applied(columns))

    def labeled(self, columns: Array) -> tuple[Array, Array]:
        """Return label and P[class, pixel]; the lowest label wins a tie."""
        chances = self.probabilities(columns)
        return np.array(self.labels)[chances.argmax(0)], chances


def save_model(model: Model, path: str) -> str:
    """Write a model as an .owm file that appears when it is complete; return its path.

    The same model gives the same bytes. Raises ImageIOError when it cannot be written.
    """
    path = os.path.abspath(path)
    preparation = {f"preparation_{n}": getattr(model.preparation, n) for n in _PREPARATION}
    arrays = {**model.rule.arrays(), **preparation}
    head = {
        "version": VERSION,
        "classifier": model.classifier,
        "classes": [{"label": a, "name": b} for a, b in zip(model.labels, model.names)],
        "features": list(model.features),
        "numbers": dict(model.rule.numbers()),
        "arrays": sorted(arrays),
        **{name: value for name, value in model.facts.items() if name not in ("version",)},
    }
    with staged(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        _put(file, "model.json", json.dumps(head, indent=1, ensure_ascii=False).encode())
        for name in sorted(arrays):
            stream = io.BytesIO()
            array = np.ascontiguousarray(arrays[name])
            np.save(stream, array, allow_pickle=False)
            _put(file, f"{name}.npy", stream.getvalue())
    return path


def load_model(path: str) -> Model:
    """Read an .owm file, or a random forest of OpenCV or Orfeo Toolbox.

    Raises ImageIOError when it cannot be read, InvalidOption when it holds something else.
    """
    title = os.path.basename(path)
    try:
        zipped = zipfile.is_zipfile(path)
        os.stat(path)
    except OSError as error:
        raise ImageIOError(f"{title} cannot be read: {error.strerror}.") from error
    if not zipped:
        return foreign(path)
    try:
        with zipfile.ZipFile(path) as file:
            _refuse_swollen(file, title)
            head = json.loads(file.read("model.json"))
            arrays = {name: _array(file, name) for name in head["arrays"]}
        return _model(head, arrays, title)
    except DAMAGES as error:
        shapeless = isinstance(error, (TypeError, AttributeError, IndexError))
        reason = "its head has another form" if shapeless else str(error)
        raise InvalidOption(f"{title} is no .owm model, or a damaged one ({reason}).") from error


def foreign(path: str) -> Model:
    """Return a random forest that OpenCV or Orfeo Toolbox wrote, as a model."""
    found = read_forest(path)
    labels = tuple(int(label) for label in found.labels)
    return Model(
        "rf",
        ForestRule(found.forest),
        plain(found.features),
        labels,
        tuple(map(str, labels)),
        ("",) * found.features,
        {"origin": "OpenCV or Orfeo Toolbox"},
    )


def _model(head: Mapping[str, Any], arrays: Mapping[str, Array], title: str) -> Model:
    if head["version"] > VERSION:
        raise InvalidOption(
            f"{title} has version {head['version']} of the format; this Orthoweave reads up to "
            f"{VERSION}. Install a newer one."
        )
    classifier = head["classifier"]
    if str(classifier) not in LOADERS:
        raise InvalidOption(f"{title} holds the unknown classifier {classifier!r}.")
    known = ("version", "classifier", "classes", "features", "numbers", "arrays")
    model = Model(
        classifier,
        LOADERS[classifier](arrays, head["numbers"]),
        Preparation(*(arrays[f"preparation_{name}"] for name in _PREPARATION)),
        tuple(int(one["label"]) for one in head["classes"]),
        tuple(str(one["name"]) for one in head["classes"]),
        tuple(head["features"]),
        {name: value for name, value in head.items() if name not in known},
    )
    _refuse_unfit(model)
    return model


def _refuse_swollen(file: zipfile.ZipFile, title: str) -> None:
    """Raise InvalidOption for a file that would fill the memory when it is unpacked."""
    size = sum(entry.file_size for entry in file.infolist())
    if size > LARGEST_MODEL:
        raise InvalidOption(
            f"{title} would unpack to {size >> 20} MiB; a model has at most "
            f"{LARGEST_MODEL >> 20}. It is no .owm model that was made here."
        )


def _refuse_unfit(model: Model) -> None:
    """Raise ValueError when the parts of a model do not fit each other; it is tried on pixels."""
    columns, count = model.preparation.columns, len(model.features)
    if not all(isinstance(name, str) for name in model.features):
        raise ValueError("names of features that are no texts")
    if columns.size and (columns.min() < 0 or columns.max() >= count):
        raise ValueError(f"it has {count} features and uses number {columns.max() + 1}")
    if isinstance(model.rule, ForestRule):
        shape: tuple[int, ...] = (model.rule.forest.classes, 2)
        finite = True
    else:
        # a copy: what it remembers for later would be sent to other processes with the model
        tried = replace(model, rule=copy.copy(model.rule))
        with np.errstate(all="ignore"):
            found = tried.probabilities(np.zeros((count, 2), np.float32))
        shape, finite = found.shape, bool(np.isfinite(found).all())
    if shape != (len(model.labels), 2) or not finite:
        raise ValueError(f"it does not give probabilities of {len(model.labels)} classes")


def _put(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    file.writestr(entry, content)


def _array(file: zipfile.ZipFile, name: str) -> Array:
    stream = io.BytesIO(file.read(f"{name}.npy"))
    return np.asarray(np.load(stream, allow_pickle=False))
