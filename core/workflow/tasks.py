# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks of a long run: what each does, reads and writes, and which must come before which."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Protocol

from ..errors import InvalidOption
from ..progress import Progress
from ..provenance import plain
from ..version import package_version

STATES = ("waiting", "running", "done", "skipped", "failed", "not reached")
"""What can be said of a task; "skipped": its files of an earlier run still hold."""


class Work(Protocol):
    """What a task does; it pickles, so that it can be sent to another process."""

    def __call__(self, progress: Progress, share: float) -> None:
        """Do it with a share (0-1) of the memory that the run may use."""


@dataclass(frozen=True)
class Task:
    """One step of a run for one tile, region or run.

    `name` is unique and names its logs in folder `step`; `settings` are all values that change what
    it writes; `inputs` files and folders that it reads, `outputs` files that it writes. It waits
    for the tasks that write its inputs, and for those named in `after`.
    """

    name: str
    step: str
    work: Work
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    group: str = ""

    @property
    def signature(self) -> str:
        """Digest of version, step and settings: another one means that it must run again."""
        said = {"version": package_version(), "step": self.step, "settings": plain(self.settings)}
        text = json.dumps(said, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Graph:
    """Tasks in an order in which they can run, and the tasks that each waits for."""

    tasks: tuple[Task, ...]
    needs: Mapping[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> Task:
        """Return the task of a name."""
        return next(task for task in self.tasks if task.name == name)

    def sorter(self) -> TopologicalSorter[str]:
        """Return a prepared sorter: it gives tasks that are ready and takes those that are done."""
        sorter = TopologicalSorter(self.needs)
        sorter.prepare()
        return sorter

    def behind(self, names: Iterable[str]) -> set[str]:
        """Return the tasks that need one of these, directly or through others."""
        found, fresh = set[str](), set(names)
        while fresh:
            fresh = {task for task, needs in self.needs.items() if fresh & set(needs)} - found
            found |= fresh
        return found


def graph_of(tasks: Sequence[Task]) -> Graph:
    """Return tasks with what each waits for.

    Raises InvalidOption when two tasks have one name or write one file, or wait for each other.
    """
    names = [task.name for task in tasks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidOption(f"Two tasks are named {twice[0]}. Give tiles and regions other names.")
    writers: dict[str, str] = {}
    for task in tasks:
        for path in task.outputs:
            if path in writers:
                raise InvalidOption(f"{writers[path]} and {task.name} would both write {path}.")
            writers[path] = task.name
    needs = {
        task.name: tuple(
            dict.fromkeys(
                [*task.after, *(writers[path] for path in task.inputs if path in writers)]
            )
        )
        for task in tasks
    }
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise InvalidOption(
            f"These tasks wait for each other: {', '.join(error.args[1])}."
        ) from error
    places = {name: place for place, name in enumerate(order)}
    return Graph(tuple(sorted(tasks, key=lambda task: places[task.name])), needs)
