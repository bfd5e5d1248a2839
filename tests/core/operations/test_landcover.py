# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from orthoweave.core import cli
from orthoweave.core.deps import available
from orthoweave.core.errors import Cancelled, ImageIOError, InvalidOption, NoSolution
from orthoweave.core.landcover import spooling
from orthoweave.core.operations import landcover
from orthoweave.core.operations.landcover import Request
from orthoweave.core.progress import Progress
from osgeo import gdal

from . import theia
from .theia import Heard, asked

pytest.importorskip("scipy")
pytest.importorskip("shapely")

TUTORIAL = """
chain :
  output_path : '{out}'
  remove_output_path : True
  nomenclature_path : '{box}/nomenclature.txt'
  list_tile : 'T31TCJ T31TDJ'
  s2_path : '{box}/sensor_data'
  ground_truth : '{box}/vector_data/groundTruth.shp'
  data_field : 'code'
  spatial_resolution : 10
  color_table : '{folder}/colorFile.txt'
  proj : 'EPSG:32631'
  last_step: "validation"
arg_train :
  classifier : 'rf'
  otb_classifier_options : {{'classifier.rf.min': 5,'classifier.rf.max': 25 }}
arg_classification :
  classif_mode : 'separate'

    allowed_retry : 0
    maximum_ram : 60.0
    maximum_cpu : 12
"""

FINAL = (
    "Classif_Seed_0.tif",
    "Classif_Seed_0.qml",
    "Classif_Seed_0_ColorIndexed.tif",
    "Classif_Seed_0_ColorIndexed.qml",
    "Confidence_Seed_0.tif",
    "PixelsValidity.tif",
    "diff_seed_0.tif",
    "diff_seed_0.qml",
    "Confusion_Matrix_Classif_Seed_0.png",
    "RESULTS.txt",
    "RESULTS.json",
    "RESULTS.html",
    "AREAS.csv",
    "TMP/ClassificationResults_seed_0.txt",
    "TMP/Classif_Seed_0.csv",
    *(
        f"TMP/{tile}_{name}"
        for tile in theia.TILES
        for name in (
            "Cloud.tif",
            "GlobalConfidence_seed_0.tif",
            "seed_0_CompRef.tif",
            "seed_0.csv",
            "seed_0.tif",
        )
    ),
)

TREE = (
    "classif/Classif_T31TCJ_model_1_seed_0.tif",
    "classif/T31TCJ_model_1_confidence_seed_0.tif",
    "classif/MASK/MASK_region_1_T31TCJ.tif",
    "dataAppVal/T31TCJ_seed_0_learn.sqlite",
    "dataAppVal/T31TCJ_seed_0_val.sqlite",
    "envelope/T31TCJ.shp",
    "features/T31TCJ/nbView.tif",
    "features/T31TCJ/CloudThreshold_1.shp",
    "features/T31TCJ/tmp/MaskCommunSL.shp",
    "features/T31TCJ/tmp/MaskCommunSL.tif",
    "features/T31TCJ/tmp/Sentinel2_T31TCJ_reference.tif",
    "features/T31TCJ/tmp/Sentinel2_T31TCJ_input_dates.txt",
    "features/T31TCJ/tmp/Sentinel2_T31TCJ_interpolation_dates.txt",
    "formattingVectors/T31TCJ.shp",
    "learningSamples/class_statistics_seed0_learn.csv",
    "learningSamples/Samples_region_1_seed0_learn.sqlite",
    "learningSamples/T31TCJ_region_1_seed0_Samples_learn.sqlite",
    "logs/classification/classification_T31TCJ_model_1_seed_0.out",
    "logs/html/index.html",
    "logs/tasks_status_1.svg",
    "model/model_1_seed_0.owm",
    "samplesSelection/samples_region_1_seed_0.shp",
    "samplesSelection/samples_region_1_seed_0_outrates.csv",
    "shapeRegion/MyRegion_region_1_T31TCJ.shp",
    "shapeRegion/MyRegion_region_1_T31TCJ.tif",
    "MyRegion.shp",
    "groundTruth.shp",
    "tasks_status.json",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return theia.make(tmp_path_factory.mktemp("theia"))


@pytest.fixture(scope="module")
def plain(made, tmp_path_factory):
    """A finished run of the tutorial's configuration: its folder and result."""
    pytest.importorskip("cv2")
    folder = tmp_path_factory.mktemp("plain")
    out = folder / "Results"
    config = folder / "tutorial.cfg"
    shutil.copy(made.colors, folder)
    config.write_text(TUTORIAL.format(out=out, box=made.folder, folder=folder))
    return out, landcover.run(Request(config=str(config)))


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory):
    """A finished run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    landcover.run(asked(made, out, threads=1))
    return out


def pixels(path):
    return gdal.Open(str(path)).ReadAsArray()


def products(out):
    """Return the bytes of all final products that hold no time."""
    kinds = (".tif", ".txt", ".csv", ".png", ".qml")
    paths = (path for path in sorted((out / "final").rglob("*")) if path.suffix in kinds)
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def statuses(out):
    return json.loads((out / "tasks_status.json").read_text())["tasks"]


def test_the_tutorials_configuration_gives_every_product_under_its_name(plain):
    out, result = plain
    absent = [name for name in FINAL if not (out / "final" / name).is_file()]
    absent = [name for name in absent if available("matplotlib") or not name.endswith(".png")]
    absent += [name for name in TREE if not (out / name).is_file()]
    assert not absent
    assert result.tasks_skipped == 0


def test_the_log_says_which_model_learned_how_much(plain):
    out, _ = plain
    log = (out / "logs" / "learnModel" / "learning_model_1_seed_0.out").read_text()
    assert re.search(r"Model 1, run 0: rf learned 4 classes from [1-9]\d+ samples\.", log)


def test_the_map_is_right_where_it_was_ever_clear(plain, made):
    out, result = plain
    found = pixels(out / "final" / "Classif_Seed_0.tif")
    assert found.shape == made.truth.shape
    clear = pixels(out / "final" / "PixelsValidity.tif") > 0
    assert (found[:2] == 0).all()
    assert ((found > 0) == clear).all()
    # noise of 60 on classes that differ by far more; clouds leave one date at least
    assert (found == made.truth)[clear].mean() > 0.97
    assert result.accuracy > 0.95


def test_the_confidence_and_the_colors_belong_to_the_map(plain):
    out, _ = plain
    labels = pixels(out / "final" / "Classif_Seed_0.tif")
    sure = pixels(out / "final" / "Confidence_Seed_0.tif")
    assert (sure[labels == 0] == 0).all()
    assert sure[labels > 0].min() > 20 and sure.max() <= 100
    table = gdal.Open(str(out / "final" / "Classif_Seed_0_ColorIndexed.tif"))
    colors = table.GetRasterBand(1).GetColorTable()
    assert colors.GetColorEntry(34)[:3] == (90, 190, 90)
    right = pixels(out / "final" / "diff_seed_0.tif")
    assert set(np.unique(right)) <= {0, 1, 2, 3, 4}
    assert (right[right > 0] % 2 == 0).mean() > 0.95


def test_no_polygon_learns_and_validates(plain):
    out, _ = plain

    def numbers(part):
        found = set()
        for tile in theia.TILES:
            file = gdal.OpenEx(str(out / "dataAppVal" / f"{tile}_seed_0_{part}.sqlite"))
            found |= {row.GetField("originfid") for row in file.GetLayer(0)}
        return found

    assert numbers("learn") and numbers("val")
    assert not numbers("learn") & numbers("val")


def steps_of(out):
    """Return the names of the steps of a run in the order in which they began."""
    folders = [path for path in (out / "logs").iterdir() if path.is_dir() and path.name != "html"]
    began = {path.name: min(one.stat().st_mtime for one in path.iterdir()) for path in folders}
    return sorted(began, key=began.get)


class Killed(BaseException):
    """The process is gone."""


class Killing(Progress):
    """Ends the run while, or just after, the first task of a step runs."""

    def __init__(self, out, step):
        self.place = out / "logs" / step

    def advance(self, fraction):
        if self.place.exists():
            raise Killed

    info = phase = advance


def test_killed_in_each_step_and_resumed_gives_the_same_bytes(whole, made, tmp_path):
    out = tmp_path / "again"
    request = asked(made, out, threads=2)
    order = steps_of(whole)
    assert len(order) == 18
    for step in order:
        with pytest.raises(Killed):
            landcover.run(request, Killing(out, step))
    landcover.run(request)
    assert products(out) == products(whole)


def test_nothing_runs_twice_and_a_touched_color_file_only_makes_the_mosaic(plain):
    out, first = plain
    folder = out.parent
    config, colors = folder / "tutorial.cfg", folder / "colorFile.txt"
    config.write_text(config.read_text().replace("output_path : True", "output_path : False"))
    assert landcover.run(Request(config=str(config))).tasks_done == 0
    colors.write_text(colors.read_text().replace("41 200 60 60", "41 1 2 3"))
    again = landcover.run(Request(config=str(config)))
    assert (again.tasks_done, again.tasks_skipped) == (1, first.tasks_done - 1)
    table = gdal.Open(str(out / "final" / "Classif_Seed_0_ColorIndexed.tif"))
    assert table.GetRasterBand(1).GetColorTable().GetColorEntry(41)[:3] == (1, 2, 3)


def test_regions_have_models_and_large_ones_several(made, tmp_path):
    regions = tmp_path / "EcoRegion.shp"
    theia.write_regions(regions)
    out = tmp_path / "out"
    wide = {
        "regions": str(regions),
        "fusion": "fusion",
        "fusion_area": 0.8,
        "runs": 2,
        "ratio": 0.6,
        "merge_runs": True,
        "probability": True,
        "last_step": "statistics",
    }
    landcover.run(asked(made, out, **wide))
    models = sorted(path.name for path in (out / "model").iterdir())
    assert models == [
        f"model_{name}_seed_{run}.owm" for name in ("eastf1", "eastf2", "west") for run in (0, 1)
    ]
    # the west lies in the first tile only
    assert not (out / "classif" / "Classif_T31TDJ_model_west_seed_0.tif").exists()
    found = pixels(out / "final" / "Classifications_fusion.tif")
    clear = pixels(out / "final" / "PixelsValidity.tif") > 0
    assert (found == made.truth)[clear].mean() > 0.9
    chances = gdal.Open(str(out / "final" / "ProbabilityMap_seed_1.tif"))
    assert [chances.GetRasterBand(b).GetDescription() for b in range(1, 5)] == [
        "crop",
        "grassland",
        "urban",
        "water",
    ]
    sums = chances.ReadAsArray().astype(int).sum(0)
    assert abs(sums[pixels(out / "final" / "Classif_Seed_1.tif") > 0] - 1000).max() <= 2
    last = ("vectors/Classifications_fusion.gpkg", "vectors/Classifications_fusion_statistics.csv")
    figures = ("fusionConfusion.png",) if available("matplotlib") else ()
    for name in ("RESULTS_seeds.txt", *figures, *last):
        assert (out / "final" / name).is_file()
    assert "Fusion" in (out / "final" / "RESULTS.txt").read_text()


@pytest.mark.noisy
def test_a_tile_that_fails_leaves_the_other_one_done(made, tmp_path):
    box, out = tmp_path / "box", tmp_path / "out"
    shutil.copytree(made.sensors, box)
    product = box / "T31TDJ" / made.product("T31TDJ", 1).name
    (broken,) = product.glob("*_FRE_B4.tif")
    broken.write_bytes(broken.read_bytes()[:5000])
    with pytest.raises(NoSolution, match="preprocessing_T31TDJ"):
        landcover.run(asked(made, out, images=(str(box),)))
    done = set(statuses(out))
    assert "validity_raster_T31TCJ" in done and "common_mask_T31TCJ" in done
    page = (out / "logs" / "html" / "index.html").read_text()
    assert "#b3261e" in page and "not reached" in page
    assert (out / "logs.zip").is_file()


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(made, tmp_path):
    heard = Heard()
    landcover.run(asked(made, tmp_path / "out", dry_run=True), heard)
    assert not (tmp_path / "out").exists()
    assert any(text.startswith("Space:") for text in heard.infos)
    assert sum(text.startswith("Step ") for text in heard.infos) == 18


def test_a_full_disk_is_refused_with_both_figures(made, tmp_path, monkeypatch):
    usage = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ImageIOError, match="needs about .* kB on disk; 1 kB are free in"):
        landcover.run(asked(made, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"output_folder": None}, r"Output folder \(OUTPUT_FOLDER\) is missing"),
        ({"merge_runs": True}, "there is only one; give RUNS 2 or more"),
        ({"tiles": "T31TCJ T99ABC"}, "T99ABC not found in the images; there are T31TCJ, T31TDJ"),
        ({"field": "kind"}, "has no field 'kind'"),
        ({"sensor_fusion": True}, r"T31TCJ has no radar \(Sentinel-1\) images"),
        ({"first_step": "learning"}, "needs .* files of earlier steps"),
        ({"polygons": None}, r"Reference polygons \(POLYGONS\) is missing"),
    ],
)
def test_bad_input_gives_its_sentence(made, tmp_path, changes, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        landcover.run(asked(made, tmp_path / "out", **changes))


@pytest.mark.filterwarnings("ignore")
def test_two_dask_workers_give_the_same_bytes(whole, made, dask, tmp_path):
    pytest.importorskip("matplotlib")  # hidden here, the workers would still have it
    out = tmp_path / "cluster"
    done = landcover.run(asked(made, out, threads=1, scheduler=dask))
    assert done.tasks_done == 34
    assert products(out) == products(whole)


def test_the_command_line_of_iota2_is_understood(made, tmp_path):
    out, config = tmp_path / "out", tmp_path / "tutorial.cfg"
    config.write_text(TUTORIAL.format(out=out, box=made.folder, folder=made.folder))
    given = ["-config", str(config), "-ending_step", "3", "-scheduler_type", "localCluster"]
    assert cli.main(["landcover", *given]) == 0
    assert (out / "features" / "T31TDJ" / "nbView.tif").is_file()
    assert not (out / "envelope" / "T31TCJ.shp").exists()


def test_what_others_put_into_the_folder_survives_cleaning(made, tmp_path):
    out = tmp_path / "out"
    landcover.run(asked(made, out, last_step="init"))
    (out / "final" / "mine.txt").write_text("mine")
    changed = out / "features" / "T31TCJ" / "nbView.tif"
    changed.write_bytes(b"mine too")
    done = landcover.run(asked(made, out, last_step="init", clean=True, dry_run=True))
    assert done.tasks_done == 0 and (out / "features" / "T31TDJ" / "nbView.tif").is_file()
    again = landcover.run(asked(made, out, last_step="init", clean=True))
    assert again.tasks_skipped == 0
    assert (out / "final" / "mine.txt").read_text() == "mine"


def test_features_alone_become_one_image_and_serve_as_images(made, tmp_path):
    out = tmp_path / "out"
    landcover.run(asked(made, out, builder="features", last_step="init"))
    found = gdal.Open(str(out / "final" / "features_map.tif"))
    # three dates, every ten days, of ten bands and three indices
    assert found.RasterCount == 39
    assert found.GetRasterBand(31).GetDescription() == "sentinel2_ndvi_20180511"
    assert (found.RasterXSize, found.RasterYSize) == made.truth.shape[::-1]
    image = out / "features" / "T31TCJ" / "T31TCJ_features.tif"
    again = asked(made, tmp_path / "one", images=(str(image),))
    assert landcover.run(again).accuracy > 0.8


def test_text_labels_get_numbers_and_a_nomenclature(made, tmp_path):
    named = tmp_path / "named.gpkg"
    names = {11: "crop", 34: "grass", 41: "built", 211: "water"}
    cases = " ".join(f"WHEN {label} THEN '{name}'" for label, name in names.items())
    select = f"SELECT CASE code {cases} END AS kind, geometry FROM groundTruth"
    gdal.VectorTranslate(str(named), str(made.polygons), options=f'-sql "{select}" -dialect sqlite')
    out = tmp_path / "out"
    done = landcover.run(
        asked(
            made,
            out,
            polygons=str(named),
            field="kind",
            nomenclature=None,
            colors=None,
            resolution=20,
        )
    )
    assert (out / "nomenclature.txt").read_text() == "built:1\ncrop:2\ngrass:3\nwater:4\n"
    assert "built" in (out / "final" / "RESULTS.txt").read_text()
    assert done.accuracy > 0.9


def test_cancelling_leaves_finished_tasks_and_no_partial_file(made, tmp_path):
    out = tmp_path / "out"

    class Stopping(Progress):
        def cancelled(self):
            return (out / "logs" / "PixelValidity").exists()

    with pytest.raises(Cancelled):
        landcover.run(asked(made, out), Stopping())
    assert "common_mask_T31TCJ" in statuses(out)
    assert not list(out.rglob("*.partial*"))
    assert not (out / ".orthoweave.lock").exists()


def test_features_of_a_large_series_come_from_areas_on_disk(whole, made, monkeypatch):
    plan = landcover.planned(*landcover.resolved(asked(made, whole)))
    window = plan.tiles[0].grid.window
    direct = plan.features(plan.tiles[0])
    monkeypatch.setattr(spooling, "WORTH", 0)
    below = image = plan.features(plan.tiles[0])
    kinds = []
    while hasattr(below, "source"):
        kinds.append(type(below).__name__)
        below = below.source
    assert "Spooled" in kinds
    np.testing.assert_array_equal(image.read(window).values, direct.read(window).values)
