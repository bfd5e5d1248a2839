# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.landcover import dates, parts, sensors
from orthoweave.core.landcover.series import SeriesName, layout, parsed
from orthoweave.core.windows import Window


def image(*names):
    values = np.zeros((len(names), 2, 2), np.int16)
    grid = Grid(2, 2, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    return ArrayImage("s", grid, values, np.ones((2, 2), bool), None, names)


def test_names_carry_sensor_band_and_date():
    assert parsed("Sentinel2_B8A_20180511") == SeriesName("sentinel2", "b8a", "20180511")
    assert parsed("s2_expr_1_20180511.1") == SeriesName("s2", "expr_1", "20180511.1")
    for text in ("s2_b1_20181311", "s2_20180511", "", "mask_x_20180511", "userfeatures_a_20180511"):
        assert parsed(text) is None
    assert parsed("s2_b1_20180511").text == "s2_b1_20180511"


def test_bands_are_found_in_any_order():
    found = layout(
        image(
            "s2_b2_20180201", "s2_b1_20180201", "s2_b1_20180101", "s2_b2_20180101", "userfeatures_x"
        )
    )
    (one,) = found.sensors
    assert one.dates == ("20180101", "20180201") and found.undated == (5,)
    assert one.bands == ("b2", "b1") or one.bands == ("b1", "b2")
    assert {one.bands[n]: one.numbers[0][n] for n in (0, 1)} == {"b1": 3, "b2": 4}
    assert one.rows.shape == (2, 2)


def test_dates_of_one_day_keep_their_order():
    names = [f"s2_b1_2018010{d}" for d in ("2.10", "2.2", "1", "2")]
    assert layout(image(*names)).dates == ("20180101", "20180102", "20180102.2", "20180102.10")


def test_what_is_no_series_is_refused():
    with pytest.raises(IncompatibleImages, match="band 2 is called 'red'"):
        layout(image("s2_b1_20180101", "red"))
    with pytest.raises(IncompatibleImages, match="none of its bands has a date"):
        layout(image("userfeatures_alt"))
    with pytest.raises(
        IncompatibleImages, match="band b2 of s2 stands on 20180102 and not on 2018"
    ):
        layout(image("s2_b1_20180101", "s2_b1_20180102", "s2_b2_20180102"))


@pytest.mark.parametrize("text", ["2018", "20181301", "20180230", "201801011", "x", "2018-01-01"])
def test_what_is_no_day_is_refused(text):
    with pytest.raises(InvalidOption, match=f"Start: '{text}' is no date"):
        dates.parsed_day(text, "Start")


def test_regular_dates_end_with_the_last_one_inside():
    start, end = dates.day("20180101"), dates.day("20180121")
    assert dates.regular(start, end, 10) == ("20180101", "20180111", "20180121")
    assert dates.regular(start, end - 1, 10) == ("20180101", "20180111")
    assert dates.day("20160229.1") == dates.day("20160229") == dates.day("20160301") - 1


@pytest.mark.parametrize(
    ("path", "pattern", "date"),
    [
        ("/a/x_20180511.tif", r"(\d{8})", "20180511"),
        ("/a/20180511/x.tif", r"(\d{8})", "20180511"),
        ("/20180511/a/x.tif", r"(\d{8})", None),
        ("/a/99999999_20180511.tif", r"(\d{8})", "20180511"),
        ("/a/D20180511T.tif", r"D(\d+)T", "20180511"),
        ("/a/x.tif", r"(\d{8})", None),
    ],
)
def test_dates_are_looked_for_in_file_and_folder(path, pattern, date):
    assert sensors.date_in(path, pattern) == date


def test_tiles_are_known_by_their_names():
    assert sensors.tile_of("/d/T31TCJ/x.tif") == "T31TCJ"
    assert sensors.tile_of("/d/LANDSAT8_OLITIRS_XS_20130414_N2A_D0005H0002/a.tif") == "D0005H0002"
    assert sensors.tile_of("/d/a.tif") == ""


def test_the_table_of_sensors_is_consistent():
    for sensor in sensors.sensors().values():
        assert set(dict(sensor.roles).values()) <= set(sensor.band_names)
        assert set(dict(sensor.roles)) <= set(sensors.ROLES)
        assert all(one.rule.kind in sensors.RULES for one in sensor.masks)
        assert all(one.rule.code in (1, 2) for one in sensor.masks)
    assert sensors.roles_of("sentinel2")["nir"] == "b8" and sensors.roles_of("x") == {}


def test_products_of_other_sensors_are_found(tmp_path):
    name = "S2A_MSIL2A_20180511T105031_N0207_R051_T31TCJ_20180511T125925.SAFE"
    inside = tmp_path / "T31TCJ" / name / "GRANULE" / "L2A" / "IMG_DATA"
    table = sensors.sensors()["sentinel2s2c"]
    for band, pattern in table.bands:
        folder = inside / ("R10m" if "10m" in pattern else "R20m")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"T31TCJ_{band}{pattern[4:-1]}jp2").touch()
    (inside / "R20m" / "T31TCJ_SCL_20m.jp2").touch()
    (found,) = sensors.found_products(str(tmp_path))
    assert (found.sensor, found.date) == ("sentinel2s2c", "20180511")
    assert len(found.images) == 10 and [rule.code for _, rule in found.masks] == [2, 1]
    old = tmp_path / "old" / "LANDSAT8_OLITIRS_XS_20130414_N2A_EcoRegion_D0005H0002"
    (old / "MASK").mkdir(parents=True)
    stem = "LANDSAT8_OLITIRS_XS_20130414_N2A"
    (old / f"{stem}_ORTHO_SURF_CORR_PENTE_EcoRegion.TIF").touch()
    for kind in ("DIV", "NUA", "SAT"):
        (old / "MASK" / f"{stem}_{kind}.TIF").touch()
    (found,) = sensors.found_products(str(tmp_path / "old"))
    assert (found.sensor, found.date, len(found.images)) == ("landsat8old", "20130414", 1)
    (tmp_path / "old" / "SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7").mkdir()
    with pytest.raises(IncompatibleImages, match="holds products of landsat8old and sentinel2"):
        sensors.found_products(str(tmp_path / "old"))
    with pytest.raises(IncompatibleImages, match=r"has no file \*_FRE_B2.tif"):
        sensors.found_products(str(tmp_path / "old"), "sentinel2")


def test_lines_of_a_file_of_dates():
    assert dates.listed_days([" 20180201", "", "20180101"], "D") == ("20180101", "20180201")
    with pytest.raises(InvalidOption, match="D, line 2: 'x' is no date"):
        dates.listed_days(["20180101", "x"], "D")


def test_parts_are_small_where_pixels_are_large():
    assert parts.part_side(1) == 512 and parts.part_side(1 << 30) == 32
    side = parts.part_side(1360)
    assert side * side * 1360 <= parts.HELD < 4 * side * side * 1360
    sizes = []

    def compute(window):
        from orthoweave.core.image import Pixels

        sizes.append(window.pixels)
        return Pixels(
            np.full((1, *window.shape), len(sizes)), np.ones(window.shape, bool), clipped=1
        )

    found = parts.in_parts(Window(10, 20, 700, 300), 4000, compute)
    assert max(sizes) <= 64 * 64 and sum(sizes) == 210000 and found.clipped == len(sizes)
    assert found.values.shape == (1, 300, 700)
