# SPDX-License-Identifier: GPL-2.0-or-later
"""The only pool: work on many windows, results in order, few in flight.

Threads of this process, unless the progress of the run names other processes: then the same calls
go there. So work must not change what it holds; what has to is the end of an `Ended` work.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeVar

from .progress import SILENT, Progress
from .raster import handles

Item = TypeVar("Item")
Done = TypeVar("Done")


def processors(threads: int) -> int:
    """Return the number of threads to use; 0 means every processor this process may use."""
    if threads > 0:
        return threads
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Ended:
    """Work whose ends stay in this process, because they read or change what it holds.

    `work` may be done anywhere: it gets what `before` makes of an item, and `after` gets what it
    gives. All three run in the same thread where there are only threads.
    """

    work: Callable[[Any], Any]
    before: Callable[[Any], Any] = _same
    after: Callable[[Any], Any] = _same

    @classmethod
    def of(cls, work: Callable[[Any], Any]) -> Ended:
        """Return work as it is, or without ends."""
        return work if isinstance(work, Ended) else cls(work)

    def __call__(self, item: Any) -> Any:
        """Do all of it."""
        return self.after(self.work(self.before(item)))


def each(
    work: Callable[[Item], Done],
    items: Iterable[Item],
    *,
    threads: int = 0,
    progress: Progress = SILENT,
    total: int = 0,
) -> Iterator[Done]:
    """Yield work(item) for every item, in the order of the items.

    At most two results per thread wait or are being worked on. `total` items make the progress
    1.0. Raises Cancelled between two items once the user asked to stop. Files that `work` opened
    are closed at the end, unless another run still reads. `work` is done where the progress says,
    unless there is one item only.
    """
    progress.check()
    # closing: no thread is left when the files are closed, also after an error
    with handles.opened(), closing(_done(work, items, threads, progress)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            progress.check()
            yield outcome
            if total:
                progress.advance(done / total)


def _done(
    work: Callable[[Item], Done], items: Iterable[Item], threads: int, progress: Progress
) -> Generator[Done, None, None]:
    workers, count = progress.workers, processors(threads)
    if workers is not None:
        items = iter(items)
        first = list(islice(items, 2))
        items = chain(first, items)
        if len(first) > 1:
            return workers.each(work, items, progress.check)
    return _serial(work, items) if count == 1 else _pooled(work, items, count)


def _serial(work: Callable[[Item], Done], items: Iterable[Item]) -> Generator[Done, None, None]:
    for item in items:
        yield work(item)


def _pooled(
    work: Callable[[Item], Done], items: Iterable[Item], count: int
) -> Generator[Done, None, None]:
    waiting: deque[Future[Done]] = deque()
    pool = ThreadPoolExecutor(count, thread_name_prefix="orthoweave")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
