# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from orthoweave.core import stage
from orthoweave.core.errors import Cancelled, ImageIOError
from orthoweave.core.stage import (
    WorkingFolder,
    make_folder,
    mark,
    no_empty_folders,
    staged,
    write_text,
)


def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return marked(process=process.pid)


def marked(**changes):
    """The mark of this process with another host, birth or number."""
    parts = dict(zip(("host", "born", "process"), mark().split(".")))
    return ".".join(map(str, {**parts, **changes}.values()))


def write(path, text="x"):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def test_the_file_appears_under_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "m.tif"
    with staged(str(path)) as temporary:
        name = os.path.basename(temporary)
        assert name.startswith(".m.") and name.endswith(f".{os.getpid()}.partial.tif")
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
    dead = gone()
    other, before = f"{int(mark()[:6], 16) ^ 1:06x}", f"{int(mark()[7:11], 16) ^ 1:04x}"
    stale = [
        f".m.1.{dead}.partial.tif",
        f".m.1.{dead}.partial.tif.msk",
        f".m.1.{dead}.partial.tif.held",
        # an earlier process of our number, as in a container
        f".m.1.{marked(born=before)}.partial.tif",
    ]
    kept = [
        f".m.1.{marked(process=os.getppid())}.partial.tif",
        f".m.1.{dead.replace(mark()[:6], other, 1)}.partial.tif",
        # another thread of ours
        f".m.1.{mark()}.partial.tif",
        f".other.1.{dead}.partial.tif",
        f".m.1.{dead}.partial.gpkg",
        f"m.1.{dead}.partial.tif",
        f".m.{dead.split('.')[2]}.partial.tif",
        ".m.tif",
    ]
    for name in (*stale, *kept):
        (tmp_path / name).write_text("x")
    with staged(str(tmp_path / "m.tif")) as temporary:
        write(temporary)
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "m.tif"])


def test_threads_that_write_one_file_do_not_disturb_each_other(tmp_path):
    path, count = tmp_path / "m.txt", 8
    together = threading.Barrier(count)

    def work(number):
        text = str(number) * 1000
        for _ in range(20):
            together.wait()
            write_text(str(path), text)
            # whole, of whichever thread
            assert len(set(path.read_text())) == 1

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))
    assert os.listdir(tmp_path) == ["m.txt"]


def test_a_run_that_fails_takes_no_folder_away_from_others(tmp_path):
    folder = tmp_path / "new" / "out"
    with pytest.raises(Cancelled), no_empty_folders():
        make_folder(str(folder))
        with ThreadPoolExecutor(1) as pool:
            waiting = staged(str(folder / "m.txt"))
            temporary = pool.submit(waiting.__enter__).result()
        raise Cancelled
    write(temporary)
    waiting.__exit__(None, None, None)
    assert os.listdir(folder) == ["m.txt"]


def test_a_folder_that_is_taken_away_meanwhile_is_made_again(tmp_path, monkeypatch):
    folder, taken = tmp_path / "new", []
    access = os.access

    def taking(path, mode):
        found = access(path, mode)
        if not taken:
            taken.append(os.rmdir(path))
        return found

    monkeypatch.setattr(stage.os, "access", taking)
    write_text(str(folder / "a.txt"), "x")
    assert taken and os.listdir(folder) == ["a.txt"]


def test_a_working_folder_goes_and_those_of_dead_processes_and_no_others(tmp_path):
    dead = gone()
    stale = tmp_path / f".m.shp.abc_1.{dead}.partial"
    (stale / "in").mkdir(parents=True)
    (stale / "in" / "m.dbf").write_text("x")
    kept = [
        f".m.shp.abc_1.{mark()}.partial",
        f".m.shp.abc_1.{marked(process=os.getppid())}.partial",
        f".other.abc_1.{dead}.partial",
        ".m.shp.abc_1.partial",
        "m.shp",
    ]
    for name in kept:
        (tmp_path / name).mkdir()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "x").write_text("x")
    (tmp_path / f".m.shp.link.{dead}.partial").symlink_to(mine)
    with WorkingFolder("m.shp", str(tmp_path)) as first, WorkingFolder("m.shp", str(tmp_path)) as b:
        assert first != b and os.listdir(first) == []
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "mine"])
    assert (mine / "x").exists()


def test_what_a_killed_run_left_goes_with_the_next_one(tmp_path):
    text = (
        "import os, signal\n"
        "from orthoweave.core.stage import WorkingFolder\n"
        f"folder = WorkingFolder('m.shp', {str(tmp_path)!r})\n"
        "open(os.path.join(folder.name, 'm.dbf'), 'w').close()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "orthoweave").symlink_to(Path(__file__).resolve().parents[2])
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", text], env=env, check=False)
    shutil.rmtree(tmp_path / "home")
    assert len(os.listdir(tmp_path)) == 1
    with WorkingFolder("m.shp", str(tmp_path)):
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


def test_names_with_signs_of_patterns_are_names(tmp_path):
    name = "a+b (1)[x].tif"
    (tmp_path / f".a+b (1)[x].1.{gone()}.partial.tif").write_text("x")
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
