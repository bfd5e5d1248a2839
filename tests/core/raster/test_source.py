# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, IncompatibleImages
from orthoweave.core.image import uniform
from orthoweave.core.raster import open_image
from osgeo import gdal

KINDS = ("nodata", "alpha", "soft", "internal", "msk", "nan", "none")
TYPES = ("uint8", "int16", "uint16", "float32")


def everything(image, **how):
    return image.read(image.grid.window, **how)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_validity_is_what_the_file_declares(layer, kind, dtype):
    if kind == "nan" and dtype != "float32":
        pytest.skip("only decimal numbers can be NaN")
    made = layer("a.tif", kind, dtype)
    image = open_image(made.path)
    found = everything(image)
    assert image.bands == 3 and image.dtype == dtype and image.name == "a"
    np.testing.assert_array_equal(found.valid, made.valid)
    np.testing.assert_array_equal(found.values[:, made.valid], made.values[:, made.valid])
    said = {"soft": "alpha", "internal": "mask", "msk": "mask", "nan": "all", "none": "all"}
    assert image.details.validity == said.get(kind, kind)
    assert image.always_valid == (kind == "none" and dtype != "float32")


def test_a_file_that_is_valid_everywhere_costs_no_mask(write):
    image = open_image(write("a.tif", np.ones((3, 9, 9), np.uint8), nodata=0))
    assert uniform(everything(image).valid) is True


def test_nodata_must_be_equal_in_all_bands(write):
    values = np.array([[[0, 0, 1]], [[0, 5, 0]]], np.int16)
    image = open_image(write("a.tif", values, nodata=0))
    assert everything(image).valid.tolist() == [[False, True, True]]
    image = open_image(write("b.tif", values), nodata=5)
    assert everything(image).valid.all() and image.nodata == 5


def test_one_nan_is_enough_and_declared_nan_is_all(write):
    values = np.array([[[np.nan, 1, -9999]], [[1, 1, -9999]]], np.float32)
    image = open_image(write("a.tif", values, nodata=-9999))
    assert everything(image).valid.tolist() == [[False, True, False]]
    image = open_image(write("b.tif", values, nodata=float("nan")))
    assert everything(image).valid.tolist() == [[False, True, True]]


@pytest.mark.parametrize("nodata", [-9999, 256, 1.5, -1])
def test_nodata_that_bytes_cannot_hold_is_none(write, nodata):
    image = open_image(write("a.tif", np.zeros((4, 4), np.uint8), nodata=nodata))
    assert image.nodata is None and image.details.validity == "all"
    assert everything(image).valid.all()


def test_the_largest_number_as_text_is_nodata_of_single_precision(write):
    values = np.array([[np.finfo(np.float32).min, 1]], np.float32)
    for number, nodata in enumerate((-3.4028234663852886e38, -3.40282347e38)):
        image = open_image(write(f"{number}.tif", values, nodata=nodata))
        assert everything(image).valid.tolist() == [[False, True]]
    image = open_image(write("c.tif", values), nodata=-1.7976931348623157e308)
    assert image.nodata is None and everything(image).valid.all()


def test_alpha_and_nodata_count_both(write):
    values = np.array([[[0, 0, 7]], [[0, 1, 7]], [[0, 1, 7]]], np.uint8)
    path = write("a.tif", values, alpha=np.array([[255, 255, 0]]), nodata=0)
    assert everything(open_image(path)).valid.tolist() == [[False, True, False]]


def test_alpha_in_any_place_is_no_data_band(write):
    path = write("a.tif", np.arange(18, dtype=np.uint8).reshape(3, 2, 3))
    dataset = gdal.Translate(path.replace("a.tif", "b.vrt"), path, format="VRT", bandList=[1, 3, 2])
    dataset.GetRasterBand(2).SetColorInterpretation(gdal.GCI_AlphaBand)
    dataset = None
    image = open_image(path.replace("a.tif", "b.vrt"))
    found = everything(image, bands=[2])
    assert image.bands == 2 and found.values[0, 0, 0] == 6 and found.alpha[0, 0] == 12


def test_what_a_file_declares_is_kept(write):
    path = write("a.tif", np.ones((3, 8, 8), np.int16), names=("red", "", "nir"))
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.GetRasterBand(2).SetScale(0.1)
    dataset.GetRasterBand(2).SetOffset(-3)
    dataset.SetMetadataItem("SENSOR", "x")
    dataset = None
    image = open_image(path)
    assert image.band_names == ("red", "", "nir")
    assert image.details.scales == (None, 0.1, None) or image.details.scales == (1.0, 0.1, 1.0)
    assert image.details.offsets[1] == -3
    assert ("SENSOR", "x") in image.details.metadata
    assert pickle.loads(pickle.dumps(image)) == image


def test_unrounded_values_are_in_the_calculation_type(write):
    for dtype, kind in (("uint16", "float32"), ("int32", "float64"), ("float64", "float64")):
        image = open_image(write(f"{dtype}.tif", np.ones((3, 3), dtype)))
        assert everything(image, rounded=False).values.dtype == kind


def test_other_files_are_refused_with_their_name(tmp_path, write):
    (tmp_path / "text.tif").write_text("not a tif\n")
    (tmp_path / "empty.tif").write_bytes(b"")
    for name in ("text.tif", "empty.tif", "absent.tif"):
        with pytest.raises(ImageIOError, match=rf"^{name} cannot be opened: .*[^.]\.$"):
            open_image(str(tmp_path / name))


def test_complex_numbers_and_signed_bytes_are_refused(tmp_path):
    for name, code, options, text in (
        ("slc.tif", gdal.GDT_CFloat32, [], "holds complex values"),
        ("signed.tif", gdal.GDT_Byte, ["PIXELTYPE=SIGNEDBYTE"], "holds signed bytes"),
    ):
        gdal.GetDriverByName("GTiff").Create(str(tmp_path / name), 4, 4, 1, code, options)
        with pytest.raises(IncompatibleImages, match=f"^{name} {text}"):
            open_image(str(tmp_path / name))


@pytest.mark.parametrize(
    "transform",
    [
        (500000, 0, 0, 5000000, 0, 0),
        (500000, 10, 5, 5000000, 20, 10),
        (np.nan, 10, 0, 5000000, 0, -10),
        (500000, 1e-9, 0, 5000000, 0, -1e-9),
    ],
    ids=["no size", "all on a line", "no place", "closer than numbers"],
)
def test_pixels_without_place_or_size_are_refused(write, transform):
    path = write("a.tif", np.ones((1, 4, 5)), transform=transform)
    with pytest.raises(IncompatibleImages, match="a.tif has a geotransform in which pixels have"):
        open_image(path)


def test_control_points_without_a_grid_are_refused(write):
    path = write("a.tif", np.ones((9, 9), np.uint8), transform=None, crs=None)
    points = [gdal.GCP(c, -r, 0, c, r) for c in (0, 9) for r in (0, 9)]
    gdal.Translate(path.replace("a.tif", "g.tif"), path, GCPs=points, outputSRS="EPSG:32633")
    with pytest.raises(IncompatibleImages, match="g.tif is placed by ground control points only"):
        open_image(path.replace("a.tif", "g.tif"))


@pytest.mark.parametrize("options", [(), ("TILED=YES",), ("INTERLEAVE=BAND",)])
def test_a_cut_file_is_refused_before_anything_is_read(write, tmp_path, options):
    values = np.random.default_rng(0).integers(0, 255, (3, 300, 300)).astype(np.uint8)
    whole = (tmp_path / "a.tif", write("a.tif", values, options=(*options, "COMPRESS=LZW")))[0]
    (tmp_path / "cut.tif").write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with pytest.raises(ImageIOError, match=r"^cut\.tif (is cut off: it needs|cannot be opened)"):
        open_image(str(tmp_path / "cut.tif"))


def test_a_broken_block_is_a_sentence_when_it_is_read(write, tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (300, 300)).astype(np.uint8)
    path = write("a.tif", values, options=("COMPRESS=DEFLATE", "TILED=YES"))
    raw = bytearray((tmp_path / "a.tif").read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 4000] = b"\xff" * 4000
    (tmp_path / "a.tif").write_bytes(bytes(raw))
    with pytest.raises(ImageIOError, match=r"^a\.tif: window \(0, 0, 300, 300\) cannot be read: "):
        everything(open_image(path))
