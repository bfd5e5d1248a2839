# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.raster.crs import (
    CrsMapping,
    crs_title,
    is_geographic,
    parse_crs,
    same_crs,
)

UTM = parse_crs("EPSG:32618")
DEGREES = parse_crs("EPSG:4326")
LOCAL = 'LOCAL_CS["mine",UNIT["metre",1]]'


def test_the_same_crs_in_other_words_is_the_same():
    assert same_crs(UTM, parse_crs("+proj=utm +zone=18 +datum=WGS84"))
    assert not same_crs(UTM, DEGREES)
    assert same_crs("", "") and not same_crs("", UTM)


def test_titles_are_what_users_know():
    assert crs_title(UTM) == "EPSG:32618"
    assert crs_title("") == "no CRS"
    assert crs_title(LOCAL) == "mine"
    assert crs_title(parse_crs("+proj=lcc +lat_1=40 +lat_2=50 +datum=WGS84")) == "unknown"


@pytest.mark.parametrize("text", ["EPSG:999999", "nonsense", ""])
def test_what_proj_does_not_know_is_refused(text):
    with pytest.raises(InvalidOption, match=f"^CRS: '{text}' is not known.$"):
        parse_crs(text)


def test_degrees_are_recognized():
    assert is_geographic(DEGREES) and not is_geographic(UTM) and not is_geographic("")


def test_positions_are_mapped_x_first_in_any_shape():
    x, y = np.array([[-75.0, -74.0]]), np.array([[45.0], [46.0]])
    found = CrsMapping(DEGREES, UTM)(x, y)
    assert found[0].shape == (2, 2)
    assert found[0][0, 0] == pytest.approx(500000)  # -75 is the central meridian
    back = CrsMapping(DEGREES, UTM).inverse()(*found)
    np.testing.assert_allclose(back[0], np.broadcast_to(x, (2, 2)), atol=1e-9)
    np.testing.assert_allclose(back[1], np.broadcast_to(y, (2, 2)), atol=1e-9)


def test_positions_without_image_are_infinite_and_silent():
    x, y = CrsMapping(DEGREES, UTM)(np.array([0.0, -75.0]), np.array([95.0, 45.0]))
    assert np.isinf(x[0]) and np.isfinite(x[1]) and np.isinf(y[0])


def test_a_way_that_does_not_exist_is_a_sentence():
    with pytest.raises(IncompatibleImages, match="No way is known from EPSG:32618 to mine."):
        CrsMapping(UTM, LOCAL)(np.zeros(1), np.zeros(1))


def test_mappings_are_pickled_and_work_in_every_thread():
    mapping = pickle.loads(pickle.dumps(CrsMapping(DEGREES, UTM)))
    xs = np.linspace(-76, -74, 50)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda y: mapping(xs, np.full(50, y))[1], np.linspace(40, 50, 40)))
    assert all((np.diff([f[i] for f in found]) > 0).all() for i in range(50))
