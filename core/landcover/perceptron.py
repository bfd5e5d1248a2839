# SPDX-License-Identifier: GPL-2.0-or-later
"""Neural networks, trained in small batches and evaluated by numpy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

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

BATCH = 256
RATE, DECAY = 0.003, 0.003
"""Size of the first steps, which shrink to 0 by a cosine, and what pulls weights to 0."""

SHARPNESS = 4.0
"""Scores lie within ± this, so that no sample can drive a class to certainty."""

MOMENTUM, EPSILON = (0.9, 0.999), np.float32(1e-8)
"""How slowly the means of slopes and of their squares change, and what keeps steps finite."""


@dataclass(frozen=True)
class Perceptron:
    """Layers of tanh, with weights[layer][out, in] and bias[layer].

    The last values are multiplied and shifted by `output[2, class]`.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    output: Array
    temperature: float = 1.0

    def outputs(self, columns: Array) -> Array:
        """Return the scores[class, pixel] of columns[feature, pixel]."""
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
    """Train on standardized samples; the temperature fits a grouped part that is held out."""
    rows = rows.reweighted(how.seed)
    whole = _trained(rows, how, progress)
    try:
        fold = dealt(rows.indices, rows.groups, usable_folds(rows.indices, rows.groups, FOLDS))
    except NoSolution:
        return whole
    part, held = _trained(rows.taken(fold != 0), how, progress), rows.taken(fold == 0)
    return replace(whole, temperature=temperature(part.outputs(held.columns), held.indices))


def uncalibrated(rows: Rows, how: Settings, progress: Progress = SILENT) -> Perceptron:
    """Train once: the labels are those of `train_perceptron`, the probabilities too sure."""
    return _trained(rows.reweighted(how.seed), how, progress)


def load_perceptron(arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> Perceptron:
    """Return the network of a model file."""
    count = range(int(numbers["layers"]))
    weights = tuple(arrays[f"weights{n}"] for n in count)
    biases = tuple(arrays[f"bias{n}"] for n in count)
    return Perceptron(weights, biases, arrays["output"], float(numbers["temperature"]))


def _trained(rows: Rows, how: Settings, progress: Progress) -> Perceptron:
    """Minimize the cross-entropy by steps of Adam (Kingma and Ba 2015, arXiv:1412.6980)."""
    rng = np.random.default_rng(how.seed)
    sizes = (rows.values.shape[1], *layers(how.hidden), rows.classes)
    net, slopes = _Net.of(sizes), _Net.of(sizes)
    for weights in net.weights:
        weights[...] = rng.standard_normal(weights.shape) / np.sqrt(weights.shape[1])
    columns, batch = rows.columns, min(BATCH, len(rows))
    mean, square = np.zeros_like(net.flat), np.zeros_like(net.flat)
    steps = how.iterations * (len(rows) // batch)
    for passed in range(how.iterations):
        progress.check()
        order = rng.permutation(len(rows))
        for at in range(len(rows) // batch):
            some = order[at * batch : (at + 1) * batch]
            net.slopes(columns[:, some], rows.indices[some], slopes)
            step = passed * (len(rows) // batch) + at
            mean += (1 - MOMENTUM[0]) * (slopes.flat - mean)
            square += (1 - MOMENTUM[1]) * (slopes.flat**2 - square)
            # both means begin at 0, which their sums of weights make good
            whole = [1 - one ** (step + 1) for one in MOMENTUM]
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps)) / whole[0]
            move = mean / (np.sqrt(square / np.float32(whole[1])) + EPSILON)
            np.subtract(net.flat, np.float32(rate) * move, out=net.flat)
    scale = np.array([[SHARPNESS], [0.0]]) * np.ones(rows.classes)
    return Perceptron(net.weights, tuple(one[:, 0].copy() for one in net.biases), scale)


@dataclass(frozen=True)
class _Net:
    """Weights and biases of all layers as views of one array."""

    flat: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    @classmethod
    def of(cls, sizes: Sequence[int]) -> _Net:
        """Return a network of zeros."""
        shapes = list(zip(sizes[1:], sizes[:-1]))
        flat = np.zeros(sum(out * (into + 1) for out, into in shapes), np.float32)
        weights, biases, at = [], [], 0
        for out, into in shapes:
            weights.append(flat[at : at + out * into].reshape(out, into))
            at += out * into
            biases.append(flat[at : at + out, None])
            at += out
        return cls(flat, tuple(weights), tuple(biases))

    def slopes(self, columns: Array, indices: Array, into: _Net) -> None:
        """Write the derivatives of the mean cross-entropy of samples by all weights."""
        held = [columns]
        for weights, bias in zip(self.weights, self.biases):
            held.append(np.tanh(product(weights, held[-1]) + bias))
        back = softmax(SHARPNESS * held[-1])
        back[indices, np.arange(len(indices))] -= 1
        back *= np.float32(SHARPNESS / len(indices))
        for layer in reversed(range(len(self.weights))):
            back *= 1 - held[layer + 1] ** 2
            slope = np.einsum("on,rn->or", back, held[layer])
            into.weights[layer][...] = slope + np.float32(DECAY) * self.weights[layer]
            back.sum(1, keepdims=True, out=into.biases[layer])
            back = product(np.ascontiguousarray(self.weights[layer].T), back)
