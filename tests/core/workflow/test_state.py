# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.progress import SILENT, Recorder
from orthoweave.core.workflow import state
from orthoweave.core.workflow.state import LOCK, NAME, fingerprint, locked, read_state, sizes

from .chain import chain


@pytest.fixture
def finished(tmp_path):
    """A folder in which one task is finished, and that task."""
    task = chain(str(tmp_path))["a1"]
    task.work(SILENT, 1.0)
    state = read_state(str(tmp_path))
    state.add(task, 1.5)
    return str(tmp_path), task


def test_a_finished_task_holds_also_after_reading_it_again(finished):
    folder, task = finished
    assert read_state(folder).holds(task)
    assert read_state(folder).done["a1"].seconds == 1.5


def test_a_changed_or_missing_output_no_longer_holds(finished):
    folder, task = finished
    with open(task.outputs[0], "a", encoding="utf-8") as file:
        file.write("!")
    assert not read_state(folder).holds(task)
    os.remove(task.outputs[0])
    assert not read_state(folder).holds(task)


def test_cleaning_removes_only_what_the_tasks_wrote(finished):
    folder, task = finished
    foreign = os.path.join(folder, "mine.txt")
    open(foreign, "w").close()
    assert read_state(folder).clean() == 1
    assert os.path.exists(foreign)
    assert not os.path.exists(task.outputs[0])


def test_cleaning_spares_what_the_user_changed(finished):
    folder, task = finished
    with open(task.outputs[0], "w", encoding="utf-8") as file:
        file.write("edited by hand")
    assert read_state(folder).clean() == 0
    assert os.path.exists(task.outputs[0])


def test_a_state_that_is_no_json_is_said_and_left(tmp_path):
    (tmp_path / NAME).write_text("{")
    heard = Recorder(SILENT)
    assert read_state(str(tmp_path), heard).done == {}
    assert "every task runs again" in heard.warnings[0]


def test_folders_are_known_by_their_files(tmp_path):
    (tmp_path / "a").mkdir()
    before = fingerprint(str(tmp_path))
    (tmp_path / "a" / "x.tif").write_text("x")
    assert fingerprint(str(tmp_path)) != before
    assert fingerprint(str(tmp_path / "none")) is None


def test_hidden_files_which_come_and_go_are_no_part_of_a_folder(tmp_path):
    (tmp_path / "x.tif").write_text("x")
    before = fingerprint(str(tmp_path))
    (tmp_path / ".x.tif.partial").write_text("x")
    (tmp_path / ".x.shp.partial").mkdir()
    (tmp_path / ".x.shp.partial" / "x.dbf").write_text("x")
    assert fingerprint(str(tmp_path)) == before
    assert [path for path, _ in sizes(str(tmp_path), [".x.tif.partial", "gone", "x.tif"])] == [
        str(tmp_path / "x.tif")
    ]


def test_files_may_vanish_while_they_are_looked_at(tmp_path, monkeypatch):
    (tmp_path / "x.tif").write_text("x")

    def vanish(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(state.os, "stat", vanish)
    monkeypatch.setattr(state.os.path, "isfile", lambda _: True)
    monkeypatch.setattr(state.os.path, "isdir", lambda _: False)
    assert list(sizes(str(tmp_path), ["x.tif"])) == []
    assert fingerprint(str(tmp_path / "x.tif")) is None


def test_a_second_run_in_a_folder_is_refused(tmp_path):
    with locked(str(tmp_path)):
        sentence = f"Another run works in .*process {os.getpid()}"
        with pytest.raises(InvalidOption, match=sentence), locked(str(tmp_path)):
            pass
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()


def test_the_lock_goes_also_when_the_run_fails(tmp_path):
    with pytest.raises(FileExistsError), locked(str(tmp_path)):
        raise FileExistsError("an output")
    assert not (tmp_path / LOCK).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot ask for a process")
def test_the_lock_of_a_process_that_is_gone_is_taken(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    holder = {"host": platform.node(), "process": ended.pid}
    (tmp_path / LOCK).write_text(json.dumps(holder))
    heard = Recorder(SILENT)
    with locked(str(tmp_path), heard):
        pass
    assert f"process {ended.pid}" in heard.warnings[0]


def test_the_lock_of_another_machine_is_respected(tmp_path):
    (tmp_path / LOCK).write_text('{"host": "elsewhere", "process": 1}')
    with pytest.raises(InvalidOption, match="on elsewhere"), locked(str(tmp_path)):
        pass


def test_the_lock_of_an_earlier_process_of_our_number_is_taken(tmp_path):
    # the only process of a container has always the same
    holder = {"host": platform.node(), "process": os.getpid(), "mark": "000000.0000.1"}
    (tmp_path / LOCK).write_text(json.dumps(holder))
    heard = Recorder(SILENT)
    with locked(str(tmp_path), heard):
        pass
    assert "left" in heard.warnings[0]


def test_a_lock_that_is_just_being_written_is_respected(tmp_path):
    (tmp_path / LOCK).write_text("")
    with pytest.raises(InvalidOption, match="Another run works"), locked(str(tmp_path)):
        pass
    os.utime(tmp_path / LOCK, (1, 1))
    with locked(str(tmp_path)):
        pass
