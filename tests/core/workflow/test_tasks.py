# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.workflow.tasks import graph_of

from .chain import chain


def test_a_task_waits_for_those_that_write_its_inputs(tmp_path):
    graph = chain(str(tmp_path))
    assert graph.needs["mosaic"] == ("b1", "b2")
    names = [task.name for task in graph.tasks]
    assert names.index("a1") < names.index("b1") < names.index("mosaic")


def test_what_stands_behind_a_task_is_found(tmp_path):
    assert chain(str(tmp_path)).behind(["a2"]) == {"b2", "mosaic"}


def test_the_signature_follows_the_settings(tmp_path):
    task = chain(str(tmp_path))["a1"]
    assert replace(task, inputs=("x",)).signature == task.signature
    assert replace(task, settings={"word": "z"}).signature != task.signature


def test_equal_names_equal_outputs_and_circles_are_refused(tmp_path):
    first, second = (chain(str(tmp_path))[name] for name in ("a1", "a2"))
    with pytest.raises(InvalidOption, match="Two tasks are named a1"):
        graph_of([first, first])
    with pytest.raises(InvalidOption, match="a1 and a2 would both write"):
        graph_of([first, replace(second, outputs=first.outputs)])
    with pytest.raises(InvalidOption, match="wait for each other"):
        graph_of([replace(first, after=("a2",)), replace(second, after=("a1",))])
