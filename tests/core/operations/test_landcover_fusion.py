# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import shutil

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.operations import landcover
from orthoweave.core.operations.chain.plan import planned
from orthoweave.core.operations.chain.sensing import seen_of, views
from orthoweave.core.operations.landcover import Request
from orthoweave.core.windows import Window
from orthoweave.core.workflow.iota2 import Configured
from osgeo import gdal

from . import radar, theia
from .test_landcover import Heard, Killed, Killing, pixels, products, statuses

pytest.importorskip("scipy")
pytest.importorskip("shapely")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return radar.make(tmp_path_factory.mktemp("both"), patch)


def asked(made, out, **changes):
    values = {
        "images": (str(made.optical.sensors), str(made.radar)),
        "polygons": str(made.optical.polygons),
        "field": "code",
        "nomenclature": str(made.optical.nomenclature),
        "classifier": "maxlik",
        "output_folder": str(out),
        "sensor_fusion": True,
    }
    return Request(**{**values, **changes})


@pytest.fixture(scope="module")
def fused(made, tmp_path_factory):
    """A finished run of both sensors: its folder and result."""
    out = tmp_path_factory.mktemp("fused") / "out"
    return out, landcover.run(asked(made, out, threads=1, probability=True))


def test_the_fused_map_is_better_than_what_either_sensor_sees(fused, made):
    out, result = fused
    truth, right = made.optical.truth, {}
    for part in ("_SAR", "_OPT", ""):
        hits = seen = 0
        for tile, left in theia.TILES.items():
            path = out / "classif" / f"Classif_{tile}_model_1_seed_0{part}.tif"
            labels = pixels(path)
            known = labels > 0
            hits += (labels == truth[:, left : left + theia.SIDE])[known].sum()
            seen += known.sum()
        right[part] = hits / seen
    # each sensor guesses between two of four classes: 1/2 of a half is lost
    assert right["_SAR"] < 0.85 and right["_OPT"] < 0.85
    # a pair is told apart by the sensor that sees it; speckle leaves some pixels wrong
    assert right[""] > 0.95
    assert result.accuracy > 0.95


def test_the_choice_says_which_sensor_decided(fused, made):
    out, _ = fused
    found = pixels(out / "final" / "TMP" / "DSchoice_T31TCJ_model_1_seed_0.tif")
    labels = pixels(out / "classif" / "Classif_T31TCJ_model_1_seed_0.tif")
    maps = [
        pixels(out / "classif" / f"Classif_T31TCJ_model_1_seed_0_{part}.tif") == labels
        for part in ("SAR", "OPT")
    ]
    wanted = np.select([maps[0] & maps[1], maps[0], maps[1]], [1, 2, 3])
    assert (found == np.where(labels > 0, wanted, 0)).all()
    truth = made.optical.truth[:, : theia.SIDE]
    # where the two disagree, crops are decided by radar and water by the optical sensor
    assert (found == 2)[np.isin(truth, (11, 34))].sum() > 5 * (found == 3)[truth == 11].sum()
    assert (found == 3)[truth == 211].sum() > 5 * (found == 2)[truth == 211].sum()


def test_all_products_of_other_runs_are_there_and_confusions_are_of_learning_polygons(fused):
    out, _ = fused
    names = ("Classif_Seed_0.tif", "Confidence_Seed_0.tif", "RESULTS.txt", "diff_seed_0.tif")
    assert all((out / "final" / name).is_file() for name in names)
    chances = gdal.Open(str(out / "final" / "ProbabilityMap_seed_0.tif"))
    assert chances.RasterCount == 4
    models = sorted(path.name for path in (out / "model").iterdir())
    assert models == ["model_1_seed_0_OPT.owm", "model_1_seed_0_SAR.owm"]
    text = (out / "dataAppVal" / "bymodels" / "model_1_seed_0_SAR.csv").read_text()
    counted = sum(int(n) for line in text.splitlines()[2:] for n in line.split(","))
    table = (out / "learningSamples" / "class_statistics_seed0_learn.csv").read_text()
    assert counted == sum(int(line.rsplit(",", 1)[1]) for line in table.splitlines()[1:])


def test_each_model_reads_its_images_only_and_sees_what_samples_were_taken_of(fused, made):
    out, _ = fused
    plan = planned(asked(made, out), Configured())
    tile, window = plan.tiles[0], Window(5, 0, 40, 30)
    whole = plan.features(tile)
    values = dict(zip(whole.band_names, whole.read(window).values))
    names = []
    for view in views(plan):
        image = seen_of(view, view.features(tile))
        read = {name.partition("_")[0] for name in image.source.source.band_names}
        assert read == {"sentinel1" if view.seeing == "SAR" else "sentinel2"}
        for name, band in zip(image.band_names, image.read(window).values):
            assert (band == values[name]).all()
        names += image.band_names
    # two dates of VV, VH and brightness, three of ten bands and three indices
    assert sorted(names) == sorted(values) and len(names) == 6 + 39


def test_killed_and_resumed_with_other_threads_gives_the_same_bytes(fused, made, tmp_path):
    out, _ = fused
    again = tmp_path / "again"
    request = asked(made, again, threads=2, probability=True)
    for step in ("learnModel", "confusionSarOpt", "fusion"):
        with pytest.raises(Killed):
            landcover.run(request, Killing(again, step))
    done = landcover.run(request)
    assert 0 < done.tasks_skipped < len(statuses(again))
    assert products(again) == products(out)


def test_the_plan_lists_both_models_and_their_fusion(made, tmp_path):
    heard = Heard()
    landcover.run(asked(made, tmp_path / "out", dry_run=True, runs=2), heard)
    steps = [text for text in heard.infos if text.startswith("Step ")]
    assert any("learnModel, 4 tasks (learning_model_1_seed_0_SAR, " in text for text in steps)
    assert any("confusionSarOpt, 4 tasks" in text for text in steps)
    assert any("fusion, 4 tasks" in text for text in steps)


def test_a_configuration_asks_for_it(made, tmp_path):
    config = tmp_path / "fusion.cfg"
    config.write_text(
        f"chain :\n  output_path : '{tmp_path}/out'\n  s2_path : '{made.optical.sensors}'\n"
        f"  s1_path : '{made.radar}'\n  ground_truth : '{made.optical.polygons}'\n"
        "  data_field : 'code'\narg_train :\n  dempster_shafer_sar_opt_fusion : True\n"
    )
    heard = Heard()
    landcover.run(Request(config=str(config), dry_run=True), heard)
    assert any("confusionSarOpt" in text for text in heard.infos)


def test_a_configuration_of_radar_processing_is_not_taken_for_images(made, tmp_path):
    config, other = tmp_path / "fusion.cfg", tmp_path / "SensorS1.cfg"
    other.write_text("[Paths]\noutput = .\n")
    config.write_text(
        f"chain :\n  output_path : '{tmp_path}/out'\n  s1_path : '{other}'\n"
        f"  ground_truth : '{made.optical.polygons}'\n  data_field : 'code'\n"
    )
    with pytest.raises(InvalidOption, match=r"SensorS1.cfg .* Give the folder of the results"):
        landcover.run(Request(config=str(config), dry_run=True))


def test_images_of_both_orbits_are_told(made, tmp_path):
    box, heard = tmp_path / "s1", Heard()
    shutil.copytree(made.radar, box)
    (one,) = (box / "31TCJ").glob("*_vh_*0512*")
    one.rename(str(one).replace("_DES_", "_ASC_"))
    both = (str(made.optical.sensors), str(box))
    landcover.run(asked(made, tmp_path / "out", images=both, dry_run=True), heard)
    assert any("31TCJ holds images of ascending and descending" in text for text in heard.warnings)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"auto_context": 1}, "one of SENSOR_FUSION and AUTO_CONTEXT"),
        ({"builder": "objects"}, "it needs BUILDER classification, not objects"),
    ],
)
def test_combinations_without_sense_get_a_sentence(made, tmp_path, changes, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        landcover.run(asked(made, tmp_path / "out", **changes))


def test_a_tile_without_radar_or_optical_images_is_refused(made, tmp_path):
    with pytest.raises(InvalidOption, match=r"T31TCJ has no radar \(Sentinel-1\) images"):
        landcover.run(asked(made, tmp_path / "out", images=(str(made.optical.sensors),)))
    some = tmp_path / "s1"
    shutil.copytree(made.radar / "31TDJ", some / "31TDJ")
    both = (str(made.optical.sensors), str(some))
    with pytest.raises(InvalidOption, match="T31TCJ has no radar"):
        landcover.run(asked(made, tmp_path / "out", images=both))
    with pytest.raises(InvalidOption, match="T31TCJ has no optical images"):
        landcover.run(asked(made, tmp_path / "out", images=(str(made.radar),)))
