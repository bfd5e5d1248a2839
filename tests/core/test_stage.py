# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import subprocess
import sys

import pytest
from orthoweave.core import stage
from orthoweave.core.errors import Cancelled, ImageIOError
from orthoweave.core.stage import make_folder, staged, write_text


def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def write(path, text="x"):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def test_the_file_appears_under_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "m.tif"
    with staged(str(path)) as temporary:
        assert os.path.basename(temporary) == f".m.{os.getpid()}.partial.tif"
        write(temporary)
        assert not path.exists()
    assert path.read_text() == "x"
    assert os.listdir(path.parent) == ["m.tif"]


@pytest.mark.parametrize("error", [ValueError, Cancelled, KeyboardInterrupt])
def test_nothing_is_left_after_an_error_and_an_older_file_stays(tmp_path, error):
    path = tmp_path / "m.tif"
    path.write_text("old")
    with pytest.raises(error), staged(str(path)) as temporary:
        for ending in ("", ".msk", ".aux.xml", ".ovr", ".ovr.tmp"):
            write(temporary + ending)
        raise error
    assert os.listdir(tmp_path) == ["m.tif"] and path.read_text() == "old"


def test_partial_files_of_dead_processes_are_removed_and_no_others(tmp_path):
    dead, alive = gone(), os.getppid()
    stale = [
        f".m.{dead}.partial.tif",
        f".m.{dead}.partial.tif.msk",
        f".m.{os.getpid()}.partial.tif",
    ]
    kept = [
        f".m.{alive}.partial.tif",
        f".other.{dead}.partial.tif",
        f".m.{dead}.partial.gpkg",
        f"m.{dead}.partial.tif",
        ".m.tif",
    ]
    for name in (*stale, *kept):
        (tmp_path / name).write_text("x")
    with staged(str(tmp_path / "m.tif")) as temporary:
        write(temporary)
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "m.tif"])


def test_names_with_signs_of_patterns_are_names(tmp_path):
    name = "a+b (1)[x].tif"
    (tmp_path / f".a+b (1)[x].{gone()}.partial.tif").write_text("x")
    with staged(str(tmp_path / name)) as temporary:
        write(temporary)
    assert os.listdir(tmp_path) == [name]


def test_a_folder_that_cannot_be_made_or_written_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        ImageIOError, match=r"^Folder .*file/x cannot be created: Not a directory\.$"
    ):
        make_folder(str(tmp_path / "file" / "x"))
    monkeypatch.setattr(stage.os, "access", lambda *_: False)
    sentence = "cannot be written. Choose another one."
    with pytest.raises(ImageIOError, match=sentence), staged(str(tmp_path / "m.tif")):
        pass


def test_a_rename_that_fails_is_a_sentence(tmp_path):
    (tmp_path / "m.tif").mkdir()
    sentence = r"^m\.tif cannot be written in .*: Is a directory\.$"
    with pytest.raises(ImageIOError, match=sentence), staged(str(tmp_path / "m.tif")) as temporary:
        write(temporary)
    assert os.listdir(tmp_path) == ["m.tif"]


def test_a_process_of_someone_else_counts_asalive(monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(stage.os, "kill", refuse)
    assert stage.alive(1)
    monkeypatch.setattr(stage.sys, "platform", "win32")
    assert not stage.alive(1)


def test_the_folder_is_made_and_the_text_is_utf8(tmp_path):
    path = write_text(str(tmp_path / "a" / "b.json"), "größe\n")
    assert path == str(tmp_path / "a" / "b.json")
    assert (tmp_path / "a" / "b.json").read_bytes() == "größe\n".encode()
    assert os.listdir(tmp_path / "a") == ["b.json"]


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path):
    (tmp_path / "a.json").mkdir()
    (tmp_path / "a.json" / "full").write_text("")
    with pytest.raises(ImageIOError, match=r"^a\.json cannot be written in .+: .+\.$"):
        write_text(str(tmp_path / "a.json"), "text")
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageIOError, match="^Folder .*file cannot be created"):
        write_text(str(tmp_path / "file" / "a.json"), "text")
