# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.exchange.dates import date_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2019-07-03_S2B_orbit_094", "2019-07-03"),
        ("T31UDQ_20190703T105031_B02", "2019-07-03"),
        ("LC81990262019185LGN01_band_B02", "2019-07-04"),
        ("m_4709963_se_14_1_20090818_west", "2009-08-18"),
        ("x_2019_02_30", None),
        ("img_12345678", None),
        ("scene2019", None),
        ("x_2019999_y", None),
    ],
)
def test_a_date_is_read_from_the_name(name, expected, write):
    assert date_of(write(f"{name}.tif", np.ones((2, 2), "uint8"))) == expected


@pytest.mark.noisy
def test_a_file_that_is_no_image_has_the_date_of_its_name(tmp_path):
    (tmp_path / "none.tif").write_text("")
    assert date_of(str(tmp_path / "none.tif")) is None
    assert date_of(str(tmp_path / "gone_2020-02-29.tif")) == "2020-02-29"


def test_a_date_is_read_from_the_metadata(write):
    from osgeo import gdal

    path = write("scene.tif", np.ones((2, 2), "uint8"))
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.SetMetadata({"NOTE": "2001-01-01", "TIFFTAG_DATETIME": "2019:07:03 10:50:31"})
    del dataset
    assert date_of(path) == "2019-07-03"
