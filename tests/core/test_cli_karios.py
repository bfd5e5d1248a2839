# SPDX-License-Identifier: GPL-2.0-or-later
"""The long option names of KARIOS on our command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from orthoweave.core import cli
from orthoweave.core.operations import shiftanalysis


@pytest.fixture
def asked(monkeypatch):
    """Run `shiftanalysis` with words and return the request that it gets."""
    requests = []

    def run(request, progress):
        progress.phase("Measuring")
        progress.warn("A warning.")
        requests.append(request)
        return shiftanalysis.Result(n_key_points=3)

    def call(*words):
        monkeypatch.setattr(shiftanalysis, "run", run)
        assert cli.main(["shiftanalysis", "--moving=m.tif", "--reference=r.tif", *words]) == 0
        return requests[-1]

    return call


@pytest.mark.parametrize(
    ("words", "field", "expected"),
    [
        (("--conf", "c.json"), "configuration", "c.json"),
        (("--input-pixel-size", "2.5"), "pixel_size", 2.5),
        (("--title-prefix", "Any - length"), "title_prefix", "Any - length"),
        (("--generate-key-points-mask",), "key_points_mask", True),
        (("--generate-intermediate-product",), "delta_raster", True),
        (("--generate-kp-chips",), "chips", True),
        (("--no-value", "0", "--no-value", "-9999"), "no_value", (0.0, -9999.0)),
        (("--no-value", "0 255,7"), "no_value", (0.0, 255.0, 7.0)),
        (("--dem-description", "SRTM"), "dem_description", "SRTM"),
        (("--enable-large-shift-detection",), "search", "automatic"),
        (("--vector-mask", "p.gpkg"), "vector_mask", "p.gpkg"),
        (("--resume",), "resume", True),
        (("--mask", "-", "--dem", "d.tif"), "mask", None),
        (("--mask", "-", "--dem", "d.tif"), "dem", "d.tif"),
        (("--no-log-file", "--debug"), "chips", False),
    ],
)
def test_the_names_of_karios_mean_ours(words, field, expected, asked):
    assert getattr(asked(*words, "--out", "results"), field) == expected


def test_the_folder_has_the_name_of_karios(asked, tmp_path):
    assert asked("--out", str(tmp_path)).output_folder == str(tmp_path)


@pytest.mark.parametrize("word", ["--log", "--log-file-path"])
def test_a_log_holds_what_was_done(word, asked, tmp_path, capsys):
    asked("--out=o", word, str(tmp_path / "run.log"))
    assert (tmp_path / "run.log").read_text(encoding="utf-8") == (
        "Measuring\nWarning: A warning.\n"
    )
    assert capsys.readouterr().err == "Warning: A warning.\n"


@pytest.mark.noisy
def test_every_failure_has_status_one_and_one_sentence(write, tmp_path, capsys):
    image = write("a.tif", np.ones((80, 80), "uint8"))
    for words in (
        ["--moving", "gone.tif", "--reference", image, "--out", str(tmp_path / "o")],
        ["--moving", image, "--reference", image, "--out", str(tmp_path / "o")],
        ["--moving", image, "--reference", image],
        ["--moving", image, "--reference", image, "--out=o", "--log", str(tmp_path)],
    ):
        assert cli.main(["shiftanalysis", *words]) == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert not (Path(tmp_path) / "o").exists() or not list((tmp_path / "o").rglob("*.*"))
