# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("shapely")
pytest.importorskip("scipy")

from orthoweave.core.operations import globalregression  # noqa: E402
from orthoweave.core.operations.leastcostseamlines import (  # noqa: E402
    Outlined,
    collectors,
    estimate,
)
from orthoweave.core.placement import common_canvas  # noqa: E402
from orthoweave.core.radiometry.adjustments import Adjustments, ImageAdjustment  # noqa: E402
from orthoweave.core.raster import open_images  # noqa: E402
from orthoweave.core.requests.shared.costs import Costing  # noqa: E402
from orthoweave.core.survey import survey  # noqa: E402
from orthoweave.core.vector import FootprintTrace  # noqa: E402


def laid(images, corrected=None):
    """Lay seams as the pipeline does: one survey, then corrections of the means."""
    canvas = common_canvas(images)
    with collectors(images, canvas, Costing()) as sums, FootprintTrace(images) as trace:
        survey(images, own=(trace,), joint=(sums,), canvas=canvas)
        footprints = [found.geometry for found in trace.footprints(canvas.crs)]
        return estimate(images, sums, Outlined(footprints), Costing(), corrected=corrected)


@pytest.fixture
def pair(write):
    """Write two overlapping images; the second one is darker, the more so to the right."""
    noise = np.random.default_rng(4).normal(0, 3, (2, 100, 240))
    rows, cols = np.mgrid[:100, :240]
    ground = 1000 + 80 * np.sin(cols / 17) + 80 * np.cos(rows / 13) + 10 * noise
    paths = []
    for name, col, gain in (("a.tif", 0, 1.0), ("b.tif", 80, 0.5)):
        values = ground[:, :, col : col + 160] * gain
        if col:
            values[:, 30:60, 35:45] = 900
        transform = (500000.0 + 10 * col, 10.0, 0.0, 5000000.0, 0.0, -10.0)
        paths.append(write(name, np.rint(values).astype("u2"), transform=transform, nodata=0))
    return open_images(paths)


def test_corrections_of_means_give_the_seams_of_corrected_images(pair):
    found = [
        ImageAdjustment("a", (1.0, 1.0), (0.0, 0.0)),
        ImageAdjustment("b", (2.0,) * 2, (7.0,) * 2),
    ]
    model = Adjustments(tuple(found))

    def corrected(image):
        return globalregression.apply(image, model, "float32")

    by_arithmetic = laid(pair, corrected)
    by_reading = laid([corrected(image) for image in pair])
    for one, other in zip(by_arithmetic.partition.cuts, by_reading.partition.cuts):
        assert one.length == pytest.approx(other.length, rel=0.02)
    # means of 16-bit pixels are kept as whole numbers, here worth 2
    assert by_arithmetic.found.seam_cost == pytest.approx(by_reading.found.seam_cost, rel=0.03)
    plain = laid(pair).found.center_cost
    assert by_arithmetic.found.center_cost != pytest.approx(plain, rel=0.03)


def test_means_stay_valid_when_corrections_make_numbers_of_another_type(pair):
    model = Adjustments((ImageAdjustment("a", (1.0, 1.0), (-2000.0,) * 2),))

    def corrected(image):
        return globalregression.apply(image, model) if image.name == "a" else image

    found = laid(pair, corrected)
    assert len(found.partition.cells) == 2 and found.found.seam_cost is not None
