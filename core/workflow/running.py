# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks done in their order, here or on a cluster; those that still hold are skipped."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from ..cluster import Cluster
from ..progress import SILENT, Progress
from ..stage import mark, write_text
from .logs import FAILURES, Performed, perform, sentence
from .state import State
from .tasks import Graph, Task

Done = Callable[[], Performed]


@dataclass(frozen=True)
class Outcome:
    """How a task ended: one of STATES, the seconds it took, and why it failed."""

    status: str
    seconds: float = 0.0
    reason: str = ""


class Place(Protocol):
    """Where tasks are done."""

    @property
    def room(self) -> bool:
        """True when one more task can be taken over now."""

    def start(self, task: Task) -> None:
        """Take over a task."""

    def next(self, progress: Progress) -> tuple[Task, Done]:
        """Return a task that has ended; calling what comes with it gives or raises its outcome."""


class _Watching(Progress):
    """Listens to a task on a worker; as long as a file is there nobody has asked it to stop."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[type[_Watching], tuple[str]]:
        return (_Watching, (self._path,))

    def cancelled(self) -> bool:
        return not os.path.exists(self._path)


class Here:
    """Does the tasks one after the other in this process; each uses all threads."""

    def __init__(self, folder: str, retries: int = 0) -> None:
        self._folder, self._retries = folder, retries
        self._waiting: deque[Task] = deque()

    @property
    def room(self) -> bool:
        """True when no task waits here."""
        return not self._waiting

    def start(self, task: Task) -> None:
        """Take over a task."""
        self._waiting.append(task)

    def next(self, progress: Progress) -> tuple[Task, Done]:
        """Do the task that has waited longest."""
        task = self._waiting.popleft()
        return task, lambda: perform(task, self._folder, self._retries, progress)


class There:
    """Does the tasks on a Dask cluster, all that are ready at once; logs are written there.

    They stop when the file `probe` is gone.
    """

    def __init__(self, cluster: Cluster, folder: str, retries: int = 0, probe: str = "") -> None:
        self._cluster, self._folder, self._retries = cluster, folder, retries
        self._listener = _Watching(probe) if probe else SILENT
        self._running: dict[Any, Task] = {}

    @property
    def room(self) -> bool:
        """Always: the scheduler keeps them."""
        return True

    def start(self, task: Task) -> None:
        """Send a task to a worker."""
        client = self._cluster.client
        told = (task, self._folder, self._retries, self._listener)
        future = client.submit(perform, *told, pure=False)
        self._running[future] = task

    def next(self, progress: Progress) -> tuple[Task, Done]:
        """Wait for the first task that ends."""
        future = self._cluster.first(list(self._running), progress.check)
        return self._running.pop(future), partial(self._cluster.result, future)

    def stop(self) -> None:
        """Take back what has not ended."""
        self._cluster.client.cancel(list(self._running))


@contextmanager
def there(cluster: Cluster, folder: str, retries: int = 0) -> Iterator[There]:
    """Give a place on a cluster; raises InvalidOption when a worker does not see the folder.

    Dask cannot end a task that has begun; it looks whether a file of this run is still there.
    """
    probe = os.path.join(folder, f".running.{mark()}")
    write_text(probe, "")
    try:
        cluster.refuse_unseen([probe])
        pool = There(cluster, folder, retries, probe)
        try:
            yield pool
        finally:
            pool.stop()
    finally:
        os.remove(probe)


class Run:
    """A run of a graph of tasks; `listener` hears the outcomes after every change."""

    def __init__(
        self, graph: Graph, state: State, listener: Callable[[Mapping[str, Outcome]], None]
    ) -> None:
        self.outcomes = {task.name: Outcome("waiting") for task in graph.tasks}
        self._graph, self._state, self._tell = graph, state, listener

    def go(self, pool: Place, *, resume: bool = True, progress: Progress = SILENT) -> None:
        """Do every task that can be done; a failure stops only those that need what it makes.

        Raises Cancelled once the user asked to stop, and every error that is a bug.
        """
        sorter = self._graph.sorter()
        ready, running = deque(sorter.get_ready()), 0
        while ready or running:
            progress.check()
            if running and not (ready and pool.room):
                task, done = pool.next(self._part(progress))
                running -= 1
                if self._finished(task, done, progress):
                    sorter.done(task.name)
            elif resume and self._state.holds(self._graph[ready[0]]):
                name = ready.popleft()
                self._set(name, Outcome("skipped", self._state.done[name].seconds))
                sorter.done(name)
            else:
                task = self._graph[ready.popleft()]
                self._state.forget(task.name)
                self._set(task.name, Outcome("running"))
                pool.start(task)
                running += 1
            ready.extend(sorter.get_ready())
            progress.advance(self._ended)

    def _finished(self, task: Task, done: Done, progress: Progress) -> bool:
        """Take note of how a task ended; return True when others may build on it."""
        try:
            performed = done()
        except FAILURES as error:
            progress.warn(f"{task.name} failed: {sentence(error)}")
            self._set(task.name, Outcome("failed", reason=sentence(error)))
            for name in self._graph.behind([task.name]):
                self._set(name, Outcome("not reached"))
            return False
        self._state.add(task, performed.seconds)
        self._set(task.name, Outcome("done", performed.seconds))
        return True

    def _part(self, progress: Progress) -> Progress:
        """Return the share of the progress that belongs to the next task."""
        ended = self._ended
        return progress.part(ended, ended + 1 / len(self.outcomes))

    @property
    def _ended(self) -> float:
        """Fraction of the tasks that have ended."""
        ended = sum(one.status not in ("waiting", "running") for one in self.outcomes.values())
        return ended / len(self.outcomes)

    def _set(self, name: str, outcome: Outcome) -> None:
        self.outcomes[name] = outcome
        self._tell(self.outcomes)
