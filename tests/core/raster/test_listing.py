# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.raster import (
    expand,
    listing,
    open_image,
    open_images,
    open_listed,
    output_paths,
    refuse_overwriting,
)
from orthoweave.core.requests import Images
from osgeo import gdal


@pytest.fixture
def folder(tmp_path):
    """A folder of empty files with awkward names."""
    names = ("img_10.tif", "img_2.tif", "IMG_1.TIF", "b.tiff", "c.vrt", "d.jp2", "e.png", ".f.tif",
             "1²2.tif", "a & b.tif")  # fmt: skip
    inside = tmp_path / "in put.d"
    for place in (inside, inside / "deep"):
        place.mkdir()
        for name in names:
            (place / name).write_text("")
    return inside


def names(paths):
    return [os.path.basename(path) for path in paths]


def test_a_folder_means_its_rasters_in_natural_order(folder):
    assert names(expand([str(folder)])) == [
        "1²2.tif", "a & b.tif", "b.tiff", "c.vrt", "d.jp2", "IMG_1.TIF", "img_2.tif", "img_10.tif",
    ]  # fmt: skip


def test_patterns_recurse_when_they_say_so(folder):
    assert names(expand([f"{folder}/img_*.tif"])) == ["img_2.tif", "img_10.tif"]
    assert len(expand([f"{folder}/**/img_2.tif"])) == 2


def test_files_keep_the_order_given_and_are_used_once(folder, listen, monkeypatch):
    heard = listen()
    monkeypatch.chdir(folder)
    found = expand(["img_10.tif", "b.tiff", f"{folder}/img_*.tif"], heard)
    assert names(found) == ["img_10.tif", "b.tiff", "img_2.tif"]
    assert all(os.path.isabs(path) for path in found)
    assert heard.warnings == ["img_10.tif is given twice; it is used once."]


def test_other_sources_are_left_as_they_are():
    assert expand(["NETCDF:a.nc:t", "/vsizip/a.zip/b.tif"]) == (
        "NETCDF:a.nc:t",
        "/vsizip/a.zip/b.tif",
    )


def test_entries_that_mean_nothing_are_named(tmp_path, monkeypatch):
    with pytest.raises(InvalidOption, match=r"^x\.tif does not exist in "):
        expand([str(tmp_path / "x.tif")])
    for entry in (f"{tmp_path}/*.tif", str(tmp_path)):
        with pytest.raises(InvalidOption, match="matches no raster. Give files, a folder"):
            expand([entry])
    with pytest.raises(InvalidOption, match="none given"):
        expand([])
    with pytest.raises(InvalidOption, match="an entry is empty. Give files, a folder"):
        expand([" "])

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(listing.os, "listdir", refuse)
    with pytest.raises(ImageIOError, match="cannot be read: Permission denied"):
        expand([str(tmp_path)])


def test_the_log_begins_with_what_the_images_are(write, listen):
    heard = listen()
    paths = [write(f"{n}.tif", np.ones((2, 4, 5), np.uint8)) for n in range(14)]
    images = open_images(paths, nodata=3, progress=heard)
    assert [image.nodata for image in images] == [3] * 14
    assert heard.infos[0].endswith("0.tif: 5 × 4 px, 2 bands uint8, EPSG:32633")
    assert heard.infos[12:] == [
        "… and 2 more images.",
        "Nodata value 3 replaces what the files declare.",
    ]


def test_a_nodata_value_that_replaces_another_one_is_a_warning(write, listen):
    one, nan = np.ones((2, 4, 5), np.uint8), np.ones((2, 4, 5), np.float32)
    paths = [
        write("a.tif", one, nodata=0),
        write("b.tif", one, nodata=3),
        write("c.tif", one),
        write("d.tif", one, nodata=7),
    ]
    heard = listen()
    assert [i.nodata for i in open_images(paths, nodata=3, progress=heard)] == [3] * 4
    assert heard.warnings == [
        "Nodata value 3 differs from what 2 of 4 images declare, such as a.tif; it is used instead."
    ]
    heard = listen()
    open_images([write("n.tif", nan, nodata=np.nan)], nodata=float("nan"), progress=heard)
    open_images(paths[1:3], nodata=3, progress=heard)
    open_images(paths, progress=heard)
    assert not heard.warnings


def test_a_nodata_value_that_a_type_cannot_hold_is_a_warning(write, listen):
    small, large = np.ones((2, 4, 5), np.uint8), np.ones((2, 4, 5), np.int16)
    paths = [write("a.tif", small, nodata=0), write("b.tif", large), write("c.tif", small)]
    heard = listen()
    open_images(paths[:2], nodata=-9999, progress=heard)
    open_images(paths, nodata=-9999, progress=heard)
    assert heard.warnings == [
        "Nodata value -9999 does not fit the type of a.tif; what it declares is kept.",
        "Nodata value -9999 does not fit the type of a.tif and 1 more image; what they declare is "
        "kept.",
    ]


def test_unreadable_files_stop_the_run_unless_they_may_be_skipped(write, tmp_path, listen):
    (tmp_path / "bad.tif").write_text("x")
    good, bad = write("a.tif", np.ones((4, 5), np.uint8)), str(tmp_path / "bad.tif")
    with pytest.raises(ImageIOError, match="^bad.tif cannot be opened"):
        open_images([good, bad])
    heard = listen()
    images, left_out = open_listed(Images(images=(good, bad), skip_unreadable=True), heard)
    assert (len(images), left_out) == (1, 1)
    assert heard.warnings[0].endswith("It is left out.")
    with pytest.raises(ImageIOError, match="None of the images can be opened"):
        open_listed(Images(images=(bad,), skip_unreadable=True))


def test_outputs_have_the_names_of_their_images(write, tmp_path):
    images = open_images([write("a.b.tif", np.ones((4, 5))), write("c.tif", np.ones((4, 5)))])
    out = str(tmp_path / "new" / "er")
    assert names(output_paths(images, out, "$_Global")) == ["a.b_Global.tif", "c_Global.tif"]
    assert names(output_paths(images, out, "$.TIF")) == ["a.b.TIF", "c.TIF"]
    assert os.path.isdir(out)
    with pytest.raises(InvalidOption, match=r"Names: 'x' needs a \$ for 2 images"):
        output_paths(images, out, "x")
    assert names(output_paths(images[:1], out, "x")) == ["x.tif"]


@pytest.mark.parametrize("pattern", ["", " ", "sub/", ".tif", ".GPKG"])
def test_a_pattern_without_a_name_is_refused(write, tmp_path, pattern):
    images = open_images([write("a.tif", np.ones((1, 4, 5)))])
    with pytest.raises(InvalidOption, match="is no name of a file. Give one, such as"):
        output_paths(images, str(tmp_path / "out"), pattern, ".gpkg")
    assert not (tmp_path / "out").exists()


def test_two_images_of_one_name_are_refused(write):
    images = open_images([write("x/a.tif", np.ones((4, 5))), write("y/a.tif", np.ones((4, 5)))])
    with pytest.raises(InvalidOption, match=r"y/a\.tif and .*x/a\.tif would both be written as a"):
        output_paths(images, "out", "$")


def test_inputs_are_not_overwritten_by_any_name(write, tmp_path):
    path = write("a.tif", np.ones((4, 5), np.uint8))
    os.symlink(path, tmp_path / "link.tif")
    os.link(path, tmp_path / "hard.tif")
    for name in ("a.tif", "link.tif", "hard.tif", "x/../a.tif"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(InvalidOption, match="Output would overwrite the input a.tif"):
            refuse_overwriting(str(tmp_path / name), [path])
    with pytest.raises(InvalidOption, match="Output would overwrite the input a.tif"):
        output_paths([open_image(path)], str(tmp_path), "$")


def test_parts_of_virtual_rasters_are_inputs_too(write, tmp_path):
    path = write("a.tif", np.ones((4, 5), np.uint8))
    gdal.BuildVRT(str(tmp_path / "v.vrt"), [path])
    with pytest.raises(InvalidOption, match="would overwrite a.tif, a part of the input v.vrt"):
        refuse_overwriting(path, [str(tmp_path / "v.vrt")])
    assert refuse_overwriting(str(tmp_path / "b.tif"), [str(tmp_path / "v.vrt")])


def test_every_file_is_looked_at_a_few_times_however_many_there_are(write, tmp_path, monkeypatch):
    first = open_image(write("in/0.tif", np.ones((2, 2), np.uint8)))
    calls = []
    real = os.stat
    monkeypatch.setattr(listing.os, "stat", lambda *a, **k: calls.append(a) or real(*a, **k))
    counts = []
    for many in (100, 1000):
        calls.clear()
        images = []
        for number in range(many):
            path = tmp_path / "in" / f"{number}.tif"
            path.touch()
            images.append(replace(first, path=str(path), name=str(number)))
        calls.clear()
        assert len(output_paths(images, str(tmp_path / f"out{many}"), "$")) == many
        counts.append(len(calls))
    # the files themselves, and the parts of real paths of outputs that do not exist yet
    assert 2 * 1000 <= counts[1] <= 10 * counts[0] + 20 and counts[1] <= 30 * 1000


def test_parts_are_read_once_and_only_for_outputs_that_exist(write, tmp_path, monkeypatch):
    part = write("a.tif", np.ones((4, 5), np.uint8))
    opened = []
    images = []
    for number in range(3):
        path = str(tmp_path / f"v{number}.vrt")
        gdal.BuildVRT(path, [part])
        images.append(open_image(path))
    monkeypatch.setattr(listing, "parts_of", lambda path: opened.append(path) or (part,))
    out = tmp_path / "out"
    output_paths(images, str(out), "$")
    assert not opened
    for number in range(3):
        (out / f"v{number}.tif").touch()
    output_paths(images, str(out), "$")
    assert opened == [image.path for image in images]
