# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os

import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.workflow.iota2 import configured, read_configured

CURRENT = """
chain :
  output_path : '/data/Results'
  remove_output_path : True
  nomenclature_path : 'nomenclature.txt'
  list_tile : 'T31TCJ T31TDJ'
  s2_path : 'sensor_data'   # relative to this file
  ground_truth : "/data/groundTruth.shp"
  data_field : 'code'
  spatial_resolution : 10
  color_table : '/data/colorFile.txt'
  proj : 'EPSG:2154'
  last_step: "validation"
  random_seed : None
arg_train :
  classifier : 'sharkrf'
  otb_classifier_options : {'classifier.rf.min': 5,'classifier.rf.max': 25 }
  sample_selection : {"sampler": "random",
                      "strategy": "percent", "strategy.percent.p": 0.1}
arg_classification :
  classif_mode : 'separate'

    allowed_retry : 2
    maximum_ram : 60.0
    maximum_cpu : 12
"""

OLDER = """
# the same project
chain: {
    outputPath: '/data' + '/Results'
    remove_outputPath: True, nomenclaturePath: 'nomenclature.txt'
    listTile: 'T31TCJ T31TDJ'
    S2Path: 'sensor_data'
    groundTruth: '/data/groundTruth.shp'
    dataField: 'code'
    spatialResolution: 10
    colorTable: '/data/colorFile.txt'
    proj: 'EPSG:2154', lastStep: 'validation'
}
argTrain: {
    classifier: 'rf'
    otb_classifier_options: '-classifier.rf.min 5 -classifier.rf.max 25'
    sampleSelection: {sampler: 'random', strategy: 'percent', 'strategy.percent.p': 0.1}
}
argClassification: { classifMode: 'separate' }
task_retry_limits: { allowed_retry: 2 maximum_ram: 60.0 maximum_cpu: 12 }
"""


def test_both_syntaxes_of_one_project_ask_for_the_same():
    assert configured(CURRENT, "a.cfg", "/home/me") == configured(OLDER, "b.cfg", "/home/me")


def test_keys_become_fields_of_landcover_and_of_its_steps():
    found = configured(CURRENT, "a.cfg", "/home/me")
    assert found.warnings == ()
    assert found.sensors == {"/home/me/sensor_data": "sentinel2"}
    assert found.fields == {
        "output_folder": "/data/Results",
        "clean": True,
        "nomenclature": "/home/me/nomenclature.txt",
        "tiles": "T31TCJ T31TDJ",
        "polygons": "/data/groundTruth.shp",
        "field": "code",
        "resolution": 10.0,
        "colors": "/data/colorFile.txt",
        "crs": "EPSG:2154",
        "last_step": "validation",
        "classifier": "rf",
        "fusion": "separate",
        "retries": 2,
        "max_memory": 60.0,
        "threads": 12,
        "images": ("/home/me/sensor_data",),
    }
    assert found.steps == {
        "trainclassifier": {"min_samples": 5, "depth": 25},
        "extractsamples": {"sampler": "random", "strategy": "percent", "amount": 10.0},
    }


def test_retry_keys_may_stand_deeper_or_not_and_in_any_section():
    text = "chain :\n  runs : 3\n      allowed_retry : 1\narg_train :\n  maximum_ram : 4\n"
    found = configured(text, "a.cfg", "")
    assert found.fields == {"runs": 3, "retries": 1, "max_memory": 4}


def test_retry_keys_may_stand_at_the_margin():
    text = "chain :\n  runs : 3\n\nallowed_retry : 1\nmaximum_ram : 4\n"
    text += "arg_train :\n  classifier : 'rf'\n"
    found = configured(text, "a.cfg", "")
    assert found.fields == {"runs": 3, "retries": 1, "max_memory": 4, "classifier": "rf"}


def test_values_of_every_kind_are_read():
    text = """
chain :
  data_field : 'it\\'s # no comment'  # a comment
  runs : -1
  ratio : .5
  split_ground_truth : False
  region_path :
  list_tile : ['T31TCJ', 'T31TDJ']
"""
    found = configured(text, "a.cfg", "")
    assert found.fields == {
        "field": "it's # no comment",
        "runs": -1,
        "ratio": 0.5,
        "tiles": "T31TCJ T31TDJ",
    }
    assert found.steps["splitreference"] == {"split": False}


def test_references_are_looked_up():
    text = "chain: { root: '/data'\n outputPath: $chain.root + '/out' }"
    found = configured(text, "a.cfg", "")
    assert found.fields == {"output_folder": "/data/out"}
    assert "chain.root" in found.warnings[0]


def test_sensors_give_dates_and_steps():
    text = """
Sentinel_2 :
  temporal_resolution : 15
  start_date : '20180101'
  keep_bands : ['B2', 'B8']
sensors_data_interpolation :
  use_gapfilling : False
"""
    found = configured(text, "a.cfg", "")
    assert found.fields["step"] == -1
    assert found.steps == {
        "gapfill": {"start": "20180101"},
        "stacktimeseries": {"band_names": "B2,B8"},
    }


def test_auto_context_and_reduction_need_their_switch():
    text = "chain:\n  autocontext_iterations: 5\ndim_red:\n  target_dimension: 6\n"
    found = configured(text, "a.cfg", "")
    assert "auto_context" not in found.fields
    assert found.steps == {}
    text = "chain:\n  enable_autocontext: True\ndim_red:\n  dim_red: True\n"
    found = configured(text, "a.cfg", "")
    assert found.fields == {"auto_context": 3}
    assert found.steps["trainclassifier"] == {"reduce": 4, "reduce_mode": "global"}


def test_an_unknown_key_is_one_warning_with_the_nearest_name():
    found = configured("chain:\n  outputpaht: '/x'\n", "a.cfg", "")
    assert found.warnings == (
        "a.cfg: the key chain.outputpaht is unknown and not used. Did you mean output_path?",
    )


def test_a_known_key_without_effect_says_what_happens_instead():
    found = configured("chain:\n  check_inputs: False\n", "a.cfg", "")
    assert found.warnings == ("a.cfg: check_inputs is not used; inputs are always checked.",)


@pytest.mark.parametrize("name", ["boost", "gbt", "sharkkm", "forest"])
def test_other_classifiers_are_refused_and_rf_is_named(name):
    with pytest.raises(InvalidOption, match=f'arg_train.classifier.*"{name}".*rf'):
        configured(f"arg_train:\n  classifier: '{name}'\n", "a.cfg", "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("chain :\n  s2_path : /data/s2\n", 'line 2: "/data/s2" cannot be read. .*quotes'),
        ("@'other.cfg'\n", "line 1: other files cannot be included"),
        ("chain :\n  runs : {'a': 1\n", "line 3: a key is expected where end of the file"),
        ("chain\n  runs : 1\n", 'line 2: ":" is expected where "runs" stands'),
        ("chain: { outputPath: $chain.nothing }", r"\$chain.nothing names no key"),
        ("chain: { a: $chain.a }", "leads back to itself"),
        ("chain: { a: 'x' + 3 }", "only texts can be joined"),
        ("chain:\n  ratio: " + "[" * 40, "not nested so deeply"),
        ("chain:\n  spatial_resolution: 'ten'\n", 'spatial_resolution: "ten" does not fit'),
        ("chain:\n  remove_tmp_files: 'maybe'\n", '"maybe" is neither True nor False'),
        (
            "arg_train:\n  otb_classifier_options: {'classifier.rf.min': 'x'}\n",
            'option classifier.rf.min cannot be "x"',
        ),
        (
            "arg_train:\n  sample_augmentation: {'samples.strategy': 'minNumber'}\n",
            "samples.strategy.minNumber is missing",
        ),
        ("builders:\n  builders_class_name: ['mine']\n", '"mine" is none of i2_classification'),
        (
            "builders:\n  builders_class_name: ['i2_obia', 'i2_features_map']\n",
            "one of the builders objects, features",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        configured(text, "a.cfg", "")


def test_nothing_is_evaluated(tmp_path):
    text = "chain:\n  data_field: __import__('os').mkdir('x')\n"
    with pytest.raises(InvalidOption):
        configured(text, "a.cfg", str(tmp_path))
    assert not os.listdir(tmp_path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ImageIOError, match=r"none\.cfg cannot be read"):
        read_configured(str(tmp_path / "none.cfg"))


def test_paths_are_relative_to_the_file(tmp_path):
    path = tmp_path / "a.cfg"
    path.write_text("chain:\n  output_path: 'out'\n")
    assert read_configured(str(path)).fields == {"output_folder": str(tmp_path / "out")}


def test_files_of_all_sections_are_relative_to_the_configuration():
    text = """
arg_train :
  sample_selection : {'strategy': 'byClass', 'strategy.byclass.in': 'rates.csv'}
  sample_augmentation : {'samples.strategy': 'byClass', 'samples.strategy.byClass': 'more.csv'}
external_features :
  module : 'mine.py'
simplification :
  clipfile : '../zones.shp'
  nomenclature : 'groups.csv'
"""
    steps = configured(text, "a.cfg", "/home/me").steps
    assert steps["extractsamples"]["rates"] == "/home/me/rates.csv"
    assert steps["extractsamples"]["augment_amount"] == "/home/me/more.csv"
    assert steps["spectralfeatures"] == {"python_module": "/home/me/mine.py"}
    assert steps["vectorizeclasses"] == {"zones": "/home/zones.shp"}
    assert steps["regularizeclasses"] == {"nomenclature": "/home/me/groups.csv"}


def test_augmentation_is_read_as_iota2_spells_it():
    text = """
arg_train :
  sample_augmentation : {'target_models': ['1'], 'strategy': 'jitter',
                         'strategy.jitter.stdFactor': 7, 'samples.strategy': 'minNumber',
                         'samples.strategy.minNumber': 500, 'activate': True}
"""
    found = configured(text, "a.cfg", "")
    assert found.steps["extractsamples"] == {
        "augment": "jitter",
        "augment_amount": "minimum:500",
        "spread": 7,
    }
    assert found.warnings == ("a.cfg: target_models is not used; all models are.",)


def test_a_decision_tree_is_a_forest_of_one():
    found = configured("argTrain: { classifier: 'dt' }", "a.cfg", "")
    assert found.fields == {"classifier": "rf"}
    assert found.steps == {"trainclassifier": {"trees": 1}}


def test_the_oldest_name_of_classifier_options_is_known():
    text = "argTrain: { classifier: 'rf' options: ' -classifier.rf.min 5 -classifier.rf.max 25 ' }"
    found = configured(text, "a.cfg", "")
    assert found.steps == {"trainclassifier": {"min_samples": 5, "depth": 25}}
    assert not found.warnings


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        ("['i2_classification']", {"builder": "classification"}),
        ("['i2_features_map']", {"builder": "features"}),
        (
            "['i2_classification', 'i2_vectorization']",
            {"builder": "classification", "last_step": "statistics"},
        ),
    ],
)
def test_builders_say_what_is_made(names, fields):
    found = configured(f"builders:\n  builders_class_name : {names}\n", "a.cfg", "")
    assert found.fields == fields and not found.warnings


def test_switches_may_be_texts():
    found = configured("chain:\n  remove_tmp_files : 'False'\n", "a.cfg", "")
    assert found.fields == {"keep_intermediate": True}
