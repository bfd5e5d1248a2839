# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption, OrthoweaveError
from orthoweave.core.landcover.dates import regular
from orthoweave.core.operations.gapfill import Request, run
from osgeo import gdal

from .readback import band_maker

DATES = ("20180101", "20180109", "20180125", "20180214", "20180302")
NODATA = -10000


@pytest.fixture
def fill(tmp_path):
    """Run the tool and read its output back: fill(path, step=5)."""
    return band_maker(Request, run, tmp_path)


@pytest.fixture
def series(write):
    """Write a series and its masks: linear in time, garbage under clouds."""

    def make(shape=(60, 70), bands=("b4", "b8"), seed=0):
        rng = np.random.default_rng(seed)
        days = np.array([0, 8, 24, 44, 60])
        start, slope = rng.integers(100, 900, (2, len(bands), *shape))
        values = start[None] + slope[None] * days[:, None, None, None] // 20
        clouds = (rng.random((5, *shape)) < 0.4).astype(np.uint8)
        clouds[0] = clouds[-1] = 0
        clouds[:, :4, :4] = 1
        exact = values.copy()
        values = np.where(clouds[:, None] != 0, 9999, values).astype(np.int16)
        names = [f"s2_{b}_{d}" for d in DATES for b in bands]
        image = write("s.tif", values.reshape(-1, *shape), names=names, nodata=NODATA)
        masks = write("m.tif", clouds, names=[f"mask_{d}" for d in DATES])
        return image, masks, exact

    return make


def test_truth_between_the_clear_dates_is_recovered(series, fill):
    image, masks, exact = series()
    found = fill(image, masks=masks, step=0)
    kept = np.ones(exact.shape[2:], bool)
    kept[:4, :4] = False
    off = np.abs(found.values.reshape(exact.shape) - exact)[..., kept]
    assert off.max() <= 1  # the made values are whole numbers
    assert (found.values[:, ~kept] == NODATA).all() and found.result.empty_pixels == 16
    assert found.names[:3] == ["s2_b4_20180101", "s2_b8_20180101", "s2_b4_20180109"]


def test_output_dates_are_regular_or_listed(series, fill, tmp_path):
    image, masks, _ = series((8, 9))
    found = fill(image, masks=masks, step=16, start="20180105")
    listed = Path(found.result.output_dates).read_text().split()
    assert tuple(listed) == regular(736699, 736755, 16) and listed[0] == "20180105"
    assert os.path.basename(found.result.output_dates).endswith("_interpolation_dates.txt")
    assert fill(image, masks=masks, step=0, end="20180120").result.date_count == 2
    dates = tmp_path / "d.txt"
    dates.write_text("20180301\n\n20180110\n20180301\n")
    found = fill(image, masks=masks, target_dates=str(dates))
    assert found.names == [f"s2_{b}_{d}" for d in ("20180110", "20180301") for b in ("b4", "b8")]


def test_lengths_of_gaps_are_written(series, fill, tmp_path):
    image, masks, _ = series((8, 9))
    path = str(tmp_path / "g.tif")
    found = fill(image, masks=masks, step=10, output_gaps=path)
    gaps = gdal.Open(path).ReadAsArray()
    assert gaps.dtype == np.uint16 and (gaps[:, :4, :4] == 65535).all()
    clear = gdal.Open(masks).ReadAsArray()[:, 5, 5] == 0
    days = np.array([0, 8, 24, 44, 60])[clear]
    for at, band in zip(range(0, 61, 10), gaps[:, 5, 5]):
        assert band == days[days >= at].min() - days[days <= at].max()
    assert found.result.output_gaps == path


@pytest.mark.parametrize("method", ["linear", "nearest", "harmonic"])
def test_windows_and_threads_do_not_matter(series, fill, method):
    image, masks, _ = series((130, 150))
    truth = fill(image, masks=masks, threads=1, method=method, harmonics=1)
    for size, threads in ((16, 2), (100, 1), (0, 4)):
        found = fill(
            image, masks=masks, window_size=size, threads=threads, method=method, harmonics=1
        )
        np.testing.assert_array_equal(found.values, truth.values)


def test_nodata_and_nan_are_gaps(write, fill):
    values = np.array([10, np.nan, 30, np.nan, np.nan], np.float32).reshape(5, 1, 1)
    image = write("s.tif", values, names=[f"s2_b1_{d}" for d in DATES])
    assert fill(image, step=0).values.ravel().tolist() == pytest.approx([10, 50 / 3, 30, 30, 30])
    whole = np.array([10, -1, 34, -1, -1], np.int16).reshape(5, 1, 1)
    image = write("t.tif", whole, names=[f"s2_b1_{d}" for d in DATES], nodata=-1)
    assert fill(image, step=0, extrapolate="nodata").values.ravel().tolist() == [10, 18, 34, -1, -1]


def test_an_image_of_one_pixel_and_one_date(write, fill, listen):
    image = write("s.tif", np.full((1, 1), 5, np.int16), names=["s2_b1_20180101"])
    assert fill(image).values.item() == 5
    never = write("m.tif", np.full((1, 1), 2, np.uint8), names=["mask_20180101"])
    heard = listen()
    assert fill(image, heard, masks=never).values.item() == NODATA
    assert heard.warnings == ["No pixel has a clear date: the result is empty."]


def test_bad_input_gives_its_sentence(series, write, fill, tmp_path):
    image, masks, _ = series((4, 5))
    dates = tmp_path / "d.txt"
    dates.write_text("2018\n")
    empty = tmp_path / "e.txt"
    empty.write_text("\n")
    plain = write("p.tif", np.ones((2, 4, 5), np.int16))
    for message, path, options in (
        ("Start: 'x' is no date. Write it as YYYYMMDD", image, {"start": "x"}),
        ("Start 20190101 lies behind end 20180302", image, {"start": "20190101"}),
        ("None of the dates lies between 20180103 and 20180105", image,
         {"step": 0, "start": "20180103", "end": "20180105"}),
        ("Output dates, line 1: '2018' is no date", image, {"target_dates": str(dates)}),
        ("Output dates holds no dates", image, {"target_dates": str(empty)}),
        ("none.txt cannot be read", image, {"target_dates": str(tmp_path / "none.txt")}),
        ("p is no series: band 1 is called ''", plain, {}),
        ("p is no mask series", image, {"masks": plain}),
        ("uint8 cannot hold -10000", image, {"output_type": "uint8"}),
    ):  # fmt: skip
        with pytest.raises(OrthoweaveError, match=message):
            fill(path, **options)


def test_a_cancelled_run_leaves_nothing(series, fill, listen, tmp_path):
    image, masks, _ = series()
    with pytest.raises(Cancelled):
        fill(image, listen(cancel_after=0), masks=masks, output=str(tmp_path / "o" / "x.tif"))
    assert not (tmp_path / "o").exists()


def test_gaps_take_no_reading_of_their_own(series, fill, tmp_path):
    image, masks, _ = series((300, 400))
    plain = fill(image, masks=masks, step=10)
    found = fill(image, masks=masks, step=10, output_gaps=str(tmp_path / "gaps.tif"))
    np.testing.assert_array_equal(found.values, plain.values)
    assert found.result.read_bytes == plain.result.read_bytes


def test_bands_of_one_name_are_refused(series, fill, write):
    image, _, _ = series((8, 9))
    twice = write("t.tif", np.ones((2, 8, 9), np.int16), names=["s2_b4_20180101"] * 2)
    with pytest.raises(IncompatibleImages, match="two bands called s2_b4_20180101"):
        fill(twice)
    flags = write(
        "f.tif", np.zeros((6, 8, 9), np.uint8), names=[f"mask_{d}" for d in (*DATES, DATES[0])]
    )
    with pytest.raises(IncompatibleImages, match="two bands called mask_20180101"):
        fill(image, masks=flags)


def test_the_fourth_of_four_masks_is_no_alpha(write, fill):
    dates = DATES[:4]
    image = write("a.tif", np.full((4, 8, 9), 5, np.int16), names=[f"s2_b4_{d}" for d in dates])
    flags = np.ones((4, 8, 9), np.uint8)
    flags[3] = 0
    # GDAL declares the fourth of four bands of bytes as alpha, and 0 as transparent
    masks = write("m.tif", flags, names=[f"mask_{d}" for d in dates])
    assert (fill(image, masks=masks).values == 5).all()


def test_masks_of_another_crs_and_more_bands_than_a_file_holds_are_refused(series, fill, write):
    image, _, _ = series((8, 9))
    names = [f"mask_{d}" for d in DATES]
    other = write("o.tif", np.zeros((5, 8, 9), np.uint8), names=names, crs="EPSG:32632")
    with pytest.raises(IncompatibleImages, match="EPSG:32633 and o.tif EPSG:32632"):
        fill(image, masks=other)
    with pytest.raises(InvalidOption, match="86418 bands; a GeoTIFF holds 65535. Raise STEP"):
        fill(image, start="19000101", end="20180420", step=1)


def test_the_list_of_dates_that_was_given_is_not_replaced(series, fill, tmp_path):
    listed = tmp_path / "x_interpolation_dates.txt"
    listed.write_text("20180110\n20180105\n")
    with pytest.raises(InvalidOption, match="overwrite the input x_interpolation_dates.txt"):
        fill(series((8, 9))[0], target_dates=str(listed), output=str(tmp_path / "x.tif"))
    assert listed.read_text() == "20180110\n20180105\n" and not (tmp_path / "x.tif").exists()
