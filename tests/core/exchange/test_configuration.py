# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.exchange.configuration import (
    Configuration,
    read_configuration,
    write_configuration,
)

KARIOS = {
    "processing_configuration": {
        "input_products": "testing",
        "cloud_mask": None,
        "shift_image_processing": {"bias_correction_min_threshold": 2},
        "klt_matching": {
            "minDistance": 10,
            "blocksize": 15,
            "maxCorners": 20000,
            "matching_winsize": 25,
            "qualityLevel": 0.1,
            "xStart": 0,
            "tile_size": 20000,
            "laplacian_kernel_size": 7,
            "outliers_filtering": False,
        },
        "accuracy_analysis": {"confidence_threshold": 0.4},
    },
    "plot_configuration": {
        "overview": {
            "fig_size": 12,
            "shift_colormap": "bone_r",
            "shift_auto_axes_limit": True,
            "shift_axes_limit": 2.0,
            "theta_colormap": "twilight_shifted",
        },
        "shift": {
            "fig_size": 12,
            "scatter_colormap": "Spectral",
            "scatter_auto_limit": True,
            "scatter_min_limit": 2.0,
            "scatter_max_limit": 4.0,
            "histo_mean_bin_size": 20,
        },
        "dem": {"fig_size": 12, "show_fliers": False, "histo_mean_bin_size": 100},
        "ce": {"fig_size": 9, "ce_scatter_colormap": "jet"},
    },
}
"""The keys and values of KARIOS's own file."""

USED = {
    "min_distance": 10.0,
    "max_points": 20000,
    "quality": 0.01,
    "outliers": "local",
    "polarity": "automatic",
    "confidence": 0.4,
}


@pytest.fixture
def read(tmp_path, listen):
    """Read a configuration from values or text: read({...}) -> (configuration, listener)."""

    def call(given):
        path = tmp_path / "c.json"
        path.write_text(given if isinstance(given, str) else json.dumps(given), encoding="utf-8")
        heard = listen()
        return read_configuration(str(path), heard), heard

    return call


def matching(**values):
    return {"processing_configuration": {"klt_matching": values}}


def test_the_default_file_of_karios_reads_without_a_word(read):
    found, heard = read(KARIOS)
    assert heard.warnings == [] and list(found.notices(5000, 5000)) == []
    assert found.values == {"min_distance": 10.0, "max_points": 20000, "confidence": 0.4}
    assert found.support is None
    assert found.plots.overview.shift_colormap == "bone_r"


def test_missing_keys_have_their_default(read):
    found, heard = read({})
    assert found == Configuration() and heard.warnings == []
    found, _ = read(matching(minDistance=5))
    assert found.processing.matching.min_distance == 5
    assert found.processing.matching.max_points == 20000


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"minDistance": 4}, "min_distance", 4.0),
        ({"maxCorners": 0}, "max_points", 0),
        ({"qualityLevel": 0.2}, "quality", 0.02),
        ({"laplacian_invert_polarity": True}, "polarity", "inverted"),
        ({"outliers_filtering": True}, "outliers", "global"),
        ({"tile_size": 1000}, "window_size", 1000),
    ],
)
def test_values_become_options(read, values, field, expected):
    found, heard = read(matching(**values))
    assert found.values[field] == pytest.approx(expected) and heard.warnings == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"qualityLevel": 0.1}, "quality"),
        ({"laplacian_invert_polarity": False}, "polarity"),
        ({"laplacian_invert_polarity": "auto"}, "polarity"),
        ({"outliers_filtering": False}, "outliers"),
        ({"tile_size": 20000}, "window_size"),
    ],
)
def test_values_that_ask_for_nothing_leave_an_option_alone(read, values, field):
    assert field not in read(matching(**values))[0].values


@pytest.mark.parametrize(("window", "support"), [(25, None), (9, 4.0), (36, 12.0)])
def test_the_matching_window_gives_the_support_only_when_it_is_changed(read, window, support):
    assert read(matching(matching_winsize=window))[0].support == support


def test_no_threshold_means_all_points(read):
    given = {"processing_configuration": {"accuracy_analysis": {"confidence_threshold": None}}}
    assert read(given)[0].values["confidence"] == 0.0


@pytest.mark.parametrize("kernel", [5, 7, "auto", {"mon": 5, "ref": 7}])
def test_usual_kernels_need_no_notice(read, kernel):
    found, heard = read(matching(laplacian_kernel_size=kernel))
    assert list(found.notices(10, 10)) == heard.warnings == []


@pytest.mark.parametrize("kernel", [3, {"mon": 3, "ref": 7}])
def test_other_kernels_are_noticed_once(read, kernel):
    (notice,) = read(matching(laplacian_kernel_size=kernel))[0].notices(10, 10)
    assert notice == "laplacian_kernel_size has no effect: no Laplacian is used."


def test_several_tiles_are_noticed(read):
    (notice,) = read(matching(tile_size=1000, maxCorners=500))[0].notices(1001, 10)
    assert notice == ("maxCorners (500) holds for the whole image, not for each tile of 1000 px.")


def test_an_unknown_key_is_warned_about_with_the_nearest(read):
    _, heard = read(matching(minDistanc=3))
    where = "processing_configuration.klt_matching."
    assert heard.warnings == [
        f"c.json: {where}minDistanc is not known and is ignored. Did you mean {where}minDistance?"
    ]
    _, heard = read({"zzzzzzz": {"a": 1, "b": 2}})
    assert heard.warnings == ["c.json: zzzzzzz is not known and is ignored."]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            matching(minDistance="3"),
            'processing_configuration.klt_matching.minDistance is "3" instead of a number.',
        ),
        (matching(blocksize=1.5), "blocksize is 1.5 instead of a whole number."),
        (matching(outliers_filtering=1), "outliers_filtering is 1 instead of true or false."),
        (matching(minDistance=None), "minDistance is null instead of a number."),
        (
            {"processing_configuration": {"klt_matching": 3}},
            "processing_configuration.klt_matching is 3 instead of a group of values.",
        ),
        ({"plot_configuration": {"ce": {"fig_size": "big"}}}, 'is "big" instead of a number.'),
        ([], "the file is [] instead of a group of values."),
        ("{1", "c.json is no JSON: "),
    ],
)
def test_a_wrong_type_is_refused_with_the_path_of_its_key(read, given, sentence):
    with pytest.raises(InvalidOption) as caught:
        read(given)
    assert sentence in str(caught.value)


def test_a_file_that_cannot_be_read_gives_its_sentence(tmp_path):
    with pytest.raises(ImageIOError, match=r"gone\.json cannot be read: No such file"):
        read_configuration(str(tmp_path / "gone.json"))
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidOption, match=r"b\.json is no text in UTF-8\."):
        read_configuration(str(tmp_path / "b.json"))


def test_what_was_used_is_written_in_the_layout_of_karios_and_read_again(read, tmp_path):
    found, _ = read(KARIOS)
    path = str(tmp_path / "d.json")
    write_configuration(path, found.as_used(USED, {"a": [1, 2]}))
    written = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    assert written.pop("orthoweave") == {"a": [1, 2]}
    assert written["plot_configuration"] == KARIOS["plot_configuration"]
    ours = written["processing_configuration"]
    assert ours["klt_matching"].pop("laplacian_invert_polarity") is False
    assert ours == KARIOS["processing_configuration"]
    assert read_configuration(path).processing == found.processing


def test_options_that_win_stand_in_the_copy(read):
    used = {**USED, "max_points": 50, "quality": 0.05, "outliers": "global", "polarity": "inverted"}
    found = read(KARIOS)[0].as_used(used, {}).processing.matching
    assert (found.max_points, found.global_outliers, found.inverted) == (50, True, True)
    assert found.quality_level == pytest.approx(0.5)


def test_colors_that_do_not_exist_are_told(read):
    pytest.importorskip("matplotlib", reason="colors are Matplotlib's")
    _, heard = read({"plot_configuration": {"ce": {"ce_scatter_colormap": "jett"}}})
    assert heard.warnings == ["c.json: no colors are called 'jett'; the default ones are drawn."]
