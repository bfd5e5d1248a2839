# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import pickle
import zipfile
from types import SimpleNamespace

import pytest
from orthoweave.core.errors import Cancelled
from orthoweave.core.progress import SILENT, Progress
from orthoweave.core.workflow import logs
from orthoweave.core.workflow.logs import pack
from orthoweave.core.workflow.running import Here, Run, there
from orthoweave.core.workflow.state import read_state

from .chain import chain


def run(folder, graph=None, *, retries=0, resume=True, progress=SILENT):
    """Run a chain; return the status of every task by name."""
    graph = graph or chain(folder)
    made = Run(graph, read_state(folder), lambda _: None)
    made.go(Here(folder, retries), resume=resume, progress=progress)
    return {name: outcome.status for name, outcome in made.outcomes.items()}


def text(folder, name="mosaic"):
    with open(os.path.join(folder, f"{name}.txt"), encoding="utf-8") as file:
        return file.read()


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)


def test_tasks_run_after_what_they_need(folder):
    assert set(run(folder).values()) == {"done"}
    assert text(folder) == "ababm"


def test_a_second_run_does_nothing(folder):
    run(folder)
    assert set(run(folder).values()) == {"skipped"}
    assert set(run(folder, resume=False).values()) == {"done"}


def test_only_what_stands_behind_a_change_runs_again(folder):
    run(folder)
    found = run(folder, chain(folder, words={"b2": "x"}))
    again = {name for name, status in found.items() if status == "done"}
    assert again == {"b2", "mosaic"}
    assert text(folder) == "abaxm"


@pytest.mark.parametrize("stopped", ["a1", "b1", "a2", "b2", "mosaic"])
def test_a_run_that_was_stopped_anywhere_goes_on(folder, stopped):
    with pytest.raises(ZeroDivisionError):
        run(folder, chain(folder, {stopped: "bug"}))
    found = run(folder)
    assert text(folder) == "ababm"
    assert found[stopped] == "done"


def test_a_failure_stops_only_what_needs_it(folder):
    found = run(folder, chain(folder, {"a1": "always"}))
    assert found == {
        "a1": "failed",
        "b1": "not reached",
        "a2": "done",
        "b2": "done",
        "mosaic": "not reached",
    }
    with open(os.path.join(folder, "logs", "prepare", "a1.err"), encoding="utf-8") as file:
        assert file.read() == "a has no solution.\n"


def test_too_little_memory_is_tried_again_with_half_of_it(folder):
    trouble = {"a1": "memory"}
    assert run(folder, chain(folder, trouble))["a1"] == "failed"
    assert run(folder, chain(folder, trouble), retries=1)["a1"] == "done"


def test_logs_hold_what_was_said(folder):
    run(folder)
    with open(os.path.join(folder, "logs", "mosaic", "mosaic.out"), encoding="utf-8") as file:
        said = file.read()
    assert "Adding m." in said and "m is good." in said


def test_the_log_of_a_bug_holds_its_traceback(folder):
    with pytest.raises(ZeroDivisionError):
        run(folder, chain(folder, {"a1": "bug"}))
    with open(os.path.join(folder, "logs", "prepare", "a1.err"), encoding="utf-8") as file:
        assert "Traceback" in file.read()


def test_logs_can_be_packed(folder):
    run(folder)
    with zipfile.ZipFile(pack(folder)) as file:
        assert "logs/mosaic/mosaic.out" in file.namelist()


def test_cancelling_leaves_what_is_finished(folder):
    class Stopping(Progress):
        def cancelled(self):
            return os.path.exists(os.path.join(folder, "b1.txt"))

    with pytest.raises(Cancelled):
        run(folder, progress=Stopping())
    assert not os.path.exists(os.path.join(folder, "mosaic.txt"))
    assert "skipped" in run(folder).values()


def test_progress_rises_to_one(folder):
    class Heard(Progress):
        def __init__(self):
            self.found = []

        def advance(self, fraction):
            self.found.append(fraction)

    heard = Heard()
    run(folder, progress=heard)
    assert heard.found == sorted(heard.found)
    assert heard.found[-1] == 1.0


def test_each_task_gives_back_the_memory_it_freed(folder, monkeypatch):
    given = []
    monkeypatch.setattr(logs, "give_back", lambda: given.append(1))
    assert len(run(folder)) == len(given) > 1


def test_tasks_on_workers_stop_when_the_run_has_ended(folder):
    sent = []

    class Client(SimpleNamespace):
        def submit(self, work, *told, pure):
            sent.append(pickle.loads(pickle.dumps(told[-1])))
            return len(sent)

        def cancel(self, futures):
            assert futures == [1]

    cluster = SimpleNamespace(client=Client(), refuse_unseen=lambda paths: None)
    with there(cluster, folder) as pool:
        pool.start(chain(folder)["a1"])
        sent[0].check()
    with pytest.raises(Cancelled):
        sent[0].check()
    assert os.listdir(folder) == []
