# SPDX-License-Identifier: GPL-2.0-or-later
"""A Dask cluster: found by its address, and given the work that threads would do here."""

from __future__ import annotations

import json
import os
import pkgutil
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from typing import Any

from .deps import require
from .errors import ImageIOError, InvalidOption
from .executor import Ended
from .progress import Elsewhere, Progress
from .raster import handles

PATIENCE = 10
"""Seconds until somebody must have answered."""

WORKLESS = 30
"""Seconds that a cluster may be without workers; they may be starting again."""

PACKAGE = __name__.partition(".")[0]


@contextmanager
def spread(address: str | None, inputs: Sequence[str], progress: Progress) -> Iterator[Progress]:
    """Give the progress of a run whose work goes to the Dask scheduler at an address, if any.

    Work of a run within another one goes where that of the other one goes. Raises InvalidOption
    when nobody answers, or when workers cannot do the work or not see the files `inputs`.
    """
    if not address or progress.workers is not None:
        yield progress
        return
    with connected(address) as cluster:
        cluster.refuse_unseen(inputs)
        yield Elsewhere(progress, cluster)


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to the Dask scheduler at an address, or in the file that it wrote.

    Raises InvalidOption when nobody answers there, or workers do not have this package.
    """
    distributed = require("dask", "SCHEDULER")
    try:
        found = _address(address)
        # a client that nobody answers lives on, and may keep the next one from starting
        distributed.utils.LoopRunner().run_sync(_greet, distributed, found)
        client = distributed.Client(found, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidOption(
            f"SCHEDULER: no Dask scheduler answers at {address} ({error})."
        ) from error
    with client:
        cluster = Cluster(client, address)
        cluster.refuse_unfit()
        yield cluster


def _address(text: str) -> str:
    """Return an address, which may stand in a file that the scheduler wrote."""
    if not (os.path.exists(text) or text.endswith(".json")):
        return text
    with open(text, encoding="utf-8") as file:
        known = json.load(file)
    address = known.get("address") if isinstance(known, dict) else None
    if not isinstance(address, str):
        raise ValueError("the file holds no address")
    return address


async def _greet(distributed: Any, address: str) -> None:
    """Find out whether anybody answers at an address."""
    how = distributed.Security().get_connection_args("client")
    answer = await distributed.comm.connect(address, timeout=PATIENCE, **how)
    await answer.close()


class Cluster:
    """The workers behind a scheduler (the Workers of a progress)."""

    def __init__(self, client: Any, address: str) -> None:
        self.client, self.address = client, address

    def refuse_unfit(self) -> None:
        """Raise InvalidOption unless there are workers and all of them have this package."""
        try:
            self.client.wait_for_workers(1, timeout=PATIENCE)
        except OSError as error:
            raise InvalidOption("SCHEDULER: this cluster has no workers. Start some.") from error
        here = pkgutil.get_data(PACKAGE, "metadata.txt")
        try:
            there = self.client.run(pkgutil.get_data, PACKAGE, "metadata.txt")
        except (OSError, ImportError) as error:
            raise InvalidOption(
                f"SCHEDULER: a worker cannot load {PACKAGE} ({error}). Install what it needs there."
            ) from error
        strange = sorted(worker for worker, found in there.items() if found != here)
        if strange:
            raise InvalidOption(
                f"SCHEDULER: {len(strange)} of {len(there)} workers ({strange[0]}) do not have "
                f"this version of {PACKAGE}. Put the folder that holds it on their PYTHONPATH."
            )
        try:
            # newer schedulers look at the work that they hand on
            self.client.submit(_unseen, [], pure=False).result()
        except (RuntimeError, ImportError) as error:
            raise InvalidOption(
                f"SCHEDULER: the scheduler cannot load {PACKAGE}. Put the folder that holds it on "
                "the PYTHONPATH of the scheduler, too."
            ) from error

    def refuse_unseen(self, paths: Sequence[str]) -> None:
        """Raise InvalidOption when a worker does not see one of the files that exist here."""
        known = [os.path.abspath(path) for path in paths if os.path.exists(path)]
        for worker, blind in sorted(self.client.run(_unseen, known).items()):
            if blind:
                folder, name = os.path.split(blind[0])
                raise InvalidOption(
                    f"SCHEDULER: worker {worker} cannot see {folder} ({name}). Choose a folder "
                    "that all machines share."
                )

    def each(
        self, work: Callable[[Any], Any], items: Iterable[Any], check: Callable[[], None]
    ) -> Generator[Any, None, None]:
        """Yield work(item) for every item in their order; few are on their way at once.

        Results wait where they were made. Raises ImageIOError when the cluster fails.
        """
        ends = Ended.of(work)
        with self._answering():
            (job,) = self.client.scatter([_Job(ends.work)], broadcast=True, hash=False)
            most = 2 * sum(self.client.nthreads().values())
        waiting: deque[Any] = deque()
        try:
            for item in items:
                waiting.append(self.client.submit(_do, job, ends.before(item), pure=False))
                if len(waiting) > most:
                    yield ends.after(self._done(waiting.popleft(), check))
            while waiting:
                yield ends.after(self._done(waiting.popleft(), check))
        finally:
            self.client.cancel(list(waiting))

    def _done(self, future: Any, check: Callable[[], None]) -> Any:
        found, decoded = self.result(self.first([future], check))
        handles.add_read(decoded)
        return found

    def first(self, futures: Sequence[Any], check: Callable[[], None]) -> Any:
        """Return the first of some futures that ends; `check` raises to stop.

        Raises ImageIOError when the cluster fails.
        """
        distributed = require("dask", "SCHEDULER")
        last = time.monotonic()
        with self._answering(), self.client.as_current():
            while True:
                check()
                try:
                    return next(iter(distributed.wait(futures, 0.5, "FIRST_COMPLETED").done))
                except distributed.TimeoutError:
                    last = time.monotonic() if self.client.nthreads() else last
                if time.monotonic() - last > WORKLESS:
                    raise OSError("it has no workers any more")

    def result(self, future: Any) -> Any:
        """Return the result of a future that has ended, or raise the error of its work.

        Raises ImageIOError when the cluster lost it.
        """
        killed = require("dask", "SCHEDULER").KilledWorker
        try:
            return future.result()
        except (killed, CancelledError) as error:
            raise self._failed("its workers ended") from error

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn errors of the connection into a sentence."""
        try:
            yield
        except OSError as error:
            raise self._failed(str(error) or type(error).__name__) from error
        except CancelledError as error:
            raise self._failed("its workers or its scheduler ended") from error

    def _failed(self, reason: str) -> ImageIOError:
        return ImageIOError(
            f"The Dask cluster at {self.address} failed: {reason}. See its logs, or leave "
            "SCHEDULER empty."
        )


class _Job:
    """Work as a worker has it: files that it opens stay open as long as it is there."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self.work = work

    def __getstate__(self) -> dict[str, Any]:
        return {"work": self.work}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.work = state["work"]
        files = ExitStack()
        files.enter_context(handles.opened())
        weakref.finalize(self, files.close)


def _do(job: _Job, item: Any) -> tuple[Any, int]:
    """Return what comes of an item, and the bytes that were read for it."""
    before = handles.thread_read()
    found = job.work(item)
    return found, handles.thread_read() - before


def _unseen(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not os.path.exists(path)]
