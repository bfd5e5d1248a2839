# SPDX-License-Identifier: GPL-2.0-or-later
"""The only pool: work on many windows, results in order, few in flight."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

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
    are closed at the end, unless another run still reads.
    """
    count = processors(threads)
    run = _serial if count == 1 else _pooled
    progress.check()
    # closing: no thread is left when the files are closed, also after an error
    with handles.opened(), closing(run(work, items, count)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            progress.check()
            yield outcome
            if total:
                progress.advance(done / total)


def _serial(
    work: Callable[[Item], Done], items: Iterable[Item], count: int
) -> Generator[Done, None, None]:
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
