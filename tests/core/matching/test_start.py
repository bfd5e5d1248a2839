# SPDX-License-Identifier: GPL-2.0-or-later
"""The start: which candidate is taken, and when none is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage


@pytest.fixture
def looker(texture):
    """(true model, sign) -> reference, valid, look: the moving image holds the model."""

    def made(model, sign=1.0):
        wide = texture(700, 700, sigma=2.0)
        y, x = np.mgrid[0:256, 0:256].astype(float)

        def ground(col, row):
            return ndimage.map_coordinates(wide, [row + 220, col + 220], order=3)

        def look(candidate):
            # the moving image shows at q what the reference shows at the inverse of the model
            values = ground(*model.inverse().at(*candidate.at(x, y)))
            return (sign * values).astype(np.float32), np.ones((256, 256), bool)

        return ground(x, y).astype(np.float32), np.ones((256, 256), bool), look

    return made


def linear(kind="translation", degrees=0.0, scale=1.0, shift=(0.0, 0.0)):
    from orthoweave.core.transform.models import Linear

    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return Linear(kind, ((c, -s), (s, c)), shift, (128.0, 128.0))


def test_good_georeferencing_wins(looker):
    from orthoweave.core.matching.start import find_start

    found = find_start(*looker(linear()))
    assert found.best.kind == "georeferencing"
    assert found.best.correlation > 0.99
    assert not found.inverted


def test_a_shift_is_found(looker):
    from orthoweave.core.matching.start import find_start

    found = find_start(*looker(linear(shift=(33.0, -21.0))))
    assert found.best.kind == "translation"
    assert found.best.model.shift == pytest.approx((33, -21), abs=0.2)


def test_inverted_contrast_is_found(looker):
    from orthoweave.core.matching.start import find_start

    found = find_start(*looker(linear(shift=(9.0, 5.0)), sign=-1.0))
    assert found.inverted
    assert found.best.model.shift == pytest.approx((9, 5), abs=0.2)


def test_rotation_and_scale_are_found(looker):
    pytest.importorskip("cv2")
    from orthoweave.core.matching.start import find_start

    model = linear("similarity", 12.0, 1.1, (7.0, -4.0))
    found = find_start(*looker(model))
    assert found.best.kind.startswith("similarity")
    assert found.best.model.rotation == pytest.approx(12, abs=0.3)
    assert found.best.model.scale == pytest.approx(1.1, abs=0.01)
    at = np.array([60.0]), np.array([200.0])
    assert np.allclose(found.best.model.predict(*at), model.predict(*at), atol=1.0)


def test_nothing_in_common_is_said(texture):
    from orthoweave.core.errors import NoSolution
    from orthoweave.core.matching.start import find_start

    valid = np.ones((200, 200), bool)
    reference = texture(200, 200).astype(np.float32)
    other = texture(200, 200, seed=5).astype(np.float32)
    with pytest.raises(NoSolution, match=r"best correlation is 0\.\d\d.*Tried: georef.*gradient"):
        find_start(reference, valid, lambda model: (other, valid))
    assert find_start(reference, valid, lambda model: (other, valid), search=False).best


def test_few_valid_pixels_are_told_when_nothing_is_found(texture):
    from orthoweave.core.errors import NoSolution
    from orthoweave.core.matching.start import find_start

    valid = np.zeros((200, 200), bool)
    valid[20:60, 20:120] = True
    reference = texture(200, 200).astype(np.float32)
    other = texture(200, 200, seed=5).astype(np.float32)
    with pytest.raises(NoSolution, match="Only 10 % of the pixels are valid in both images. Try"):
        find_start(reference, valid, lambda model: (other, valid))


def test_the_polarity_asked_for_is_the_one_judged(texture):
    from orthoweave.core.errors import NoSolution
    from orthoweave.core.matching.start import find_start

    valid = np.ones((200, 200), bool)
    reference = texture(200, 200).astype(np.float32)
    with pytest.raises(NoSolution):
        find_start(reference, valid, lambda model: (-reference, valid), polarity="same")
