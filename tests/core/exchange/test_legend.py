# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.exchange.legend import read_legend
from orthoweave.core.landcover.legend import Legend, automatic_color
from orthoweave.core.progress import SILENT, Recorder


@pytest.fixture
def write(tmp_path):
    def writing(text, name="nomenclature.txt"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return writing


def test_names_may_hold_colons_and_blanks(write):
    found = read_legend(write("# classes\ncrops: summer :11\n\nprairie:211\n"))
    assert found.names == {11: "crops: summer", 211: "prairie"}


def test_colors_stand_behind_their_label(write):
    found = read_legend(colors=write("211 255 85 0\n12\t1\t2 3 # dark\n"))
    assert found.colors == {211: (255, 85, 0), 12: (1, 2, 3)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a:1\nprairie\n", "line 2: .*is not name:label"),
        ("a:0\n", "line 1: .*has no label"),
        ("a:x\n", "line 1: .*has no label"),
        ("a:5\nb:5\n", "line 2: label 5 stands here a second time"),
    ],
)
def test_a_line_of_names_that_is_wrong_is_said(write, text, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        read_legend(write(text))


@pytest.mark.parametrize("line", ["5 1 2", "5 1 2 256", "5 1 2 x", "5 1 2 3 4", "x 1 2 3"])
def test_a_color_that_is_wrong_is_said_with_its_line(write, line):
    with pytest.raises(InvalidOption, match="line 2: "):
        read_legend(colors=write(f"1 0 0 0\n{line}\n"))


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ImageIOError, match="none.txt cannot be read"):
        read_legend(str(tmp_path / "none.txt"))


def test_classes_that_a_list_lacks_get_their_label_and_a_color_and_one_warning():
    heard = Recorder(SILENT)
    found = Legend({1: "water"}, {}).complete([1, 7], heard)
    assert found.names == {1: "water", 7: "7"}
    assert found.colors[7] == automatic_color(7)
    assert heard.warnings == ["The list of names lacks 1 classes (7); they get their label."]


def test_automatic_colors_differ():
    assert len({automatic_color(label) for label in range(1, 60)}) == 59
