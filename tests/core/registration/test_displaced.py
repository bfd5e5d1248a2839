# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
from orthoweave.core.grid import Grid
from orthoweave.core.image import Image
from orthoweave.core.registration.displaced import DisplacementImage
from orthoweave.core.transform.correction import correction_of, frame_at
from orthoweave.core.transform.models import Linear
from orthoweave.core.windows import Window


def test_displacements_are_those_of_the_model_in_pixels():
    grid = Grid(60, 50, (5e5, 10.0, 0.0, 5e6, 0.0, -10.0))
    model = Linear("affine", ((1.01, 0.002), (-0.004, 0.993)), (3.4, -2.2), (30.0, 25.0))
    frame = frame_at(*grid.to_map(30, 25), geographic=False)
    image = DisplacementImage("d", grid, correction_of(model, grid, frame))
    assert isinstance(image, Image)
    window = Window(20, 10, 30, 25)
    found = image.read(window)
    rows, cols = np.mgrid[10:35, 20:50]
    np.testing.assert_allclose(found.values, model.predict(cols, rows), atol=1e-6)
    one = image.read(window, (2,), rounded=False)
    np.testing.assert_array_equal(one.values[0], found.values[1])
