# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin without a screen: enable, list, help and run by qgis_process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from orthoweave.algorithms import ALGORITHMS


@pytest.fixture(scope="module")
def sample(headless: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the sample images with a misspelled parameter beside the good ones."""
    folder = tmp_path_factory.mktemp("made") / "sample"
    arguments = ["--SCENE=mosaic", "--SIZE=128", "--SCNE=pair", f"--OUTPUT_FOLDER={folder}"]
    done = headless("run", "orthoweave:sampledata", *arguments)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "SCNE is not a parameter of this tool and was ignored. Did you mean SCENE?" in said
    return folder


def test_the_plugin_is_enabled_and_lists_every_algorithm(headless: Callable[..., Any]) -> None:
    assert "orthoweave" in headless.enabled.stdout, headless.enabled.stderr
    assert "Traceback" not in headless.enabled.stderr
    listed = headless("list").stdout
    for algorithm in ALGORITHMS:
        assert f"orthoweave:{algorithm().name()}" in listed


def test_help_names_parameters_words_and_outputs(headless: Callable[..., Any]) -> None:
    text = headless("help", "orthoweave:mergerasters").stdout
    for part in ("IMAGES: Images", "Values: first, last,", "Default: last.", "COVERED: <output"):
        assert part in text


def test_a_folder_is_merged_and_the_results_are_json(
    headless: Callable[..., Any], sample: Path, tmp_path: Path
) -> None:
    folder = sample / "mosaic" if (sample / "mosaic").is_dir() else sample
    output = tmp_path / "mosaic.tif"
    arguments = (f"--IMAGES={folder}", f"--OUTPUT={output}")
    done = headless("--json", "run", "orthoweave:mergerasters", *arguments)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert results["OUTPUT"] == str(output) and output.is_file()
    assert results["IMAGES_USED"] >= 4
    beside = json.loads(Path(f"{output}.orthoweave.json").read_text(encoding="utf-8"))
    assert beside["algorithm"] == "mergerasters" and beside["versions"]["QGIS"]
    assert not list(sample.rglob("*.aux.xml"))


def test_a_failure_has_status_one_and_an_empty_standard_output(
    headless: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = (f"--IMAGES={tmp_path}", f"--OUTPUT={tmp_path / 'm.tif'}")
    done = headless("--json", "run", "orthoweave:mergerasters", *arguments)
    assert done.returncode == 1 and done.stdout == ""
    assert "matches no raster. Give files, a folder or a pattern." in done.stderr
