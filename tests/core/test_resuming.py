# SPDX-License-Identifier: GPL-2.0-or-later
"""RESUME and DRY_RUN, as every run with many outputs has them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled
from orthoweave.core.options import Kind, option
from orthoweave.core.raster import handles, open_images
from orthoweave.core.requests import Images, ManyOutputs, Planned, Writing
from orthoweave.core.resuming import reusable, stamp
from orthoweave.core.write import paths_of, write_all


@dataclass(frozen=True)
class Request(Planned, Writing, ManyOutputs, Images):
    """A run as others are."""

    strength: float = option(Kind.NUMBER, "Strength", 1.0, help="Changes the pixels.")
    polygons: str | None = option(Kind.VECTOR, "Polygons", None, help="Changes them too.")


@pytest.fixture
def run(write, tmp_path, listen):
    """Copy three images; returns what was written."""
    arrays = [np.full((2, 40, 50), 10 * n + 5, np.uint8) for n in range(3)]
    paths = [write(f"in/{n}.tif", array) for n, array in enumerate(arrays)]
    out = [str(tmp_path / "out" / f"{n}.tif") for n in range(3)]

    def copy(heard=None, **how):
        request = Request(images=paths, output_folder=str(tmp_path / "out"), **how)
        return write_all(open_images(paths), out, request, heard or listen())

    copy.inputs, copy.outputs = paths, out
    return copy


def ages(paths):
    return [os.stat(path).st_mtime_ns for path in paths]


def test_without_resume_everything_is_written_anew(run):
    run()
    before = ages(run.outputs)
    assert [one.state for one in run()] == ["written"] * 3
    assert all(a != b for a, b in zip(ages(run.outputs), before))


def test_what_is_missing_or_changed_is_written_and_the_rest_is_kept(run):
    first = run(resume="check")
    os.remove(run.outputs[1])
    os.utime(run.inputs[2], (2e9, 2e9))
    again = run(resume="check", threads=2, memory=512)
    assert [one.state for one in again] == ["kept", "written", "written"]
    assert [one.valid_pixels for one in again] == [one.valid_pixels for one in first]
    for one, other in zip(again, first):
        np.testing.assert_array_equal(np.unique(one.sample), np.unique(other.sample))


@dataclass(frozen=True)
class Joint(Request):
    """A run whose outputs depend on all that is read, such as a folder of masks."""

    joint: ClassVar[bool] = True
    masks: str | None = option(Kind.TEXT, "Masks", None, help="A folder.")


def test_hidden_files_of_a_folder_do_not_make_an_output_old(write, tmp_path):
    paths = [write("in/a.tif", np.full((1, 40, 50), 7, np.uint8))]
    (tmp_path / "masks").mkdir()
    folders = {"output_folder": str(tmp_path / "out"), "masks": str(tmp_path / "masks")}
    request = Joint(images=paths, resume="check", **folders)

    def state():
        (one,) = write_all(open_images(paths), [str(tmp_path / "out" / "a.tif")], request)
        return one.state

    assert state() == "written"
    for name, expected in ((".directory", "kept"), ("a_CloudMask.tif", "written")):
        newer = tmp_path / "masks" / name
        newer.write_text("")
        os.utime(newer, (2e9, 2e9))
        assert state() == expected, name


def test_another_request_is_another_file_for_check_only(run, tmp_path):
    run(resume="check")
    assert [one.state for one in run(resume="exists", strength=2)] == ["kept"] * 3
    assert [one.state for one in run(resume="check", strength=2)] == ["written"] * 3
    layer = tmp_path / "p.gpkg"
    layer.write_text("")
    os.utime(layer, (1e9, 1e9))
    how = {"resume": "check", "polygons": f"{layer}|layername=p"}
    run(**how)
    assert [one.state for one in run(**how)] == ["kept"] * 3
    os.utime(layer, (2e9, 2e9))
    assert [one.state for one in run(**how)] == ["written"] * 3


def test_a_run_that_fails_keeps_what_it_has_finished_only_when_it_can_be_resumed(run, listen):
    heard = listen()
    run(heard)
    for path in run.outputs:
        os.remove(path)
    for resume, left in (("no", 0), ("check", 1)):
        with pytest.raises(Cancelled):
            run(listen(cancel_after=heard.asked // 2), resume=resume)
        done = [path for path in run.outputs if os.path.exists(path)]
        assert bool(done) == bool(left)
    assert {one.state for one in run(resume="check")} == {"kept", "written"}


def test_a_plan_writes_nothing(run, listen, tmp_path):
    heard = listen()
    planned = run(heard, dry_run=True)
    assert paths_of(planned) == () and not list(tmp_path.glob("out/*"))
    assert [one.state for one in planned] == ["planned"] * 3
    assert sum("50 × 40 px, 2 bands uint8, about" in text for text in heard.infos) == 3
    run(resume="check")
    states = [one.state for one in run(dry_run=True, resume="check")]
    assert states == ["kept"] * 3


def test_only_requests_with_the_option_leave_a_stamp(tmp_path):
    @dataclass(frozen=True)
    class Plain(Writing):
        """A run without outputs to resume."""

    assert stamp(Plain()) is None
    assert reusable(str(tmp_path / "none.tif"), None, Plain()) is None


def test_files_of_all_threads_together_are_limited(run):
    images = open_images(run.inputs)
    with handles.opened(), handles.limited(2, 1):
        for image in images:
            image.read(image.grid.window)
        here = [len(mine) for mine in handles._pool.handles.values()]
    assert here and max(here) <= 2
    assert not handles._pool.limits


def test_a_folder_of_outputs_holds_nothing_else(run):
    run(resume="check")
    names = sorted(path.name for path in Path(run.outputs[0]).parent.iterdir())
    assert names == ["0.qml", "0.tif", "1.qml", "1.tif", "2.qml", "2.tif"]
