# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, ImageIOError, InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details, Pixels, constant
from orthoweave.core.raster.create import Format, create, optimize
from osgeo import gdal

USUAL = "COMPRESS=DEFLATE|PREDICTOR=auto|TILED=YES"
GRID = Grid(1100, 700, (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0))


def image(dtype=np.uint8, bands=1, nodata=None, grid=GRID, **details):
    values = np.arange(bands * grid.width * grid.height).reshape(bands, grid.height, grid.width)
    valid = np.ones((grid.height, grid.width), bool)
    return ArrayImage("a", grid, values.astype(dtype), valid, nodata, details=Details(**details))


def made(tmp_path, one, text=USUAL, block=256, overviews="", **pixels):
    """Write an image at once and return the file opened by GDAL."""
    path = str(tmp_path / "m.tif")
    target = create(path, one, Format.parse(text, one.dtype), block, 1, "m.tif")
    found = one.read(one.grid.window)
    target.put(one.grid.window, Pixels(found.values, pixels.get("valid", found.valid), None))
    target.close(overviews)
    return gdal.Open(path)


@pytest.mark.parametrize(
    ("text", "dtype", "expected"),
    [
        (USUAL, np.uint8, {"COMPRESS": "DEFLATE", "PREDICTOR": "2", "TILED": "YES"}),
        (USUAL, np.float32, {"COMPRESS": "DEFLATE", "PREDICTOR": "3", "TILED": "YES"}),
        ("predictor=auto", np.uint8, {}),
        ("compress=packbits|PREDICTOR=2", np.uint8, {"COMPRESS": "packbits"}),
        (" COMPRESS = LZW |", np.uint8, {"COMPRESS": "LZW"}),
        ("", np.uint8, {}),
        (None, np.uint8, {}),
    ],
)
def test_creation_options_are_read(text, dtype, expected):
    assert dict(Format.parse(text, np.dtype(dtype)).options) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("COMPRESS", "'COMPRESS' is not of the form KEY=VALUE; separate several with |."),
        ("=LZW", "'=LZW' is not of the form"),
        ("COMPRES=LZW", r"COMPRES is not an option of GeoTIFF\. Did you mean COMPRESS\?"),
        ("XYZQ=1", r"XYZQ is not an option of GeoTIFF\.$"),
        ("COMPRESS=ZIP", "COMPRESS is 'ZIP'; this GDAL knows NONE, LZW"),
        ("LEVEL=9", "LEVEL is not an option"),
    ],
)
def test_what_gdal_would_ignore_is_refused(text, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        Format.parse(text, np.dtype(np.uint8))


def test_the_options_of_cog_are_allowed_for_cog():
    assert dict(Format.parse("LEVEL=9|BLOCKSIZE=256", np.dtype("u1"), cog=True).options)


def test_compression_is_known():
    assert Format.parse(USUAL, np.dtype("u1")).compressed
    assert not Format.parse("COMPRESS=NONE", np.dtype("u1")).compressed
    assert not Format.parse("", np.dtype("u1")).compressed


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("validity", ["all", "alpha", "mask"])
def test_no_data_band_is_taken_for_alpha(tmp_path, dtype, bands, validity):
    grid = Grid(40, 30, GRID.transform)
    dataset = made(tmp_path, image(np.dtype(dtype), bands, grid=grid, validity=validity), block=16)
    colors = [dataset.GetRasterBand(i + 1).GetColorInterpretation() for i in range(bands)]
    assert gdal.GCI_AlphaBand not in colors
    with_alpha = validity == "alpha" and bands in (1, 3) and dtype in ("u1", "u2")
    assert dataset.RasterCount == bands + with_alpha
    flags = dataset.GetRasterBand(1).GetMaskFlags()
    expected = gdal.GMF_PER_DATASET | (gdal.GMF_ALPHA if with_alpha else 0)
    assert flags == (gdal.GMF_ALL_VALID if validity == "all" else expected)
    assert not (tmp_path / "m.tif.aux.xml").exists() and not (tmp_path / "m.tif.msk").exists()


def test_everything_an_image_declares_is_written(tmp_path):
    one = ArrayImage(
        "a", GRID.with_crs('LOCAL_CS["x",UNIT["metre",1]]'), np.ones((3, 700, 1100), np.int16),
        np.ones((700, 1100), bool), -5.0, ("red", "", "near infrared"),
        Details(
            ("red", "green", "blue"), (0.1, None, 1.0), (None, 2.5, 0.0),
            metadata=(("AREA_OR_POINT", "Point"), ("SENSOR", "x")),
        ),
    )  # fmt: skip
    dataset = made(tmp_path, one)
    bands = [dataset.GetRasterBand(i) for i in (1, 2, 3)]
    assert dataset.GetGeoTransform() == GRID.transform and "x" in dataset.GetProjection()
    assert [b.GetNoDataValue() for b in bands] == [-5] * 3
    assert [b.GetDescription() for b in bands] == ["red", "", "near infrared"]
    assert [b.GetScale() for b in bands][:1] == [0.1] and bands[1].GetOffset() == 2.5
    colors = (gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand)
    assert tuple(b.GetColorInterpretation() for b in bands) == colors
    assert dataset.GetMetadata()["SENSOR"] == "x"
    assert dataset.GetMetadata()["AREA_OR_POINT"] == "Area"


def test_color_tables_are_kept(tmp_path):
    table = ((1, 2, 3, 255), (4, 5, 6, 255))
    dataset = made(tmp_path, image(color_table=table, colors=("palette",)))
    band = dataset.GetRasterBand(1)
    assert band.GetColorInterpretation() == gdal.GCI_PaletteIndex
    assert [band.GetColorTable().GetColorEntry(i) for i in (0, 1)] == list(table)
    with pytest.raises(InvalidOption, match="needs pixels of type uint8 or uint16, not float32"):
        made(tmp_path, image(np.float32, color_table=table))


def test_a_window_without_valid_pixels_stays_sparse_and_reads_as_invalid(tmp_path):
    for validity, nodata in (("nodata", 7), ("mask", None), ("alpha", None)):
        one = image(np.uint16, 3, nodata, validity=validity)
        nothing = constant(False, (700, 1100))
        dataset = made(tmp_path, one, valid=nothing)
        assert (tmp_path / "m.tif").stat().st_size < 3000
        assert not dataset.GetRasterBand(1).GetMaskBand().ReadAsArray().any()


def test_alpha_of_a_smaller_type_becomes_fully_opaque(tmp_path):
    one = image(np.uint16, 3, validity="alpha")
    path = str(tmp_path / "m.tif")
    target = create(path, one, Format.parse(USUAL, one.dtype), 256, 1, "m.tif")
    valid = np.ones((700, 1100), bool)
    valid[0, 0] = False
    soft = np.full((700, 1100), 3, np.uint8)
    target.put(one.grid.window, Pixels(one.values, valid, soft))
    target.close()
    dataset = gdal.Open(path)
    alpha = dataset.GetRasterBand(4).ReadAsArray()
    assert alpha[0, 0] == 0 and (alpha[1:] == 65535).all()


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("", (256, 256)),
        ("TILED=NO", (1100, 59)),
        ("TILED=NO|BLOCKYSIZE=3", (1100, 3)),
        ("BLOCKXSIZE=128|BLOCKYSIZE=64", (128, 64)),
    ],
)
def test_the_user_chooses_the_blocks(tmp_path, text, block):
    one = image()
    target = create(str(tmp_path / "m.tif"), one, Format.parse(text, one.dtype), 256, 1, "m.tif")
    assert target.block == block
    target.abandon()


def test_statistics_are_those_of_the_valid_samples(tmp_path):
    one = image(np.float32, 2)
    path = str(tmp_path / "m.tif")
    target = create(path, one, Format.parse(USUAL, one.dtype), 256, 1, "m.tif")
    target.put(one.grid.window, one.read(one.grid.window))
    values = np.array([[1, 2, 3, np.nan, np.inf], [np.nan] * 5], np.float32)
    target.set_statistics(values, exact=False)
    target.close()
    dataset = gdal.Open(path)
    band = dataset.GetRasterBand(1)
    assert float(band.GetMetadataItem("STATISTICS_MEAN")) == 2
    assert band.GetMetadataItem("STATISTICS_MAXIMUM") == "3"
    assert float(band.GetMetadataItem("STATISTICS_STDDEV")) == pytest.approx((2 / 3) ** 0.5)
    assert band.GetMetadataItem("STATISTICS_APPROXIMATE") == "YES"
    assert dataset.GetRasterBand(2).GetMetadataItem("STATISTICS_MEAN") is None
    assert not (tmp_path / "m.tif.aux.xml").exists()


def test_overviews_halve_until_the_long_side_is_below_256(tmp_path):
    dataset = made(tmp_path, image(validity="mask"), overviews="AVERAGE")
    band = dataset.GetRasterBand(1)
    sizes = [band.GetOverview(i).XSize for i in range(band.GetOverviewCount())]
    assert sizes == [550, 275, 138]
    assert band.GetMaskBand().GetOverviewCount() == 3
    assert band.GetOverview(0).GetBlockSize()[0] >= 128
    small = made(tmp_path, image(grid=Grid(255, 200, GRID.transform)), overviews="AVERAGE")
    assert small.GetRasterBand(1).GetOverviewCount() == 0


def test_a_stop_during_the_overviews_is_heard(tmp_path, listen):
    for switch in (gdal.DontUseExceptions, gdal.UseExceptions):
        switch()
        one = image()
        path = str(tmp_path / "m.tif")
        target = create(path, one, Format.parse(USUAL, one.dtype), 256, 1, "m.tif")
        target.put(one.grid.window, one.read(one.grid.window))
        with pytest.raises(Cancelled):
            target.close("AVERAGE", listen(cancel_after=1))
        target.abandon()
    gdal.DontUseExceptions()


def test_a_cloud_optimized_file_says_so_and_keeps_everything(tmp_path, listen):
    one = image(np.uint16, 3, validity="mask", colors=("red", "green", "blue"))
    valid = np.random.default_rng(0).random((700, 1100)) > 0.3
    path = str(tmp_path / "m.tif")
    form = Format.parse(
        "COMPRESS=DEFLATE|PREDICTOR=auto|ZLEVEL=1|BLOCKSIZE=256", one.dtype, cog=True
    )
    plain = Format.parse("COMPRESS=DEFLATE", one.dtype)
    target = create(path, one, plain, 256, 1, "m.tif")
    target.put(one.grid.window, Pixels(one.values, valid))
    target.set_statistics(one.values.reshape(3, -1), exact=True)
    target.close()
    heard = listen()
    optimize(path, form, "AVERAGE", "m.tif", heard)
    dataset = gdal.Open(path)
    assert dataset.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"
    assert dataset.GetMetadataItem("PREDICTOR", "IMAGE_STRUCTURE") == "2"
    np.testing.assert_array_equal(dataset.ReadAsArray(), one.values)
    band = dataset.GetRasterBand(1)
    np.testing.assert_array_equal(band.GetMaskBand().ReadAsArray() != 0, valid)
    assert band.GetBlockSize() == [256, 256] and band.GetOverviewCount() >= 2
    assert band.GetMetadataItem("STATISTICS_MEAN")
    assert heard.fractions[-1] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["m.tif"]
    with pytest.raises(Cancelled):
        optimize(path, form, "AVERAGE", "m.tif", listen(cancel_after=0))


def test_a_file_that_cannot_be_created_is_a_sentence(tmp_path):
    one = image()
    form = Format.parse(USUAL, one.dtype)
    with pytest.raises(ImageIOError, match=r"^m\.tif cannot be written: .*No such file.*\.$"):
        create(str(tmp_path / "none" / "m.tif"), one, form, 256, 1, "m.tif")
    odd = Format.parse("BLOCKXSIZE=100", one.dtype)
    with pytest.raises(ImageIOError, match=r"^m\.tif cannot be written: "):
        create(str(tmp_path / "m.tif"), one, odd, 256, 1, "m.tif")
    gdal.UseExceptions()
    try:
        with pytest.raises(ImageIOError, match=r"^m\.tif cannot be written: .*No such file.*\.$"):
            create(str(tmp_path / "none" / "m.tif"), one, form, 256, 1, "m.tif")
    finally:
        gdal.DontUseExceptions()
