# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption
from orthoweave.core.landcover import spooling
from orthoweave.core.landcover.sensors import sensors
from orthoweave.core.operations.series import acquisitions
from orthoweave.core.operations.stacktimeseries import Request, run
from orthoweave.core.windows import Window
from osgeo import gdal

BANDS = sensors()["sentinel2"].band_names
COARSE = ("b5", "b6", "b7", "b8a", "b11", "b12")
SIZE = 40


@pytest.fixture
def stack(tmp_path):
    """Run the tool and read its output back: stack([paths], sensor="sentinel2")."""
    count = iter(range(200))

    def make(images, progress=None, **options):
        number = next(count)
        options.setdefault("output", str(tmp_path / "out" / f"s{number}.tif"))
        options.setdefault("output_masks", str(tmp_path / "out" / f"m{number}.tif"))
        request = Request(images=images, **options)
        result = run(*([request, progress] if progress else [request]))
        found = gdal.Open(result.output)
        found.result = result
        found.values = np.atleast_3d(found.ReadAsArray()).reshape(
            -1, found.RasterYSize, found.RasterXSize
        )
        found.names = names(found)
        if result.output_masks:
            flags = gdal.Open(result.output_masks)
            found.mask_names = names(flags)
            found.masks = flags.ReadAsArray().reshape(-1, found.RasterYSize, found.RasterXSize)
        return found

    return make


def names(dataset):
    return [dataset.GetRasterBand(n + 1).GetDescription() for n in range(dataset.RasterCount)]


@pytest.fixture
def theia(write, tmp_path):
    """Write a product of Theia: theia("20180511", tile="T31TCJ", edge=array, cloud=array)."""

    def make(date, tile="T31TCJ", hour="105804", values=None, **flags):
        name = f"SENTINEL2A_{date}-{hour}-037_L2A_{tile}_D_V1-7"
        folder = f"data/{tile}/{name}"
        rng = np.random.default_rng(int(date))
        made = {}
        for band in BANDS:
            side, pixel = (SIZE // 2, 20.0) if band in COARSE else (SIZE, 10.0)
            array = rng.integers(0, 5000, (side, side)).astype(np.int16)
            if values is not None and band not in COARSE:
                array = values.astype(np.int16)
            made[band] = array
            place = (5e5, pixel, 0.0, 5e6, 0.0, -pixel)
            write(f"{folder}/{name}_FRE_{band.upper()}.tif", array, transform=place)
        for kind in ("EDG", "CLM", "SAT"):
            flag = np.asarray(flags.get(kind.lower(), np.zeros((SIZE, SIZE))), np.uint8)
            write(f"{folder}/MASKS/{name}_{kind}_R1.tif", flag)
        return made

    make.folder = str(tmp_path / "data")
    return make


def holed(rows, cols, value=1):
    flag = np.zeros((SIZE, SIZE), np.uint8)
    flag[rows, cols] = value
    return flag


def test_products_of_theia_become_a_series_and_its_masks(theia, stack):
    second = theia("20180521", clm=holed(slice(0, 5), slice(0, 9), 129))
    missing = np.full((SIZE, SIZE), 100)
    missing[30:, :] = -10000
    theia("20180511", values=missing, edg=holed(3, 4), sat=holed(9, 9))
    found = stack([theia.folder])
    assert found.names[:2] == ["sentinel2_b2_20180511", "sentinel2_b3_20180511"]
    assert found.names[-1] == "sentinel2_b12_20180521" and len(found.names) == 20
    assert found.mask_names == ["mask_20180511", "mask_20180521"]
    assert found.values.dtype == np.int16 and found.GetRasterBand(1).GetNoDataValue() == -10000
    np.testing.assert_array_equal(found.values[10], second["b2"])
    truth = np.zeros((2, SIZE, SIZE), np.uint8)
    truth[0, 30:] = truth[0, 3, 4] = 2
    truth[0, 9, 9] = 1
    truth[1, :5, :9] = 1
    np.testing.assert_array_equal(found.masks, truth)
    # 20 m pixels in the middle of flat ground keep their value
    theia("20180531", values=missing)
    listed = Path(found.result.output_dates).read_text().split()
    assert listed == ["20180511", "20180521"]
    assert os.path.basename(found.result.output_dates).endswith("_input_dates.txt")


def test_dated_files_and_masks_are_matched_by_date(write, stack):
    a, b = (np.random.default_rng(n).integers(1, 200, (3, 20, 30)).astype(np.uint8) for n in (1, 2))
    images = [write("20180601/x.tif", b), write("s_20180101_.tif", a)]
    flags = [
        write(f"m_{d}.tif", holed(0, n)[:20, :30]) for n, d in ((0, "20180101"), (1, "20180601"))
    ]
    found = stack(images, masks=flags[::-1], band_names="red, green,nir", sensor="auto")
    assert found.names[:4] == [
        *("image_red_20180101", "image_green_20180101", "image_nir_20180101"),
        "image_red_20180601",
    ]
    assert found.values.dtype == np.int16  # bytes fit
    np.testing.assert_array_equal(found.values, np.concatenate([a, b]))
    assert found.masks.sum() == 2 and found.masks[0, 0, 0] == found.masks[1, 0, 1] == 1


def test_a_table_of_dates_replaces_the_pattern(write, stack, tmp_path):
    images = [write(f"{name}.tif", np.full((9, 9), n, np.uint16)) for n, name in enumerate("ab", 1)]
    table = tmp_path / "dates.csv"
    table.write_text("file,date\na.tif,20180301\nb.tif,20180201\n")
    found = stack(images, dates=str(table))
    assert found.names == ["image_b1_20180201", "image_b1_20180301"]
    assert found.values[:, 0, 0].tolist() == [2, 1] and found.values.dtype == np.uint16
    table.write_text("file,date\na.tif,2018\n")
    with pytest.raises(InvalidOption, match="dates.csv, line 2: '2018' is no date"):
        stack(images, dates=str(table))
    table.write_text("file,date\na.tif,20180301\n")
    with pytest.raises(InvalidOption, match="b.tif has no date: no line of dates.csv"):
        stack(images, dates=str(table))


@pytest.mark.parametrize(
    ("rule", "values", "bad"),
    [("nonzero", (), {1, 2, 3, 4, 8}), ("values", "3,8", {3, 8}), ("bits", (1, 3), {2, 3, 8})],
)
def test_mask_rules(write, stack, rule, values, bad):
    codes = np.array([[0, 1, 2, 3, 4, 8]], np.uint8)
    image = write("a_20180101.tif", np.ones((1, 6), np.int16))
    flag = write("m_20180101.tif", codes)
    found = stack([image], masks=[flag], mask_rule=rule, mask_values=values)
    assert {int(c) for c, m in zip(codes[0], found.masks[0, 0]) if m == 1} == bad


def test_two_images_of_one_day(write, stack):
    a, b = np.full((1, 4), 10, np.int16), np.full((1, 4), 20, np.int16)
    a[0, 3] = b[0, 2] = -1
    images = [
        write("a_20180101.tif", a, nodata=-1),
        write("b_20180101.tif", b, nodata=-1),
    ]
    flags = [
        write("a_20180101_m.tif", np.array([[1, 0, 1, 0]], np.uint8)),
        write("b_20180101_m.tif", np.array([[0, 0, 0, 0]], np.uint8)),
    ]
    both = stack(images, masks=flags)
    assert both.names == ["image_b1_20180101", "image_b1_20180101.1"]
    assert both.masks[:, 0].tolist() == [[1, 0, 1, 2], [0, 0, 2, 0]]
    first = stack(images, masks=flags, same_day="first")
    assert first.values[0, 0].tolist() == [10, 10, 10, -1]
    clearest = stack(images, masks=flags, same_day="clearest")
    assert clearest.values[0, 0].tolist() == [20, 10, 10, 20]
    assert clearest.masks[0, 0].tolist() == [0, 0, 1, 0]


def test_the_grid_is_the_references_or_what_is_asked_for(write, stack):
    image = write("a_20180101.tif", np.arange(400, dtype=np.int16).reshape(20, 20))
    place = (500050.0, 10.0, 0.0, 4999900.0, 0.0, -10.0)
    reference = write("r.tif", np.zeros((20, 20), np.uint8), transform=place)
    found = stack([image], reference=reference)
    assert found.GetGeoTransform() == place
    np.testing.assert_array_equal(
        found.values[0, :10, :15], np.arange(400).reshape(20, 20)[10:, 5:]
    )
    assert (found.values[0, 10:] == -10000).all() and (found.masks[0, 10:] == 2).all()
    coarse = stack([image], resolution=20.0)
    assert coarse.GetGeoTransform()[1] == 20 and coarse.RasterXSize == 10
    part = stack([image], extent=(500020.0, 500060.0, 4999900.0, 4999980.0), resolution=0)
    assert (part.RasterXSize, part.RasterYSize) == (4, 8)
    np.testing.assert_array_equal(part.values[0], np.arange(400).reshape(20, 20)[2:10, 2:6])


def test_undated_images_are_found_by_patterns(write, stack):
    images = [
        write(f"{n}.tif", np.full((5, 6), k, np.float32)) for k, n in enumerate(["xSLP", "ALT"])
    ]
    found = stack(images, sensor="userfeatures", band_names="ALT,SLP")
    assert found.names == ["userfeatures_alt", "userfeatures_slp"]
    assert found.values[:, 0, 0].tolist() == [1, 0] and found.result.output_masks is None
    with pytest.raises(InvalidOption, match="No file has ASP in its name"):
        stack(images, sensor="userfeatures")


def test_polarizations_of_radar_are_bands_of_one_date(write, stack):
    paths = [
        write(f"s1a_31TCJ_{p}_DES_008_{d}t060000.tif", np.full((4, 4), n, np.float32), nodata=0)
        for n, (d, p) in enumerate(
            [(d, p) for d in ("20180101", "20180113") for p in ("vv", "vh")], 1
        )
    ]
    found = stack(paths, sensor="sentinel1")
    assert found.names[:2] == ["sentinel1_vv_20180101", "sentinel1_vh_20180101"]
    assert found.values[:, 0, 0].tolist() == [1, 2, 3, 4]
    with pytest.raises(IncompatibleImages, match="20180113 has no file for vh"):
        stack(paths[:3], sensor="sentinel1")


def test_windows_and_threads_do_not_matter(theia, stack):
    theia("20180511", clm=holed(slice(5, 9), slice(0, 20)))
    theia("20180521", edg=holed(slice(0, 5), slice(0, 9)))
    truth = stack([theia.folder], threads=1)
    for size, threads in ((16, 2), (0, 8)):
        found = stack([theia.folder], window_size=size, threads=threads)
        np.testing.assert_array_equal(found.values, truth.values)
        np.testing.assert_array_equal(found.masks, truth.masks)


def test_views_pickle_and_read_each_source_pixel_once(theia, tmp_path):
    from orthoweave.core.raster import bytes_read

    theia("20180511")
    made = acquisitions.stack(acquisitions.listed([theia.folder]))
    series = pickle.loads(pickle.dumps(made.series))
    started = bytes_read()
    series.read(Window(0, 0, SIZE, SIZE))
    fine = (len(BANDS) - len(COARSE)) * SIZE * SIZE * 2
    assert bytes_read() - started <= fine + len(COARSE) * (SIZE // 2) ** 2 * 2


def test_nodata_and_nan_are_not_acquired(write, stack):
    values = np.array([[[1, np.nan, 3]], [[4, 5, 6]]], np.float32)
    found = stack([write("a_20180101.tif", values)])
    assert found.masks[0, 0].tolist() == [0, 2, 0]
    numbers = np.array([[[1, 7, 3]], [[4, 7, 7]]], np.int16)
    found = stack([write("b_20180101.tif", numbers)], nodata=7)
    # one missing band is enough
    assert found.masks[0, 0].tolist() == [0, 2, 2]


def test_three_hundred_dates(write, stack):
    from orthoweave.core.landcover.dates import regular

    dates = regular(730000, 730000 + 299, 1)
    paths = [write(f"d/{d}.tif", np.full((2, 3), n, np.int16)) for n, d in enumerate(dates)]
    found = stack([os.path.dirname(paths[0])])
    assert len(found.names) == 300 and found.values[:, 1, 1].tolist() == list(range(300))


def test_what_cannot_be_stacked_is_refused(write, stack, theia):
    one = write("a_20180101.tif", np.ones((2, 5, 5), np.int16))
    other = write("b_20180201.tif", np.ones((3, 5, 5), np.int16))
    for message, images, options in (
        ("a_20180101.tif has 2 bands and b_20180201.tif 3", [one, other], {}),
        ("Masks: none for 20180101", [one], {"masks": [other]}),
        ("Band names: 1 are given and every date has 2 bands", [one], {"band_names": "red"}),
        ("hold a name twice", [one], {"band_names": "red,RED"}),
        ("a_20180101.tif has no date: none found", [one], {"date_pattern": r"(\d{9})"}),
        (r"is no regular expression", [one], {"date_pattern": "("}),
        ("needs a group", [one], {"date_pattern": r"\d{8}"}),
        ("Mask values: none given", [one], {"mask_rule": "bits"}),
        ("are not all whole numbers", [one], {"mask_values": "1.5"}),
        ("images have 10 bands", [one], {"sensor": "sentinel2"}),
        ("uint8 cannot hold -5", [one], {"output_type": "uint8", "nodata": -5}),
    ):
        with pytest.raises((IncompatibleImages, InvalidOption), match=message):
            stack(images, **options)
    theia("20180511")
    theia("20180511", tile="T31TDJ")
    with pytest.raises(InvalidOption, match=r"data holds 2 tiles \(T31TCJ, T31TDJ\)"):
        stack([theia.folder])
    with pytest.raises(InvalidOption, match="folders of products and single files"):
        stack([f"{theia.folder}/T31TCJ", one])
    product = next(os.scandir(f"{theia.folder}/T31TDJ")).path
    os.remove(next(f.path for f in os.scandir(product) if f.name.endswith("_FRE_B8A.tif")))
    with pytest.raises(IncompatibleImages, match=r"has no file \*_FRE_B8A.tif"):
        stack([f"{theia.folder}/T31TDJ"])


def test_a_cancelled_run_leaves_nothing(write, stack, listen, tmp_path):
    image = write("a_20180101.tif", np.ones((50, 50), np.int16))
    with pytest.raises(Cancelled):
        stack([image], listen(cancel_after=0), output=str(tmp_path / "o" / "x.tif"))
    assert not (tmp_path / "o").exists()


def test_every_block_of_the_files_is_decoded_once(write, stack, monkeypatch):
    rng = np.random.default_rng(4)
    images = []
    for date in range(20200101, 20200111):
        values = rng.integers(0, 5000, (4, 300, 700)).astype(np.int16)
        images.append(write(f"i_{date}.tif", values, nodata=-1))
    plain = stack(images, output_masks=None)
    monkeypatch.setattr(spooling, "WORTH", 0)
    found = stack(images, output_masks=None, memory=64)
    np.testing.assert_array_equal(found.values, plain.values)
    assert found.result.read_bytes == 10 * 4 * 300 * 700 * 2


@pytest.mark.parametrize(
    ("rule", "values", "sentence"),
    [
        ("bits", (-1.0,), "-1 are not all bits from 0 to 31"),
        ("bits", (70.0,), "70 are not all bits"),
        ("values", (float("nan"),), "nan are not all whole numbers"),
    ],
)
def test_values_of_masks_that_cannot_be_get_a_sentence(rule, values, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        Request(images=("a.tif",), output="s.tif", mask_rule=rule, mask_values=values)


def test_masks_have_one_band_and_the_crs_of_the_ground(write, stack):
    image = write("a_20180101.tif", np.ones((8, 9), np.uint8))
    both = write("m_20180101.tif", np.ones((2, 8, 9), np.uint8))
    with pytest.raises(IncompatibleImages, match="has 2 bands; the mask of a date has one"):
        stack([image], masks=(both,))
    nowhere = write("n_20180101.tif", np.ones((8, 9), np.uint8), crs=None)
    with pytest.raises(IncompatibleImages, match="n_20180101 has no CRS"):
        stack([image], masks=(nowhere,))


def test_pixels_far_larger_than_the_images_are_refused(write, stack):
    image = write("a_20180101.tif", np.ones((8, 9), np.uint8))
    with pytest.raises(InvalidOption, match=r"far larger than the images, which span 90 × 80"):
        stack([image], resolution=1e9)


def test_the_reference_is_never_overwritten(write, stack):
    image = write("a_20180101.tif", np.ones((8, 9), np.uint8))
    grid = write("grid.tif", np.ones((8, 9), np.uint8))
    before = Path(grid).read_bytes()
    with pytest.raises(InvalidOption, match="overwrite the input grid.tif"):
        stack([image], reference=grid, output=grid)
    assert Path(grid).read_bytes() == before


@pytest.mark.parametrize("worth", [0, 1 << 40])
def test_masks_take_no_reading_of_their_own(write, stack, monkeypatch, worth):
    rng = np.random.default_rng(4)
    images, masks = [], []
    for date in range(20200101, 20200106):
        values = rng.integers(-1, 3, (3, 300, 700)).astype(np.int16)
        images.append(write(f"i_{date}.tif", values, nodata=-1))
        flags = rng.integers(0, 2, (1, 300, 700)).astype(np.uint8)
        masks.append(write(f"m_{date}.tif", flags))
    plain = stack(images, masks=masks, output_masks=None)
    alone = acquisitions.stack(acquisitions.listed(images, masks)).masks
    expected = alone.read(alone.grid.window).values
    monkeypatch.setattr(spooling, "WORTH", worth)
    for kind in ("same", "float32"):
        found = stack(images, masks=masks, output_type=kind, memory=64)
        np.testing.assert_array_equal(found.values, plain.values)
        np.testing.assert_array_equal(found.masks, expected)
        assert found.mask_names[1] == "mask_20200102"
        assert found.result.read_bytes == 5 * 300 * 700 * (3 * 2 + 1)
