# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, InvalidOption
from orthoweave.core.operations import (
    globalregression,
    localblockadjustment,
    mergerasters,
    mosaicpipeline,
    voronoiseamlines,
)
from orthoweave.core.operations.mosaicpipeline import Request, run
from osgeo import gdal, ogr

pytest.importorskip("shapely")
pytest.importorskip("scipy")

X, Y, PIXEL = 500000.0, 5000000.0, 10.0
BOXES = {"a": (0, 0, 300, 260), "b": (220, 20, 300, 260), "c": (60, 200, 320, 240)}
GAINS = {"a": 1.0, "b": 0.8, "c": 1.2}


def ground(rows=480, cols=540):
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:rows, 0:cols] / 70.0
    bands = []
    for band in range(3):
        waves = sum(np.sin(rng.uniform(-8, 8) * x + rng.uniform(-8, 8) * y) for _ in range(8))
        bands.append(2000 + 400 * band + 90 * waves + 15 * rng.standard_normal((rows, cols)))
    return np.stack(bands)


def place(col, row):
    return (X + PIXEL * col, PIXEL, 0.0, Y - PIXEL * row, 0.0, -PIXEL)


@pytest.fixture
def tiles(write):
    """Write three overlapping images with collars; tiles(phase=0.4) puts b off the pixels."""

    def make(phase=0.0, **how):
        scene = ground()
        paths = []
        for name, (col, row, width, height) in BOXES.items():
            part = scene[:, row : row + height, col : col + width] * GAINS[name]
            y, x = np.mgrid[0:height, 0:width]
            collar = (x + y < 40) | (x - y > width - 50)
            values = np.where(collar, 0, np.rint(part)).astype(np.uint16)
            shift = phase if name == "b" else 0.0
            paths.append(
                write(f"{name}.tif", values, nodata=0, transform=place(col + shift, row), **how)
            )
        return tuple(paths)

    return make


def request(images, tmp_path, **how):
    how = {"build_overviews": False, **how}
    return Request(images=images, output=str(tmp_path / "out" / "mosaic.tif"), **how)


def pixels(path):
    dataset = gdal.Open(str(path))
    return dataset.ReadAsArray(), dataset.GetRasterBand(1).GetMaskBand().ReadAsArray() > 0


def source_bytes(paths):
    found = 0
    for path in paths:
        dataset = gdal.Open(path)
        size = gdal.GetDataTypeSize(dataset.GetRasterBand(1).DataType) // 8
        found += dataset.RasterXSize * dataset.RasterYSize * dataset.RasterCount * size
    return found


def test_the_pipeline_equals_the_chain_of_single_tools(tiles, tmp_path):
    images = tiles()
    found = run(request(images, tmp_path, threads=1, seams="voronoi", rule="feather"))
    matched = globalregression.run(
        globalregression.Request(images=images, output_folder=str(tmp_path / "chain"))
    )
    evened = localblockadjustment.run(
        localblockadjustment.Request(
            images=matched.output_layers, output_folder=str(tmp_path / "chain")
        )
    )
    cells = voronoiseamlines.run(
        voronoiseamlines.Request(images=images, output=str(tmp_path / "chain" / "cells.gpkg"))
    )
    merged = mergerasters.run(
        mergerasters.Request(
            images=evened.output_layers,
            seamlines=cells.output,
            rule="feather",
            output=str(tmp_path / "chain" / "mosaic.tif"),
        )
    )
    ours, valid = pixels(found.output)
    theirs, also = pixels(merged.output)
    assert np.array_equal(valid, also)
    # the chain rounds once more, before blending
    assert np.sqrt(np.mean((ours.astype(float) - theirs)[:, valid] ** 2)) <= 1.0
    # all that is left of gains is gone: the chain's number is that of rounding
    assert found.mean_difference_after < 1e-3 and evened.mean_difference_after < 1e-3
    told = json.loads((Path(found.work_folder) / "report.json").read_text())
    matched_only = [pair["after"] for pair in told["overlaps"]]
    assert max(matched_only) == pytest.approx(matched.mean_difference_after, rel=0.5)
    assert max(pair["after_local"] for pair in told["overlaps"]) < min(matched_only)
    page = (Path(found.work_folder) / "report.html").read_text(encoding="utf-8")
    assert "<small>m</small>" in page and "<small>map units</small>" not in page


@pytest.mark.parametrize("radiometry", ["global", "globallocal"])
def test_gains_are_gone_and_no_pixel_is_lost(radiometry, tiles, tmp_path):
    images = tiles()
    found = run(request(images, tmp_path, model_images=("a",), radiometry=radiometry))
    values, valid = pixels(found.output)
    covered = np.zeros(valid.shape, bool)
    for path, (col, row, width, height) in zip(images, BOXES.values()):
        covered[row : row + height, col : col + width] |= pixels(path)[1]
    assert np.array_equal(valid, covered)
    truth = ground()[:, : valid.shape[0], : valid.shape[1]]
    error = (values - truth)[:, valid]
    # noise of the scene is the same in all images: what is left is rounding at gains 0.8 to 1.2
    assert np.sqrt(np.mean(error**2)) < 1.5
    assert found.hole_pixels == 0


def test_every_number_of_the_report_comes_out_of_the_written_files(tiles, tmp_path):
    images = tiles()
    found = run(request(images, tmp_path))
    work = Path(found.work_folder)
    told = json.loads((work / "report.json").read_text())
    _, valid = pixels(found.output)
    assert told["covered"] == pytest.approx(valid.mean())
    assert told["coverage"]["Valid pixels of the mosaic"] == np.count_nonzero(valid)
    assert told["coverage"]["Pixels of the mosaic"] == valid.size
    assert told["written_bytes"] == Path(found.output).stat().st_size
    assert (told["images_used"], told["images_skipped"]) == (3, 0)
    cells = ogr.Open(str(work / "seamlines.gpkg"))
    cuts = cells.GetLayerByName("cuts")
    assert told["seam_length"] == pytest.approx(sum(f.GetField("length") for f in cuts))
    cuts.ResetReading()
    assert told["seam_length"] == pytest.approx(sum(f.geometry().Length() for f in cuts))
    label = gdal.GetDriverByName("MEM").Create("", valid.shape[1], valid.shape[0], 1)
    label.SetGeoTransform(gdal.Open(found.output).GetGeoTransform())
    gdal.RasterizeLayer(label, [1], cells.GetLayerByName("seamlines"), burn_values=[1])
    assert told["hole_pixels"] == np.count_nonzero((label.ReadAsArray() > 0) & ~valid)
    for pair in told["overlaps"]:
        first, second = (pixels(tmp_path / f"{pair[k]}.tif")[1] for k in ("first", "second"))
        boxes = [BOXES[pair["first"]], BOXES[pair["second"]]]
        common = np.zeros((2, 480, 540), bool)
        for layer, mask, (col, row, width, height) in zip(common, (first, second), boxes):
            layer[row : row + height, col : col + width] = mask
        assert pair["pixels"] == np.count_nonzero(common.all(0))
    model = json.loads((work / "regression.json").read_text())
    assert set(model) == {"a", "b", "c"}


@pytest.mark.parametrize("phase", [0.0, 0.4])
@pytest.mark.parametrize(
    "layout", [(), ("TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"), ("BLOCKYSIZE=1",)]
)
def test_every_source_pixel_is_decoded_at_most_twice(tiles, tmp_path, phase, layout):
    images = tiles(phase, options=layout)
    found = run(request(images, tmp_path))
    assert found.read_bytes <= 2.1 * source_bytes(images)


def test_vignetting_is_taken_away_in_the_same_two_readings(tiles, tmp_path, write):
    images, scene = [], ground()
    for name, (col, row, width, height) in BOXES.items():
        v, u = np.mgrid[0:height, 0:width]
        u, v = (2 * u + 1) / width - 1, (2 * v + 1) / height - 1
        part = scene[:, row : row + height, col : col + width] * GAINS[name]
        values = np.rint(part * (1 - 0.15 * (u**2 + v**2) / 2)).astype(np.uint16)
        images.append(write(f"{name}.tif", values, nodata=0, transform=place(col, row)))
    errors = {}
    for radiometry in ("global", "globallocal"):
        how = {"radiometry": radiometry, "rule": "first"}
        found = run(request(tuple(images), tmp_path, **how))
        values, valid = pixels(found.output)
        truth = scene[:, : valid.shape[0], : valid.shape[1]]
        ratio = values[:, valid] / truth[:, valid]
        errors[radiometry] = (ratio.std(1) / ratio.mean(1)).max()
    assert found.read_bytes <= 2.1 * source_bytes(images)
    # overlaps show the edges of images only, so that a part of the field stays unseen
    assert errors["global"] > 0.03 and errors["globallocal"] < 0.01
    told = json.loads((Path(found.work_folder) / "report.json").read_text())
    assert told["shading"][0]["accepted"]


@pytest.mark.parametrize("phase", [0.0, 0.4])
def test_windows_and_threads_do_not_change_a_pixel(tiles, tmp_path, phase):
    images = tiles(phase)
    expected = None
    for window, threads in ((0, 1), (128, 2), (250, 4), (512, 1), (2048, 2)):
        found = run(request(images, tmp_path, window_size=window, threads=threads))
        values = pixels(found.output)[0]
        expected = values if expected is None else expected
        assert np.array_equal(values, expected), (window, threads)


def test_images_of_another_crs_are_compared_and_cut_like_the_others(tiles, tmp_path):
    images = tiles()
    moved = str(tmp_path / "moved" / "b.tif")
    Path(moved).parent.mkdir()
    how = {"dstSRS": "EPSG:32632", "resampleAlg": "cubic", "xRes": 10, "yRes": 10}
    gdal.Warp(moved, images[1], **how)
    found = run(request((images[0], moved, images[2]), tmp_path))
    model = json.loads((Path(found.work_folder) / "regression.json").read_text())
    # relative to the level of all: 0.8 against 1 and 1.2; resampling smooths b a little
    gains = {name: entry["adjustments"]["band_0"]["scale"] for name, entry in model.items()}
    assert gains["a"] / gains["b"] == pytest.approx(0.8, rel=0.03)
    assert found.mean_difference_after < 1.0 < found.mean_difference_before
    assert found.hole_pixels == 0
    cells = ogr.Open(str(Path(found.work_folder) / "footprints.gpkg"))
    areas = {f.GetField("image"): f.GetField("valid_pixels") for f in cells.GetLayer(0)}
    plain = {name: np.count_nonzero(pixels(path)[1]) for name, path in zip("abc", images)}
    assert areas["b"] == pytest.approx(plain["b"], rel=0.02)


def test_images_skipped_does_not_count_what_the_run_wrote(tiles, tmp_path):
    tiles()
    output = str(tmp_path / "mosaic.tif")
    assert run(Request(images=(str(tmp_path),), output=output)).images_skipped == 0


def test_a_mask_in_the_work_folder_is_not_overwritten(tiles, tmp_path):
    images = tiles()
    first = run(request(images, tmp_path))
    mask = Path(first.work_folder) / "footprints.gpkg"
    before = mask.read_bytes()
    with pytest.raises(InvalidOption, match=r"overwrite the input footprints\.gpkg"):
        run(request(images, tmp_path, statistics_mask=str(mask)))
    assert mask.read_bytes() == before


def test_images_without_a_seam_cell_are_named(tiles, tmp_path, write, listen):
    images = tiles()
    twin = write("twin.tif", pixels(images[0])[0], nodata=0, transform=place(0, 0))
    heard = listen()
    run(request((*images, twin), tmp_path), heard)
    assert "No seam cell: twin covers the same ground as a." in heard.warnings


@pytest.mark.parametrize("after", [0, 3, 6, 12])
def test_a_cancelled_run_leaves_no_mosaic(tiles, tmp_path, listen, after):
    images = tiles()
    with pytest.raises(Cancelled):
        run(request(images, tmp_path, window_size=64), listen(cancel_after=after))
    left = list((tmp_path / "out").glob("*.tif")) if (tmp_path / "out").is_dir() else []
    assert left == []
    assert list(tmp_path.rglob("*.partial*")) == []


def test_a_work_folder_keeps_what_was_in_it(tiles, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "mine.txt").write_text("keep")
    found = run(request(tiles(), tmp_path, work_folder=str(work)))
    assert (work / "mine.txt").read_text() == "keep"
    assert found.work_folder == str(work)
    assert sorted(path.name for path in (work / "block_maps").glob("*.tif")) == [
        "a_local.tif",
        "b_local.tif",
        "c_local.tif",
        "reference.tif",
    ]
    assert sorted(path.name for path in work.iterdir()) == [
        "block_maps",
        "footprints.gpkg",
        "mine.txt",
        "pictures",
        "pipeline.json",
        "regression.json",
        "report.html",
        "report.json",
        "seamlines.gpkg",
    ]


def test_cells_of_a_file_are_followed(tiles, tmp_path):
    images = tiles()
    first = run(request(images, tmp_path))
    again = Request(
        images=images,
        output=str(tmp_path / "out" / "again.tif"),
        seams="file",
        seamlines=first.output_seamlines,
        build_overviews=False,
    )
    assert np.array_equal(pixels(run(again).output)[0], pixels(first.output)[0])


@pytest.mark.parametrize("rule", ["first", "mean", "feather"])
def test_without_models_it_is_a_merge(tiles, tmp_path, rule):
    images = tiles()
    found = run(request(images, tmp_path, radiometry="none", seams="none", rule=rule))
    merged = mergerasters.run(
        mergerasters.Request(images=images, rule=rule, output=str(tmp_path / "merged.tif"))
    )
    assert np.array_equal(pixels(found.output)[0], pixels(merged.output)[0])
    assert found.mean_difference_before is None
    assert found.hole_pixels is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"seams": "file"}, "Seams: file and a layer in SEAMLINES belong together"),
        ({"seamlines": "s.gpkg"}, "Seams: file and a layer in SEAMLINES belong together"),
        ({"rule": "mean"}, "Overlap rule: mean does not follow seams"),
        ({"rule": "lastt"}, "Overlap rule: 'lastt' is not one of"),
        ({"model_images": ("d",)}, 'MODEL_IMAGES names "d", which is not among the images'),
        ({"extent": (0, 1, 0, 1)}, "lies outside all images"),
        ({"output_nodata": -1}, "Nodata -1 cannot be stored as uint16"),
        ({"save_steps": ("globl",)}, "'globl' is not one of coregister, align, global"),
        ({"masks": "none/$.tif"}, "has none for a"),
    ],
)
def test_bad_options_give_a_sentence(tiles, tmp_path, options, sentence):
    images = tiles()
    with pytest.raises(InvalidOption, match=sentence):
        run(request(images, tmp_path, **options))
    assert not (tmp_path / "out" / "mosaic.tif").exists()


def test_the_output_may_not_be_an_input(tiles):
    images = tiles()
    with pytest.raises(InvalidOption, match=r"Output would overwrite the input a\.tif"):
        run(Request(images=images, output=images[0]))


def test_two_images_of_one_name_are_refused(tiles, tmp_path, write):
    images = tiles()
    twin = write("other/a.tif", np.ones((3, 5, 5), np.uint16))
    with pytest.raises(InvalidOption, match="have the same name"):
        run(request((*images, twin), tmp_path))


@pytest.mark.parametrize(
    "names",
    [
        ("l8_quebec_mosaic/mosaic_cog1.tif", "l8_quebec_mosaic/mosaic_cog2.tif"),
        ("l8_quebec_mosaic",),
        tuple(f"drone_brighton/DJI_00{number}.tif" for number in (18, 19, 25, 26)),
        ("naip_nd",),
    ],
)
def test_real_images_become_one_mosaic_without_holes(shared, tmp_path, names):
    found = run(request([str(shared / name) for name in names], tmp_path))
    values, valid = pixels(found.output)
    assert found.hole_pixels == 0
    assert found.covered == pytest.approx(valid.mean())
    assert found.mean_difference_after < found.mean_difference_before
    assert Path(found.report).stat().st_size < 2_000_000
    assert Path(found.output + ".orthoweave.json").exists()
    assert mosaicpipeline.NEEDS
