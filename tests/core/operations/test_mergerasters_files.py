# SPDX-License-Identifier: GPL-2.0-or-later
"""Merging of real images, and of files that break tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, OrthoweaveError
from orthoweave.core.raster import open_image
from osgeo import gdal, osr

SHARED = Path(__file__).resolve().parents[4] / "shared"
ODD = sorted(
    p.name
    for p in SHARED.glob("data/odd_files/*.[tT][iI][fF]*")
    if p.suffix not in (".msk", ".xml")
)
MADE = [
    "1band.tif",
    "all_nodata.tif",
    "bad_block.tif",
    "constant.tif",
    "empty.tif",
    "epsg4326.tif",
    "float_inf.tif",
    "float_nan.tif",
    "float_nan_nd-9999.tif",
    "gcps.tif",
    "halfpixel.tif",
    "internal_mask.tif",
    "no_crs.tif",
    "no_overlap.tif",
    "nodata0.tif",
    "nodata_out_of_range.tif",
    "nodata_per_band_differs.vrt",
    "nodata_undeclared.tif",
    "nonsquare.tif",
    "one_pixel.tif",
    "one_row.tif",
    "other_crs.tif",
    "paletted.tif",
    "per_band_src.tif",
    "plain.tif",
    "rgba.tif",
    "rgba_soft.tif",
    "rotated.tif",
    "scale_offset.tif",
    "south_up.tif",
    "text.tif",
    "truncated.tif",
    "uint16_full.tif",
] + ["space name é.tif"]
REFUSED = {
    "bad_block.tif": "bad_block.tif: window (0, 0, 256, 256) cannot be read: ",
    "empty.tif": "empty.tif cannot be opened: ",
    "gcps.tif": "gcps.tif is placed by ground control points only. ",
    "text.tif": "text.tif cannot be opened: ",
    "truncated.tif": "truncated.tif is cut off: ",
    "slc.tif": "slc.tif holds complex values",
    "cog_gcps.tif": "cog_gcps.tif is placed by ground control points only. ",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The files that make_cases.py makes of a real image, on its own output and messages."""
    tool = SHARED / "tools" / "make_cases.py"
    if not tool.is_file() or not (SHARED / "data").is_dir():
        pytest.skip(f"the tool that makes odd files is not at {tool}")
    pytest.importorskip("cv2")
    folder = tmp_path_factory.mktemp("odd")
    source = SHARED / "data" / "za_aerial_wgs84" / "3320D_2010_315_RGB_LATLNG.tif"
    subprocess.run([sys.executable, str(tool), "odd", str(source), str(folder)], check=True)
    return folder


def works_or_is_refused(path, merge, read_back, fingerprint, capfd):
    """Merge a file alone; return the mosaic, or None when it was refused with its sentence."""
    before = fingerprint(path.parent)
    try:
        found = merge([str(path)])
    except OrthoweaveError as error:
        sentence = str(error)
        assert "\n" not in sentence and sentence.endswith(".")
        assert sentence.startswith(REFUSED.get(path.name, "not expected")), sentence
        found = None
    else:
        assert path.name not in REFUSED
    assert fingerprint(path.parent) == before
    assert capfd.readouterr().err == ""
    return found


def same_pixels(found, path):
    """Compare a mosaic with what the file holds."""
    source = open_image(str(path))
    pixels = source.read(source.grid.window)
    np.testing.assert_array_equal(found.valid, pixels.valid)
    kept = found.values[:, pixels.valid]
    np.testing.assert_array_equal(kept, pixels.values[:, pixels.valid])
    assert found.transform == pytest.approx(source.grid.transform, abs=1e-9)


@pytest.mark.parametrize("name", MADE)
def test_every_odd_file_that_is_made_works_or_is_refused(
    made, merge, read_back, fingerprint, capfd, name
):
    found = works_or_is_refused(made / name, merge, read_back, fingerprint, capfd)
    if found is not None:
        same_pixels(found, made / name)


@pytest.mark.parametrize("name", ODD)
def test_every_real_odd_file_works_or_is_refused(
    shared, merge, read_back, fingerprint, capfd, name
):
    path = shared / "odd_files" / name
    found = works_or_is_refused(path, merge, read_back, fingerprint, capfd)
    if found is not None:
        same_pixels(found, path)


def test_all_files_of_one_kind_merge_in_one_run(made, merge, read_back, listen):
    names = [
        "plain.tif", "nodata0.tif", "nodata_undeclared.tif", "rgba.tif", "rgba_soft.tif",
        "internal_mask.tif", "south_up.tif", "rotated.tif", "halfpixel.tif", "nonsquare.tif",
        "nodata_out_of_range.tif", "nodata_per_band_differs.vrt", "one_pixel.tif", "one_row.tif",
        "constant.tif", "all_nodata.tif", "other_crs.tif", "epsg4326.tif", "space name é.tif",
    ]  # fmt: skip
    heard = listen()
    found = merge([str(made / name) for name in names], heard, resolution="lowest")
    assert found.valid.any() and found.values.dtype == np.uint8


def test_unequal_landsat_grids_merge_without_a_line_of_holes(shared, merge, listen):
    folder = shared / "l8_quebec_mosaic"
    first = [str(folder / f"mosaic_cog{n}.tif") for n in (1, 2)]
    found = merge(first, listen())
    images = [open_image(path) for path in first]
    # what an image says at the pixel under each center of the mosaic
    union = np.zeros(found.valid.shape, bool)
    rows, cols = np.mgrid[: union.shape[0], : union.shape[1]]
    x, a, _, y, _, e = found.transform
    edge = np.zeros(union.shape, bool)
    for image in images:
        valid = image.read(image.grid.window).valid
        col, row = image.grid.to_pixel(x + a * (cols + 0.5), y + e * (rows + 0.5))
        edge |= np.minimum(np.abs(col - np.rint(col)), np.abs(row - np.rint(row))) < 1e-6
        col, row = np.floor(col).astype(int), np.floor(row).astype(int)
        inside = (col >= 0) & (row >= 0) & (col < image.grid.width) & (row < image.grid.height)
        at = np.clip(row, 0, image.grid.height - 1), np.clip(col, 0, image.grid.width - 1)
        union |= inside & valid[at]
    np.testing.assert_array_equal(found.valid[~edge], union[~edge])
    third = merge([*first, str(folder / "mosaic_cog3.tif")], listen(), resampling="cubic")
    assert third.valid.sum() >= found.valid.sum()


def test_an_aerial_image_with_alpha_keeps_its_pixels_when_it_is_cut_and_merged(
    shared, merge, tmp_path
):
    path = str(next((shared / "za_aerial_wgs84").glob("*RGB*.tif")))
    image = open_image(path)
    half = image.grid.width // 2
    for name, window in (
        ("l", (0, 0, half + 40, image.grid.height)),
        ("r", (half - 37, 0, image.grid.width - half + 37, image.grid.height)),
    ):
        gdal.Translate(str(tmp_path / f"{name}.tif"), path, srcWin=window)
    same_pixels(merge([str(tmp_path / "l.tif"), str(tmp_path / "r.tif")]), path)


def test_drone_frames_cover_what_any_of_them_covers(shared, merge, listen):
    paths = sorted(str(path) for path in (shared / "drone_brighton").glob("DJI_00*.tif"))[:4]
    found = merge(paths, listen(), resolution=0.25)
    reference = osr.SpatialReference(found.dataset.GetProjection())
    assert reference.GetAuthorityCode(None)
    union = np.zeros(found.valid.shape, bool)
    x, a, _, y, _, e = found.transform
    rows, cols = np.mgrid[: union.shape[0], : union.shape[1]]
    for path in paths:
        image = open_image(path)
        valid = image.read(image.grid.window).valid
        col, row = image.grid.to_pixel(x + a * (cols + 0.5), y + e * (rows + 0.5))
        col, row = np.floor(col).astype(int), np.floor(row).astype(int)
        inside = (col >= 0) & (row >= 0) & (col < image.grid.width) & (row < image.grid.height)
        at = np.clip(row, 0, image.grid.height - 1), np.clip(col, 0, image.grid.width - 1)
        union |= inside & valid[at]
    # centers on the edge of a pixel may fall to either side
    assert (found.valid != union).mean() < 1e-4


@pytest.mark.parametrize(
    "how", [{"creation_options": "BLOCKXSIZE=100"}, {"creation_options": "PHOTOMETRIC=YCBCR"}]
)
@pytest.mark.parametrize("cog", [True, False])
def test_what_gdal_refuses_is_said_of_the_output_not_of_a_hidden_file(
    write, merge, tmp_path, how, cog
):
    image = write("a.tif", np.ones((2, 600, 600), np.uint8))
    output = str(tmp_path / "my maps" / "out 1.v2.tif")
    with pytest.raises(ImageIOError) as found:
        merge([image], output=output, cog=cog, **how)
    text = str(found.value)
    assert text.startswith("out 1.v2.tif cannot be written: ")
    assert f"{output}: " in text and "partial" not in text
