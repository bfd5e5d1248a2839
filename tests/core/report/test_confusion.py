# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.report.confusion import confusion_figure, count_text, score_text
from orthoweave.core.report.saving import save_figure

COUNTS = np.array([[900, 100, 0], [5, 12345, 15], [0, 20, 100]])


def figure(counts=COUNTS, names=("water", "grassland", "urban")):
    pytest.importorskip("matplotlib")
    scores = (np.array([0.9, 0.8, np.nan]),) * 3
    return confusion_figure(counts, names, scores, (0.81, 0.912))


def texts(found):
    return [text.get_text() for text in found.axes[0].texts]


def test_counts_above_999_are_short():
    assert [count_text(n) for n in (0, 999, 1000, 12345, 123456)] == [
        "0",
        "999",
        "1.00e3",
        "1.23e4",
        "1.23e5",
    ]


def test_an_undefined_score_is_a_dash():
    assert score_text(float("nan")) == "-"
    assert "-" in texts(figure())


def test_faint_cells_are_not_written():
    found = texts(figure())
    assert "1.23e4" in found
    # 5 of 12365 is below one in a thousand
    assert "5" not in found
    assert "0" not in found


def test_the_header_names_kappa_and_overall_accuracy():
    assert figure().axes[0].get_title().startswith("KAPPA : 0.810 OA : 0.912")


def test_the_figure_grows_with_the_classes(tmp_path):
    many = figure(np.eye(17, dtype=int) * 50, [f"class {n}" for n in range(17)][:17])
    assert many.get_size_inches()[0] > figure().get_size_inches()[0]


def test_it_can_be_saved(tmp_path):
    path = str(tmp_path / "Confusion_Matrix_Classif_Seed_0.png")
    save_figure(figure(), path, 200)
    with open(path, "rb") as file:
        assert file.read(4) == b"\x89PNG"
