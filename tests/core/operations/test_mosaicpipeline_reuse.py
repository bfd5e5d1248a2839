# SPDX-License-Identifier: GPL-2.0-or-later
"""What a second run of the pipeline tells, and what it refuses before any work."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption, NoSolution
from orthoweave.core.mosaicking.sentences import in_words
from orthoweave.core.operations.mosaicpipeline import Request, run
from orthoweave.core.progress import SILENT
from orthoweave.core.raster import open_image
from orthoweave.core.requests import coregisterset
from orthoweave.core.vector import Feature, write_layers
from orthoweave.core.vector.layers import Layer
from osgeo import gdal, ogr

pytest.importorskip("shapely")
pytest.importorskip("scipy")

PIXEL = 10.0
OWN_TO_A_RUN = ("models", "steps", "read_bytes", "peak_memory_mb")
"""What differs from run to run by its nature: what was computed, and what that cost."""


def place(col, row=0, size=PIXEL):
    return (500000.0 + PIXEL * col, size, 0.0, 5000000.0 - PIXEL * row, 0.0, -size)


def scene(rows, cols, seed=4):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols] / 25.0
    waves = sum(np.sin(rng.uniform(-3, 3) * x + rng.uniform(-3, 3) * y) for _ in range(6))
    return 1000 + 60 * waves + 8 * rng.standard_normal((rows, cols))


@pytest.fixture
def pair(write):
    """Write two images of one scene, b darker and twice as many columns to the right."""
    ground = scene(160, 280)
    parts = {"a": (0, 1.0), "b": (100, 0.8)}
    return tuple(
        write(
            f"{name}.tif",
            np.rint(ground[None, :, col : col + 180] * gain).astype(np.uint16),
            nodata=0,
            transform=place(col),
        )
        for name, (col, gain) in parts.items()
    )


def go(images, tmp_path, progress=SILENT, **how):
    how = {"build_overviews": False, **how}
    return run(Request(images=images, output=str(tmp_path / "out" / "m.tif"), **how), progress)


def valid_pixels(path):
    dataset = gdal.Open(str(path))
    return np.count_nonzero(dataset.GetRasterBand(1).GetMaskBand().ReadAsArray())


def told(result):
    report = json.loads((Path(result.work_folder) / "report.json").read_text())
    for name in OWN_TO_A_RUN:
        report.pop(name)
    report["coverage"].pop("Bytes of pixels read")
    return report


def figures(result):
    """Return the titles of a report's figures, and whether it warns."""
    page = Path(result.report).read_text(encoding="utf-8")
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_a_resumed_run_reports_the_same_as_the_first_one(pair, tmp_path, listen):
    first, again = listen(), listen()
    request = Request(images=pair, output=str(tmp_path / "out" / "m.tif"), build_overviews=False)
    one = run(request, first)
    numbers, titles = told(one), figures(one)
    two = run(request, again)
    assert told(two) == numbers
    assert figures(two) == titles
    assert {"Seams", "Before and after"} <= set(titles)
    assert again.warnings == first.warnings
    states = json.loads((Path(two.work_folder) / "report.json").read_text())["models"]
    assert set(states.values()) == {"reused"}


def test_another_field_name_makes_outlines_and_cells_again(pair, tmp_path):
    go(pair, tmp_path)
    found = go(pair, tmp_path, image_field_name="bild")
    layer = ogr.Open(found.output_seamlines)
    assert layer.GetLayer(0).GetNextFeature().GetField("bild") in ("a", "b")


def test_a_finer_image_wins_where_nothing_else_decides(write, tmp_path, listen):
    ground = scene(120, 240)
    fine = np.rint(ground[None, :, :160]).astype(np.uint16)
    blocks = ground[:, 40:240].reshape(30, 4, 50, 4).mean((1, 3))
    paths = (
        write("coarse.tif", np.rint(blocks)[None].astype(np.uint16), transform=place(40, 0, 40.0)),
        write("fine.tif", fine, transform=place(0)),
    )
    progress = listen()
    found = run(
        Request(
            images=paths,
            output=str(tmp_path / "m.tif"),
            build_overviews=False,
            settings={"leastcostseamlines": {"BORDER": 0}},
        ),
        progress,
    )
    dataset = ogr.Open(found.output_seamlines)
    areas = {f.GetField("image"): f.GetField("area") for f in dataset.GetLayer(0)}
    # the fine image covers 160 × 120 px, of which the coarse one sees 120 columns too
    assert areas["fine"] > 0.97 * 160 * 120 * PIXEL**2
    assert any("shown where finer images are not: coarse" in text for text in progress.infos)


def test_images_of_the_same_ground_tell_why_seams_have_no_numbers(write, tmp_path, listen):
    ground = scene(90, 90)[None]
    paths = tuple(
        write(f"{name}.tif", np.rint(ground + step).astype(np.uint16), transform=place(0))
        for name, step in (("a", 0), ("b", 30))
    )
    progress = listen()
    found = run(
        Request(images=paths, output=str(tmp_path / "m.tif"), build_overviews=False), progress
    )
    assert found.seam_visibility is None
    assert any("no seams" in text for text in progress.infos)
    assert "no seams" in Path(found.report).read_text(encoding="utf-8")


def test_cells_of_a_layer_have_a_length_and_cut_the_saved_images(pair, tmp_path):
    laid = go(pair, tmp_path)
    given = run(
        Request(
            images=pair,
            output=str(tmp_path / "b" / "m.tif"),
            seams="file",
            seamlines=laid.output_seamlines,
            save_steps=("mask",),
            build_overviews=False,
        )
    )
    assert given.seam_length == pytest.approx(laid.seam_length)
    kept = 0
    for name in ("a", "b"):
        kept += valid_pixels(Path(given.work_folder) / f"{name}_Mask.tif")
    assert kept == valid_pixels(given.output)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"masks": "{here}/*_CloudMask.tif"}, r"Write \$ where the image's name stands"),
        ({"masks": "{here}/$_*.tif"}, r"only \$ stands for something"),
        ({"masks": "{here}/a.tif"}, "is one raster, but every image has a mask of its own"),
        ({"masks": "{here}/nothing"}, "there is no file and no folder"),
        ({"masks": "{here}/x.tif;{here}/y.tif"}, "Instead of a list"),
        ({"masks": "{here}/$_none.tif"}, "has none for a, nor for other images"),
        ({"output": "{here}/dir"}, "is a folder"),
        ({"report": "{here}/out/m.tif"}, "would both be written as m.tif"),
        ({"work_folder": "{here}/a.tif"}, "is a file|cannot be created"),
        ({"work_folder": "{here}/a|b"}, "name of a layer"),
        ({"work_folder": "{here}/out/m.tif"}, "is the mosaic too"),
        ({"creation_options": "COMPRESS=FOO"}, "FOO"),
        ({"settings": {"alignrasters": {"REFERENCE": "a.tif"}}}, "no effect here"),
        ({"settings": {"leastcostseamlines": {"BANDS": [9]}}}, "there is no band 9"),
        ({"settings": {"leastcostseamlines": {"OBSTACLES": "/no/such.gpkg"}}}, "no file"),
        ({"settings": {"leastcostseamlines": {"PRIORITY": "__import__(1)"}}}, "__import__"),
        ({"settings": {"leastcostseamlines": {"BORDER": "abc"}}, "seams": "voronoi"}, "abc"),
        ({"settings": {"globalregression": {"OUTPUT_TYPE": "float32"}}}, "cannot be set"),
        ({"save_steps": ("mask",), "seams": "none", "rule": "mean"}, "mask needs seam cells"),
    ],
)
def test_what_would_end_a_run_is_refused_before_it(options, sentence, pair, tmp_path, monkeypatch):
    (tmp_path / "dir").mkdir()
    here = str(Path(pair[0]).parent)

    def filled(value):
        return value.replace("{here}", here) if isinstance(value, str) else value

    options = {name: filled(value) for name, value in options.items()}
    output = options.pop("output", str(Path(here) / "out" / "m.tif"))
    (Path(here) / "dir").mkdir(exist_ok=True)
    monkeypatch.setattr(
        "orthoweave.core.operations.mosaicpipeline.in_place",
        lambda *_: pytest.fail("work was begun"),
    )
    with pytest.raises(InvalidOption, match=sentence):
        run(Request(images=pair, output=output, **options))


def test_images_without_any_valid_pixel_get_a_sentence(write, tmp_path):
    empty = np.zeros((1, 40, 40), np.uint16)
    paths = tuple(
        write(f"{name}.tif", empty, nodata=0, transform=place(col))
        for name, col in (("a", 0), ("b", 20))
    )
    with pytest.raises(NoSolution, match="No image has a valid pixel"):
        go(paths, tmp_path)


def test_classes_of_masks_may_be_given_as_text(pair, write, tmp_path):
    for name in ("a", "b"):
        cloud = np.zeros((1, 160, 180), np.uint8)
        if name == "a":
            cloud[:, 60:100, 120:160] = 5
        write(f"{name}_CloudMask.tif", cloud, transform=place(0 if name == "a" else 100))
    masks = str(Path(pair[0]).parent / "$_CloudMask.tif")
    found = [
        go(
            pair,
            tmp_path / str(number),
            masks=masks,
            settings={"leastcostseamlines": {"MASK_VALUES": values}},
        )
        for number, values in enumerate(("5", [5]))
    ]
    values = [gdal.Open(one.output).ReadAsArray() for one in found]
    assert np.array_equal(*values)


def test_an_image_all_under_its_mask_gets_a_sentence_that_names_the_mask(
    pair, write, tmp_path, listen
):
    for number, name in enumerate("ab"):
        cloud = np.full((1, 160, 180), 1 - number, np.uint8)
        write(f"{name}_CloudMask.tif", cloud, transform=place(100 * number))
    heard = listen()
    masks = str(Path(pair[0]).parent / "$_CloudMask.tif")
    go(pair, tmp_path, heard, radiometry="global", masks=masks)
    said = [text for text in heard.warnings if "copied unchanged" in text]
    assert len(said) == 1, heard.warnings
    assert said[0].startswith("a.tif has no valid pixels outside its mask, so nothing")


def test_a_coarse_image_inside_a_finer_one_does_not_hide_it(write, tmp_path):
    ground = scene(160, 160)
    inside = ground[40:120, 40:120].reshape(20, 4, 20, 4).mean((1, 3))
    paths = (
        write("fine.tif", np.rint(ground)[None].astype(np.uint16), transform=place(0)),
        write("coarse.tif", np.rint(inside)[None].astype(np.uint16), transform=place(40, 40, 40.0)),
    )
    found = go(paths, tmp_path)
    dataset = ogr.Open(found.output_seamlines)
    assert [f.GetField("image") for f in dataset.GetLayer(0)] == ["fine"]


def test_models_of_a_run_that_was_killed_are_no_edits(pair, tmp_path, listen, monkeypatch):
    fresh = go(pair, tmp_path / "fresh", radiometry="global")
    go(pair, tmp_path, radiometry="global")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("orthoweave.core.mosaicking.journal.Journal.finish", killed)
        with pytest.raises(KeyboardInterrupt):
            go(pair, tmp_path, radiometry="global", model_images=("b",))
    progress = listen()
    output = str(tmp_path / "out" / "m.tif")
    again = run(
        Request(images=pair, output=output, build_overviews=False, radiometry="global"), progress
    )
    assert not any("edited" in text for text in progress.warnings)
    assert again.mean_seam_cost == fresh.mean_seam_cost
    values = [gdal.Open(one.output).ReadAsArray() for one in (fresh, again)]
    assert np.array_equal(*values)


def test_other_blocks_give_what_a_fresh_run_gives(pair, tmp_path):
    go(pair, tmp_path)
    settings = {"localblockadjustment": {"NUMBER_OF_BLOCKS": "25"}}
    found = [go(pair, tmp_path, settings=settings), go(pair, tmp_path / "fresh", settings=settings)]
    models = [json.loads((Path(one.work_folder) / "regression.json").read_text()) for one in found]
    assert models[0] == models[1]


def test_a_report_that_cannot_be_written_ends_the_run_before_it_begins(pair, tmp_path):
    with pytest.raises(ImageIOError, match=r"/proc"):
        go(pair, tmp_path, report="/proc/report.html")
    assert not (tmp_path / "out" / "m.tif").exists()


def test_a_disk_that_is_too_small_is_known_before_the_images_are_read(pair, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_010_000))
    monkeypatch.setattr(
        "orthoweave.core.operations.mosaicpipeline.estimate",
        lambda *_: pytest.fail("the images were read"),
    )
    # 280 × 160 × 2 bytes × 0.3, and 1 MB for the models on the same disk
    with pytest.raises(ImageIOError, match="This run needs about 1.03 MB on disk; 1.01 MB are fr"):
        go(pair, tmp_path)


def test_a_run_that_fails_leaves_no_empty_folder(pair, tmp_path):
    with open(pair[1], "r+b") as file:
        file.seek(0, 2)
        file.truncate(file.tell() * 3 // 4)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ImageIOError):
        go(pair, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_images_apart_from_each_other_are_left_where_they_are(write, tmp_path, listen):
    ground = np.rint(scene(90, 90))[None].astype(np.uint16)
    paths = tuple(
        write(f"{name}.tif", ground, nodata=0, transform=place(col))
        for name, col in (("a", 0), ("b", 200))
    )
    for state in ("computed", "reused"):
        progress = listen()
        output = str(tmp_path / "out" / "m.tif")
        found = run(
            Request(images=paths, output=output, coregister=True, build_overviews=False), progress
        )
        assert "No two images overlap: all stay where they are." in progress.warnings
        assert valid_pixels(found.output) == 2 * 90 * 90
        told = json.loads((Path(found.work_folder) / "report.json").read_text())
        assert set(told["models"].values()) == {state}


def test_sentences_name_options_that_the_pipeline_has(pair, tmp_path):
    square = ogr.CreateGeometryFromWkt("POLYGON ((500000 0, 500900 0, 500000 5000000, 500000 0))")
    feature = Feature(bytes(square.ExportToWkb()), {"image": "a"})
    crs = open_image(pair[0]).grid.crs
    layer = Layer("masks", "Polygon", crs, (("image", "string"),), [feature])
    layer_of_one = write_layers(str(tmp_path / "one.gpkg"), [layer])
    with pytest.raises(InvalidOption, match=r"Check STATISTICS_MASK_FIELD, or use STATISTICS_"):
        go(pair, tmp_path, statistics_mask=layer_of_one, statistics_mask_field="image")
    steps = {"coregisterset": coregisterset.Request}
    text = in_words("Lower MIN_OVERLAP_FRACTION or THREADS.", Request, steps, {})
    assert text.endswith('stands in SETTINGS: {"coregisterset": {"MIN_OVERLAP_FRACTION": …}}.')
    assert in_words("Lower MEMORY or THREADS.", Request, steps, {}) == "Lower MEMORY or THREADS."


def test_options_that_change_values_are_told(pair, tmp_path, listen):
    for options, said in (("NBITS=12", True), ("COMPRESS=LZW", False), ("NBITS=16", False)):
        progress = listen()
        output = str(tmp_path / "out" / "m.tif")
        run(Request(images=pair, output=output, creation_options=options), progress)
        assert any("other values" in text for text in progress.warnings) == said
    with pytest.raises(InvalidOption, match="NBITS is 'abc', which is no number"):
        go(pair, tmp_path, creation_options="NBITS=abc")


def test_the_report_tells_how_images_were_put_in_place(pair, write, tmp_path, listen):
    pytest.importorskip("cv2")
    pages = [figures(go(pair, tmp_path, coregister=True, radiometry="none")) for _ in range(2)]
    assert pages[0] == pages[1]
    assert "Images put in place: pairs, worst first" in pages[0]
    assert "Images put in place: graph of the images" in pages[0]
    lonely = write("c.tif", np.full((1, 50, 50), 9, np.uint16), nodata=0, transform=place(900))
    heard = listen(), listen()
    for progress in heard:
        request = {"coregister": True, "radiometry": "none", "seams": "none", "rule": "last"}
        run(
            Request(images=(*pair, lonely), output=str(tmp_path / "c" / "m.tif"), **request),
            progress,
        )
    assert (
        heard[0].warnings
        == heard[1].warnings
        == ["Without tie points, and so left where they are: c.tif."]
    )
