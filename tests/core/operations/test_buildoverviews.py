# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, ImageIOError, InvalidOption
from orthoweave.core.operations import buildoverviews
from orthoweave.core.raster.config import config
from osgeo import gdal

TILED = ("TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE")


def textured(seed=1, shape=(2, 700, 1100), dtype=np.uint8):
    rows, cols = np.indices(shape[1:])
    waves = 100 + 40 * np.sin(rows / 9 + seed) + 40 * np.cos(cols / 13)
    return np.stack([waves + band for band in range(shape[0])]).astype(dtype)


def build(images, progress=None, **how):
    request = buildoverviews.Request(images=tuple(images), **how)
    return buildoverviews.run(*([request, progress] if progress else [request]))


def overviews(path, number=1):
    """Return the sizes of a band's overviews and whether a file .ovr holds them."""
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(number)
    small = [band.GetOverview(i) for i in range(band.GetOverviewCount())]
    sizes = [(one.XSize, one.YSize) for one in small]
    return sizes, os.path.exists(str(path) + ".ovr")


def level(path, number, at=0):
    dataset = gdal.Open(str(path))
    small = dataset.GetRasterBand(number).GetOverview(at)
    return small.ReadAsArray(), small.GetMaskBand().ReadAsArray()


def test_images_get_levels_until_the_long_side_is_small(write):
    paths = [write("a.tif", textured(), options=TILED), write("b.tif", textured(2)[:, :200, :255])]
    result = build(paths)
    sizes, beside = overviews(paths[0])
    assert sizes[0] == (550, 350) and max(sizes[-1]) < 256 and not beside
    assert overviews(paths[1]) == ([], False)
    assert result.output_layers == tuple(paths) and result.images_used == 2
    mean = textured()[0].reshape(350, 2, 550, 2).mean((1, 3))
    # rounding of means
    assert np.abs(level(paths[0], 1)[0] - mean).max() <= 0.5


def test_levels_and_resampling_are_those_asked_for(write):
    path = write("a.tif", textured())
    build([path], levels="4 8", resampling="nearest")
    assert overviews(path)[0] == [(275, 175), (138, 88)]
    assert set(np.unique(level(path, 1)[0])) <= set(np.unique(textured()[0]))
    build([path], levels=(2,), clean=True)
    assert overviews(path)[0] == [(550, 350)]


def test_copies_get_them_and_the_images_stay_as_they_are(write, tmp_path, fingerprint):
    folder = tmp_path / "in"
    paths = [write("in/a.tif", textured(), mask=textured()[0] > 90), write("in/b.tif", textured(3))]
    before = fingerprint(folder)
    result = build(paths, output_folder=str(tmp_path / "out"), name_pattern="$_small")
    assert fingerprint(folder) == before
    assert [Path(p).name for p in result.output_layers] == ["a_small.tif", "b_small.tif"]
    for path, source in zip(result.output_layers, paths):
        assert overviews(path)[0]
        copied, original = gdal.Open(path), gdal.Open(source)
        np.testing.assert_array_equal(copied.ReadAsArray(), original.ReadAsArray())
        mask = copied.GetRasterBand(1).GetMaskBand().ReadAsArray()
        np.testing.assert_array_equal(mask, original.GetRasterBand(1).GetMaskBand().ReadAsArray())
    small = build(paths, output_folder=str(tmp_path / "zip"), creation_options="COMPRESS=LZW")
    assert gdal.Open(small.output_layers[1]).GetMetadata("IMAGE_STRUCTURE")["COMPRESSION"] == "LZW"


def test_invalid_pixels_take_no_part(write):
    values = np.full((1, 600, 600), 100, np.uint8)
    values[0, :, ::2] = 0
    declared = write("n.tif", values, nodata=0)
    build([declared])
    assert set(np.unique(level(declared, 1)[0])) == {100}
    half = np.full((3, 600, 600), 100, np.uint8)
    half[:, :, 1::2] = 200
    shown = np.zeros((600, 600), np.uint8)
    shown[:, ::2] = 255
    alpha = write("al.tif", half, alpha=shown, options=("PHOTOMETRIC=RGB",))
    masked = write("m.tif", half, mask=shown)
    build([alpha, masked])
    assert set(np.unique(level(alpha, 1)[0])) == {100}
    assert set(np.unique(level(masked, 1)[0])) == {100}


def test_classes_are_not_averaged(write, listen):
    path = write("c.tif", np.tile(np.array([[1, 9]], np.uint8), (600, 300)))
    dataset = gdal.Open(path, gdal.GA_Update)
    table = gdal.ColorTable()
    table.SetColorEntry(9, (1, 2, 3, 255))
    dataset.GetRasterBand(1).SetColorTable(table)
    dataset = None
    heard = listen()
    build([path], heard)
    assert set(np.unique(level(path, 1)[0])) <= {1, 9}
    assert heard.warnings == ["c.tif holds classes: its overviews take nearest pixels."]
    build([path], heard, resampling="mode", clean=True)
    assert len(heard.warnings) == 1


def test_they_can_lie_beside_the_file_compressed_as_it_is(write):
    path = write("a.tif", textured(), options=TILED)
    before = Path(path).read_bytes()
    result = build([path], external=True)
    assert Path(path).read_bytes() == before and overviews(path)[1]
    assert result.external_count == 1
    inside = gdal.Open(path + ".ovr").GetMetadata("IMAGE_STRUCTURE")
    assert inside["COMPRESSION"] == "DEFLATE"
    build([path], clean=True)
    assert overviews(path)[1] is False and overviews(path)[0]


@pytest.mark.parametrize("resampling", ["average", "nearest", "cubic", "mode"])
def test_a_mask_inside_of_the_file_has_overviews_beside_it_too(write, tmp_path, resampling):
    gaps = textured()[0] > 90
    with config("GDAL_TIFF_INTERNAL_MASK", "YES"):
        paths = [write(name, textured(), mask=gaps, options=TILED) for name in ("a.tif", "b.tif")]
    before = Path(paths[0]).read_bytes()
    build(paths[:1], external=True, resampling=resampling, levels=(2, 4))
    assert Path(paths[0]).read_bytes() == before
    # a second time: those there are stay
    build(paths[:1], external=True, resampling=resampling, levels=(8,))
    build(paths[1:], resampling=resampling, levels=(2, 4, 8))
    assert overviews(paths[0]) == (overviews(paths[1])[0], True)
    for number, at in np.ndindex(2, 3):
        beside, inside = (level(path, number + 1, at) for path in paths)
        np.testing.assert_array_equal(beside, inside)
        assert 0 < np.count_nonzero(inside[1]) < inside[1].size
    found = gdal.Open(paths[0] + ".ovr").GetMetadata("IMAGE_STRUCTURE")
    assert found["COMPRESSION"] == "DEFLATE"
    assert sorted(os.listdir(tmp_path)) == ["a.tif", "a.tif.ovr", "b.tif"]


@pytest.mark.parametrize("resampling", ["average", "nearest"])
def test_a_mask_beside_the_file_has_overviews_when_the_file_has(write, resampling):
    gaps = np.zeros((700, 1100), bool)
    gaps[:350, :550] = True
    path = write("a.tif", textured(), mask=gaps, options=TILED)
    build([path], resampling=resampling, levels=(2, 4))
    for at in (0, 1):
        np.testing.assert_array_equal(level(path, 1, at)[1] > 0, gaps[:: 2 << at, :: 2 << at])


def test_files_that_cannot_hold_or_take_them_get_a_file_beside_them(write, listen, monkeypatch):
    heard = listen()
    picture = write("a.img", textured(), driver="ENVI")
    fixed = write("fixed.tif", textured())
    before = Path(fixed).read_bytes()
    monkeypatch.setattr(os, "access", lambda path, _mode: "fixed" not in str(path))
    result = build([picture, fixed], heard)
    assert result.external_count == 2 and overviews(fixed)[1] and overviews(picture)[1]
    assert Path(fixed).read_bytes() == before
    assert (
        "fixed.tif cannot be changed or hold overviews: they are in fixed.tif.ovr." in heard.infos
    )


@pytest.mark.skipif(gdal.GetDriverByName("COG") is None, reason="this GDAL writes no COG")
def test_a_cloud_optimized_file_stays_one(write, tmp_path):
    path = str(tmp_path / "cog.tif")
    plain = gdal.Open(write("a.tif", textured()))
    gdal.GetDriverByName("COG").CreateCopy(path, plain, 0, ["COMPRESS=LZW", "OVERVIEWS=NONE"])
    build([path])
    found = gdal.Open(path)
    assert found.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"
    assert found.GetMetadata("IMAGE_STRUCTURE")["COMPRESSION"] == "LZW"
    assert overviews(path)[0]
    np.testing.assert_array_equal(found.ReadAsArray(), textured())
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(gdal.GetDriverByName("COG") is None, reason="this GDAL writes no COG")
def test_a_cloud_optimized_file_gets_the_levels_that_were_asked_for(write, tmp_path, listen):
    path = str(tmp_path / "cog.tif")
    plain = gdal.Open(write("a.tif", textured(shape=(1, 1100, 1300))))
    gdal.GetDriverByName("COG").CreateCopy(path, plain, 0, ["COMPRESS=LZW"])
    for asked, sizes in (((4,), [(325, 275)]), ((2, 8), [(650, 550), (163, 138)])):
        build([path], levels=asked)
        assert overviews(path) == (sizes, False)
        found = gdal.Open(path)
        assert found.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"
        np.testing.assert_array_equal(found.ReadAsArray(), textured(shape=(1, 1100, 1300))[0])
    # until one block is enough, as when such a file is written
    build([path])
    assert overviews(path)[0] == [(650, 550), (325, 275)]
    assert build([path], resume="exists").images_kept == 1


def test_a_plan_and_a_second_run_leave_files_alone(write, listen):
    path, heard = write("a.tif", textured()), listen()
    before = Path(path).read_bytes()
    assert build([path], heard, dry_run=True).output_layers is None
    assert Path(path).read_bytes() == before
    assert heard.infos[-1].startswith(f"Planned: overviews of {path}, levels 2, 4")
    build([path])
    before = Path(path).read_bytes()
    again = build([path], heard, resume="exists")
    assert Path(path).read_bytes() == before and again.images_kept == 1


@pytest.mark.parametrize("levels", ["1", "2.5", "0 4"])
def test_levels_that_make_no_sense_are_refused(levels):
    with pytest.raises(InvalidOption, match="is not a whole number of 2 or more"):
        buildoverviews.Request(images=("a.tif",), levels=levels)


def test_a_stop_is_heard(write, listen):
    with pytest.raises(Cancelled):
        build([write("a.tif", textured())], listen(cancel_after=0))


def test_pixels_of_the_nodata_value_that_is_given_count_in_no_mean(write, tmp_path):
    values = np.full((1, 700, 900), 100, np.uint8)
    values[:, ::2] = 5
    values[:, :4, :4] = 5
    path, cog = write("a.tif", values), str(tmp_path / "cog.tif")
    gdal.GetDriverByName("COG").CreateCopy(cog, gdal.Open(path), 0, ["OVERVIEWS=NONE"])
    for one in (path, cog):
        build([one], nodata=5, levels=(2, 4))
        first, second = (level(one, 1, at)[0] for at in (0, 1))
        assert set(np.unique(first)) == set(np.unique(second)) == {5, 100}
        assert (first[:2, :2] == 5).all() and second[0, 0] == 5
        assert (first == 5).sum() == 4 and (second == 5).sum() == 1
        # the image itself says what it said
        assert gdal.Open(one).GetRasterBand(1).GetNoDataValue() is None


def test_a_nodata_value_that_cannot_be_used_is_refused_and_changes_nothing(write, tmp_path):
    masked = write("m.tif", textured(), mask=np.ones((700, 1100), bool))
    build([masked])
    before = Path(masked).read_bytes()
    with pytest.raises(ImageIOError, match="its mask or alpha band says what is valid, not nod"):
        build([masked], nodata=5, clean=True)
    assert Path(masked).read_bytes() == before
    build([masked], nodata=5, resampling="nearest", clean=True)
    path = write("a.tif", textured())
    build([path], external=True, levels=(2,))
    with pytest.raises(ImageIOError, match="beside other ones GDAL does not take nodata 5"):
        build([path], external=True, levels=(4,), nodata=5)
