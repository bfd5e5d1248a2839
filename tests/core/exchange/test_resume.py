# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

import numpy as np
import pytest
from orthoweave.core.exchange.configuration import Configuration, write_configuration
from orthoweave.core.exchange.resume import earlier_points, fingerprint
from orthoweave.core.exchange.table import write_table
from orthoweave.core.matching.keypoints import USED, KeyPoints

OURS = {"inputs": {"moving_image": {"bytes": 5, "modified": 7}, "mask": None},
        "matching": {"max_points": 20000, "no_value": [0.0]}}  # fmt: skip
KARIOS = "x0;y0;dx;dy;score;radial error;angle\n10.0;20.0;1.5;-0.5;0.9;1.58;-18.4\n"


@pytest.fixture
def folder(tmp_path):
    """A result folder with two points and what made them."""
    numbers = [np.array(pair, float) for pair in ((1, 2), (3, 4), (0.5, 0.6), (0.1, 0.2), (1, 0.5))]
    points = KeyPoints(*numbers, np.full(2, 0.01), np.full(2, 0.02), np.full(2, USED, np.uint8))
    write_table(str(tmp_path / "KLT_matcher_m_r.csv"), points)
    remember(tmp_path, {**OURS, "measured": {"support": 12}})
    return tmp_path


def remember(folder, member):
    name = str(folder / "processing_configuration.json")
    write_configuration(name, Configuration(orthoweave=member))


def test_points_of_the_same_inputs_and_options_are_taken(folder, listen):
    heard = listen()
    found = earlier_points(str(folder), "m", "r", OURS, heard)
    assert found.points.dx.tolist() == [0.5, 0.6] and found.measured == {"support": 12}
    assert heard.warnings == []
    assert heard.infos == ["RESUME: key points are taken from KLT_matcher_m_r.csv."]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"matching": {**OURS["matching"], "max_points": 5}},
         "RESUME: MAX_POINTS was 20000 and is 5. Key points are measured anew."),
        ({"matching": {**OURS["matching"], "no_value": []}},
         "RESUME: NO_VALUE was [0.0] and is empty. Key points are measured anew."),
        ({"inputs": {**OURS["inputs"], "moving_image": {"bytes": 5, "modified": 8}}},
         "RESUME: the moving image is another file or has changed. Key points are measured anew."),
        ({"inputs": {**OURS["inputs"], "mask": {"bytes": 1, "modified": 1}}},
         "RESUME: the mask is another file or has changed. Key points are measured anew."),
    ],
)  # fmt: skip
def test_other_inputs_and_options_are_named(changed, sentence, folder, listen):
    heard = listen()
    assert earlier_points(str(folder), "m", "r", {**OURS, **changed}, heard) is None
    assert heard.warnings == [sentence]


def test_a_folder_without_table_is_told(tmp_path, listen):
    heard = listen()
    assert earlier_points(str(tmp_path), "m", "r", OURS, heard) is None
    assert heard.warnings == []
    assert heard.infos == [
        f"RESUME: KLT_matcher_m_r.csv is not in {tmp_path}, so key points are measured."
    ]


@pytest.mark.parametrize("beside", [None, {"processing_configuration": {}}, "broken {"])
def test_a_table_of_karios_is_taken_with_a_warning(beside, tmp_path, listen):
    (tmp_path / "KLT_matcher_m_r.csv").write_text(KARIOS)
    if beside:
        text = beside if isinstance(beside, str) else json.dumps(beside)
        (tmp_path / "processing_configuration.json").write_text(text)
    heard = listen()
    found = earlier_points(str(tmp_path), "m", "r", OURS, heard)
    assert found.measured is None and found.points.dy.tolist() == [-0.5]
    assert heard.warnings == [
        "KLT_matcher_m_r.csv is used although nothing tells with which images and options it was "
        "made."
    ]


def test_displacements_of_a_shifted_copy_are_warned_about(tmp_path, listen):
    (tmp_path / "KLT_matcher_m_shifted_r.csv").write_text(KARIOS)
    heard = listen()
    assert len(earlier_points(str(tmp_path), "m", "r", OURS, heard).points) == 1
    (warning,) = heard.warnings
    assert warning.startswith("KLT_matcher_m_shifted_r.csv holds displacements of a shifted copy")


def test_a_table_that_cannot_be_read_is_measured_anew(folder, listen):
    (folder / "KLT_matcher_m_r.csv").write_text("a;b\n1;2\n")
    heard = listen()
    assert earlier_points(str(folder), "m", "r", OURS, heard) is None
    assert "is no table of key points" in heard.warnings[0]
    assert heard.warnings[0].endswith("Key points are measured anew.")


def test_a_file_is_known_by_size_time_and_layer(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"12345")
    first = fingerprint(mask=str(path), dem=None)
    assert first["dem"] is None and first["mask"]["bytes"] == 5
    assert fingerprint(mask=str(path), dem=None) == first
    layers = [fingerprint(mask=f"{path}|layername={name}") for name in ("x", "y")]
    assert layers[0] != layers[1] and layers[0]["mask"]["bytes"] == 5
    places = [fingerprint(mask=f"PG:dbname={name}") for name in ("x", "y")]
    assert places[0] != places[1]


def test_the_files_of_a_virtual_raster_are_known_too(tmp_path):
    import os

    from osgeo import gdal

    tile, vrt = str(tmp_path / "a.tif"), str(tmp_path / "all.vrt")
    gdal.GetDriverByName("GTiff").Create(tile, 8, 8, 1)
    gdal.Translate(vrt, tile, format="VRT").FlushCache()
    first = fingerprint(moving=vrt)
    assert fingerprint(moving=vrt) == first
    os.utime(tile, ns=(1, 1))
    assert fingerprint(moving=vrt) != first
