# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.exchange.folder import assembled


def everything(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def fill(place, names, text="new"):
    from pathlib import Path

    for name in names:
        path = Path(place) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_files_appear_together_and_others_stay(tmp_path):
    folder = tmp_path / "é; out"
    folder.mkdir()
    fill(folder, ["a.txt", "mine.txt"], "old")
    with assembled(str(folder), ()) as place:
        fill(place, ["a.txt", "in/b.txt"])
        assert everything(folder) == {"a.txt": "old", "mine.txt": "old"}
    assert everything(folder) == {"a.txt": "new", "mine.txt": "old", "in/b.txt": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["é; out"]


def test_a_failure_leaves_nothing_and_changes_nothing(tmp_path):
    folder = tmp_path / "out"
    with pytest.raises(KeyError), assembled(str(folder), ()) as place:
        fill(place, ["a.txt"])
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_an_input_is_not_replaced(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    fill(folder, ["a.tif"], "input")
    with (
        pytest.raises(InvalidOption, match=r"overwrite the input a\.tif"),
        assembled(str(folder), [str(folder / "a.tif")]) as place,
    ):
        fill(place, ["0.txt", "a.tif"])
    assert everything(folder) == {"a.tif": "input"}


def test_a_disk_that_fails_gives_its_sentence(tmp_path):
    with (
        pytest.raises(ImageIOError, match=r"Folder .*out cannot be written: No space left\."),
        assembled(str(tmp_path / "out"), ()),
    ):
        raise OSError(28, "No space left")
    assert not list(tmp_path.iterdir())
