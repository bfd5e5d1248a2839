# SPDX-License-Identifier: GPL-2.0-or-later
"""More samples for classes that have few: copies, copies with noise, points between neighbors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..deps import require
from ..image import Array
from .samples import Samples, joined


@dataclass(frozen=True)
class Augmenting:
    """How samples are added: "replicate", "jitter" or "smote".

    `spread` divides the standard deviation of jitter; `neighbors` are those of SMOTE.
    """

    method: str
    spread: float = 10.0
    neighbors: int = 5
    seed: int = 0


def targets(
    samples: Samples, balance: bool, least: int, given: Mapping[int, int]
) -> dict[int, int]:
    """Return how many samples each class shall have.

    As many as the largest class with `balance`, at least `least`, or those given by label; never
    less than there are.
    """
    classes, counts = np.unique(samples.labels, return_counts=True)
    most = int(counts.max())
    return {
        int(label): max(int(count), most if balance else max(least, given.get(int(label), 0)))
        for label, count in zip(classes, counts)
    }


def augmented(samples: Samples, wanted: Mapping[int, int], how: Augmenting) -> Samples:
    """Return samples with made ones added until each class has as many as wanted.

    Made samples belong to the polygon of the sample that they come from. SMOTE: Chawla et al.
    2002, doi:10.1613/jair.953. Raises MissingPackage when SMOTE lacks SciPy.
    """
    parts = [samples]
    for label, count in sorted(wanted.items()):
        rows = np.flatnonzero(samples.labels == label)
        missing = count - len(rows)
        if missing <= 0 or not len(rows):
            continue
        random = np.random.default_rng([how.seed, label])
        sources = _sources(rows, missing, random)
        made = samples.taken(sources)
        parts.append(replace(made, values=_values(samples, rows, sources, how, random)))
    return joined(parts)


def _sources(rows: Array, count: int, random: np.random.Generator) -> Array:
    """Return rows to start from: each as often as every other, give or take one."""
    whole, rest = divmod(count, len(rows))
    return np.concatenate([np.tile(rows, whole), random.permutation(rows)[:rest]])


def _values(
    samples: Samples, rows: Array, sources: Array, how: Augmenting, random: np.random.Generator
) -> Array:
    values: Array = samples.values[sources]
    if how.method == "replicate" or len(rows) < 2:
        return values
    if how.method == "jitter":
        sigma = samples.values[rows].std(0) / how.spread
        noise: Array = random.standard_normal(values.shape) * sigma
        return np.asarray(values + noise, np.float32)
    return _between(samples, rows, sources, how, random)


def _between(
    samples: Samples, rows: Array, sources: Array, how: Augmenting, random: np.random.Generator
) -> Array:
    """Return points between each source and one of its nearest neighbors of the same class."""
    tree = require("scipy.spatial", "SMOTE").cKDTree
    own = samples.values[rows]
    sigma = own.std(0)
    scaled = own / np.where(sigma > 0, sigma, 1)
    count = min(how.neighbors, len(rows) - 1)
    places = np.searchsorted(rows, sources)
    _, near = tree(scaled).query(scaled[places], count + 1)
    # the nearest is the sample itself, or one of the same values
    pick = near[np.arange(len(sources)), 1 + random.integers(0, count, len(sources))]
    start, step = samples.values[sources], random.random((len(sources), 1)).astype(np.float32)
    return np.asarray(start + step * (own[pick] - start))
