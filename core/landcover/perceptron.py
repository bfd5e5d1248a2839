# SPDX-License-Identifier: GPL-2.0-or-later
"""Neural networks: trained by OpenCV, evaluated by numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..deps import require
from ..errors import NoSolution
from ..image import Array
from ..progress import SILENT, Progress
from .calibration import temperature
from .folds import dealt, usable_folds
from .products import filled_up, product, softmax
from .rules import Rows
from .settings import Settings, layers

BLOCK = 8192
FOLDS = 3
"""The first of so many grouped folds is held out to find the temperature."""


@dataclass(frozen=True)
class Perceptron:
    """Layers of tanh(sum / 2), the symmetric sigmoid of OpenCV with α = β = 1.

    Each of weights[layer][out, in] has its bias[layer]; scales of the input are part of the first
    one; the last values are multiplied and shifted by `output[2, class]`.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    output: Array
    temperature: float = 1.0

    def outputs(self, columns: Array) -> Array:
        """Return values[class, pixel] of columns[feature, pixel], about -1 to 1."""
        count = columns.shape[1]
        found = np.empty((len(self.biases[-1]), count))
        for start in range(0, count, BLOCK):
            block = columns[:, start : start + BLOCK].astype(np.float32)
            layer = filled_up(block)
            for weights, bias in zip(self.weights, self.biases):
                layer = product(weights, layer)
                layer += bias[:, None]
                np.tanh(layer, out=layer)
            found[:, start : start + BLOCK] = layer[:, : block.shape[1]]
        found *= self.output[0][:, None]
        found += self.output[1][:, None]
        return found

    def probabilities(self, columns: Array) -> Array:
        """Return P[class, pixel]."""
        return softmax(self.outputs(columns) / self.temperature)

    def arrays(self) -> Mapping[str, Array]:
        """Return weights, biases and output scales."""
        named = {f"weights{n}": one for n, one in enumerate(self.weights)}
        named.update((f"bias{n}", one) for n, one in enumerate(self.biases))
        return {**named, "output": self.output}

    def numbers(self) -> Mapping[str, Any]:
        """Return the number of layers and the temperature."""
        return {"layers": len(self.weights), "temperature": self.temperature}


def train_perceptron(rows: Rows, how: Settings, progress: Progress = SILENT) -> Perceptron:
    """Train on standardized samples; the temperature fits a grouped part that is held out.

    Raises MissingPackage without OpenCV.
    """
    rows = rows.reweighted(how.seed)
    whole = _trained(rows, how)
    try:
        fold = dealt(rows.indices, rows.groups, usable_folds(rows.indices, rows.groups, FOLDS))
    except NoSolution:
        return whole
    progress.check()
    part, held = _trained(rows.taken(fold != 0), how), rows.taken(fold == 0)
    return replace(whole, temperature=temperature(part.outputs(held.columns), held.indices))


def uncalibrated(rows: Rows, how: Settings, progress: Progress = SILENT) -> Perceptron:
    """Train once: the labels are those of `train_perceptron`, the probabilities too sure.

    Raises MissingPackage without OpenCV.
    """
    progress.check()
    return _trained(rows.reweighted(how.seed), how)


def load_perceptron(arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> Perceptron:
    """Return the network of a model file."""
    count = range(int(numbers["layers"]))
    weights = tuple(arrays[f"weights{n}"] for n in count)
    biases = tuple(arrays[f"bias{n}"] for n in count)
    return Perceptron(weights, biases, arrays["output"], float(numbers["temperature"]))


def _trained(rows: Rows, how: Settings) -> Perceptron:
    cv2 = require("cv2", "Training mlp")
    sizes = (rows.values.shape[1], *layers(how.hidden), rows.classes)
    made = cv2.ml.ANN_MLP_create()
    made.setLayerSizes(np.array(sizes, np.int32))
    made.setActivationFunction(cv2.ml.ANN_MLP_SIGMOID_SYM, 1, 1)
    made.setTrainMethod(cv2.ml.ANN_MLP_RPROP, 0.1)
    made.setTermCriteria((cv2.TERM_CRITERIA_MAX_ITER, how.iterations, 0))
    targets = np.full((len(rows), rows.classes), -1, np.float32)
    targets[np.arange(len(rows)), rows.indices] = 1
    order = np.random.default_rng(how.seed).permutation(len(rows))
    made.train(rows.values[order], cv2.ml.ROW_SAMPLE, targets[order])
    return _taken_out(made, len(sizes))


def _taken_out(made: Any, count: int) -> Perceptron:
    """Return the weights of OpenCV's network, with the scale of its input in the first layer."""
    scale = made.getWeights(0).reshape(-1, 2)
    weights, biases = [], []
    for layer in range(1, count):
        table = made.getWeights(layer)
        weights.append(table[:-1].T / 2)
        biases.append(table[-1] / 2)
    biases[0] = biases[0] + weights[0] @ scale[:, 1]
    weights[0] = weights[0] * scale[:, 0]
    output = made.getWeights(count).reshape(-1, 2).T
    return Perceptron(
        tuple(np.ascontiguousarray(one, np.float32) for one in weights),
        tuple(one.astype(np.float32) for one in biases),
        np.ascontiguousarray(output),
    )
