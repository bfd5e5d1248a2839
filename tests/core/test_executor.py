# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from orthoweave.core import executor
from orthoweave.core.errors import Cancelled
from orthoweave.core.executor import Ended, each, processors
from orthoweave.core.raster import handles, open_image


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_results_come_in_order_and_the_progress_ends_at_one(threads, listen):
    heard = listen()

    def work(item):
        time.sleep(0.002 * (item % 3))
        return item * item

    found = list(each(work, range(30), threads=threads, progress=heard, total=30))
    assert found == [i * i for i in range(30)]
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1.0


@pytest.mark.parametrize("threads", [1, 3])
def test_few_results_wait(threads):
    started = []
    running = each(lambda item: started.append(item), range(100), threads=threads)
    next(running)
    assert len(started) <= 2 * threads
    running.close()
    assert len(started) <= 2 * threads


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_of_the_work_arrives_and_no_thread_is_left(threads):
    def work(item):
        if item == 5:
            raise KeyError(item)
        return item

    with pytest.raises(KeyError):
        list(each(work, range(50), threads=threads))
    assert not [t for t in threading.enumerate() if t.name.startswith("orthoweave")]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("after", [0, 4])
def test_a_stop_is_heard_between_items(threads, after, listen):
    done = []
    with pytest.raises(Cancelled):
        for item in each(lambda i: i, range(50), threads=threads, progress=listen(after)):
            done.append(item)
    assert len(done) == max(0, after - 1) or len(done) == after
    assert not [t for t in threading.enumerate() if t.name.startswith("orthoweave")]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("fails", [False, True])
def test_files_are_closed_at_the_end_whatever_happens(write, threads, fails):
    image = open_image(write("a.tif", np.ones((40, 40), np.uint8)))

    def work(item):
        image.read(image.grid.window)
        if fails and item == 3:
            raise KeyError
        time.sleep(0.002)

    try:
        list(each(work, range(9), threads=threads))
    except KeyError:
        assert fails
    assert not handles._pool.handles and not len(handles._pool.strips)


def test_overlapping_runs_do_not_close_the_files_of_each_other(write):
    rng = np.random.default_rng(2)
    values = rng.integers(1, 9, (1, 64, 64)).astype(np.uint8)
    masks = [rng.random((64, 64)) < 0.5 for _ in range(4)]
    images = [open_image(write(f"{n}.tif", values, mask=m)) for n, m in enumerate(masks)]
    assert all(image.has_mask for image in images)
    wrong = []

    def work(number):
        image, mask = images[number % 4], masks[number % 4]
        pixels = image.read(image.grid.window)
        if not (np.array_equal(pixels.valid, mask) and np.array_equal(pixels.values, values)):
            wrong.append(number)

    def many(count, length):
        for _ in range(count):
            list(each(work, range(length), threads=2))

    runs = [threading.Thread(target=many, args=how) for how in ((15, 4), (4, 15))]
    for run in runs:
        run.start()
    for run in runs:
        run.join(20)
    assert not wrong and not any(run.is_alive() for run in runs)
    assert not handles._pool.handles and not handles._pool.users


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_that_ends_leaves_the_files_of_another_one_open(write, threads):
    image = open_image(write("a.tif", np.ones((40, 40), np.uint8)))
    first, second = (
        each(lambda _: image.read(image.grid.window), range(9), threads=threads) for _ in range(2)
    )
    next(first)
    open_before = len(handles._pool.handles)
    list(second)
    assert len(handles._pool.handles) >= open_before > 0
    next(first)
    first.close()
    assert not handles._pool.handles and not len(handles._pool.strips)


def test_zero_threads_means_the_processors_of_this_process(monkeypatch):
    assert processors(3) == 3
    monkeypatch.setattr(executor.os, "sched_getaffinity", lambda _: {0, 1, 5})
    assert processors(0) == 3
    monkeypatch.delattr(executor.os, "sched_getaffinity")
    monkeypatch.setattr(executor.os, "cpu_count", lambda: None)
    assert processors(0) == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_both_ends_of_work_run_in_its_thread(threads):
    def ended(steps):
        return [*steps, threading.get_ident()]

    work = Ended(ended, lambda item: [item, threading.get_ident()], ended)
    for number, (item, *idents) in enumerate(each(work, range(9), threads=threads)):
        assert item == number and len(idents) == 3 and len(set(idents)) == 1
