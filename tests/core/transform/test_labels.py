# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details
from orthoweave.core.transform.labels import labels_in

RNG = np.random.default_rng(1)
AREAS = np.kron(RNG.integers(1, 9, (15, 18)), np.ones((20, 20)))


def image(values, dtype="uint8", valid=None, **details):
    values = np.asarray(values).astype(dtype)
    values = values if values.ndim == 3 else values[None]
    height, width = values.shape[1:]
    valid = np.ones((height, width), bool) if valid is None else valid
    at = Grid(width, height, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    return ArrayImage("a", at, values, valid, details=Details(**details))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (image(RNG.integers(0, 255, (300, 360))), ""),
        (image(RNG.integers(0, 255, (300, 360)), color_table=((0, 0, 0, 255),)), "a color table"),
        (image(AREAS), "8 values only"),
        (image(AREAS, "int16"), "8 values only"),
        (image(RNG.integers(0, 2, (300, 360)) * 255), "2 values only"),
        # few values but no areas: a dark image
        (image(RNG.integers(0, 8, (300, 360))), ""),
        (image(AREAS, "float32"), ""),
        (image(np.stack([AREAS, AREAS])), ""),
        (image(np.full((300, 360), 3)), ""),
        (image(AREAS[:5, :5]), ""),
    ],
)
def test_labels_are_told_from_measurements(made, said):
    assert labels_in(made) == said


def test_what_is_not_valid_does_not_count():
    values = np.where(AREAS > 4, RNG.integers(0, 255, AREAS.shape), AREAS)
    assert labels_in(image(values)) == ""
    assert labels_in(image(values, valid=AREAS <= 4)) == "4 values only"
