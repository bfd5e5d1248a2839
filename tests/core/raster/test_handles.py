# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError
from orthoweave.core.raster import bytes_read, handles, open_image
from orthoweave.core.windows import Window, swaths, tiling
from osgeo import gdal

SQUARE = ("BLOCKXSIZE=128", "BLOCKYSIZE=128")


@pytest.fixture(autouse=True)
def closed():
    """End without open files and kept blocks."""
    yield
    assert not handles._pool.handles and not len(handles._pool.strips)
    assert not handles._pool.users and not handles._pool.strips.bytes


@pytest.fixture
def run():
    """Keep files and blocks during the test."""
    with handles.opened():
        yield


@pytest.fixture
def image(write):
    """A file of 2 bands, 700 × 1100 px, and its values."""

    def make(name="a.tif", shape=(2, 700, 1100), options=None, dtype=np.uint16):
        values = np.random.default_rng(1).integers(0, 255, shape).astype(dtype)
        options = options or ("TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=128")
        return open_image(write(name, values, options=options)), values

    return make


@pytest.mark.parametrize(
    "options",
    [
        ("TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=128"),
        ("BLOCKYSIZE=1",),
        ("BLOCKYSIZE=37",),
        ("BLOCKYSIZE=700",),
        ("TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16", "INTERLEAVE=BAND"),
    ],
)
@pytest.mark.parametrize("limits", [(8192, 1 << 22), (300, 20000)])
def test_any_window_has_the_pixels_of_the_file(image, options, limits, monkeypatch, run):
    monkeypatch.setattr(handles, "LONG", limits[0])
    monkeypatch.setattr(handles, "LARGE", limits[1])
    found, values = image(options=options)
    rng = np.random.default_rng(3)
    for _ in range(25):
        col, row = int(rng.integers(0, 1000)), int(rng.integers(0, 600))
        window = Window(col, row, int(rng.integers(1, 700)), int(rng.integers(1, 500)))
        window = window.clipped(found.grid.window)
        read = handles.read_values(found.stored, window)
        np.testing.assert_array_equal(read, values[(slice(None), *window.slices)])


@pytest.mark.parametrize("size", [(512, 512), (333, 97), (100, 700)])
def test_windows_that_do_not_end_with_blocks_decode_no_block_twice(image, size, run):
    found, values = image()
    before = bytes_read()
    for window in tiling(found.grid.window, *size):
        handles.read_values(found.stored, window)
    assert bytes_read() - before == values.nbytes


def test_threads_wait_for_a_block_instead_of_decoding_it_again(image, monkeypatch, run):
    found, values = image()
    decode = handles._decode

    def slowly(*arguments):
        time.sleep(0.005)
        return decode(*arguments)

    monkeypatch.setattr(handles, "_decode", slowly)
    before = bytes_read()
    windows = list(swaths(found.grid.window, 8192, 200, 100))
    with ThreadPoolExecutor(6) as pool:
        parts = list(pool.map(lambda w: handles.read_values(found.stored, w), windows))
    for window, part in zip(windows, parts):
        np.testing.assert_array_equal(part, values[(slice(None), *window.slices)])
    assert bytes_read() - before == values.nbytes


def test_a_failure_reaches_the_threads_that_wait_and_blocks_nobody(image, monkeypatch):
    found, _ = image()
    started = threading.Event()

    def fail(*_):
        started.set()
        time.sleep(0.05)
        raise ImageIOError("broken")

    monkeypatch.setattr(handles, "_decode", fail)
    window = Window(10, 10, 50, 50)

    def late(_):
        started.wait(5)
        handles.read_values(found.stored, window)

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(handles.read_values, found.stored, window), pool.submit(late, 0)]
        for job in jobs:
            with pytest.raises(ImageIOError, match="broken"):
                job.result(10)
    monkeypatch.undo()
    assert handles.read_values(found.stored, window).shape == (2, 50, 50)


def test_kept_blocks_stay_within_their_limit_and_passed_ones_go_first(image, monkeypatch, run):
    found, values = image()
    block = 2 * 256 * 128 * 2
    monkeypatch.setattr(handles, "BLOCKS", 8 * block)
    before = bytes_read()
    for window in tiling(found.grid.window, 1100, 100):
        handles.read_values(found.stored, window)
        assert handles._pool.strips.bytes <= 8 * block
    # a row of 5 blocks is needed by the next row of windows; 8 are enough
    assert bytes_read() - before == values.nbytes


def test_files_are_reopened_after_some_megabytes_and_closed_with_the_last_run(image, monkeypatch):
    found, _ = image()
    opened = []
    real = gdal.OpenEx
    monkeypatch.setattr(handles.gdal, "OpenEx", lambda *a: opened.append(a) or real(*a))
    monkeypatch.setattr(handles, "REFRESH", 200000)
    with handles.opened():
        with handles.opened():
            for window in tiling(found.grid.window, 256, 128):
                handles.read_values(found.stored, window)
        assert len(opened) == pytest.approx(2 * 2 * 700 * 1100 / 200000, rel=0.35)
        assert handles._pool.handles
    assert not handles._pool.handles


def open_files(folder):
    """Files below a folder that this process has open."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return [path for path in found if path.startswith(str(folder))]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs the list of open files")
@pytest.mark.parametrize("inside", [False, True])
def test_a_read_outside_of_a_run_leaves_no_file_open(write, tmp_path, inside):
    values = np.ones((2, 40, 50), np.uint8)
    found = open_image(write("a.tif", values, mask=np.eye(40, 50, dtype=bool)))
    with handles.opened() if inside else contextlib.nullcontext():
        found.read(Window(3, 3, 20, 20))
        assert bool(open_files(tmp_path)) == inside
    assert not open_files(tmp_path)


def test_a_file_that_is_rewritten_between_two_reads_has_its_new_pixels(write):
    for value in (1, 2, 3):
        path = write("a.tif", np.full((1, 300, 300), value, np.uint8))
        found = open_image(path)
        assert (found.read(Window(5, 5, 40, 40)).values == value).all()


def test_the_files_of_a_thread_may_be_closed_while_it_counts(monkeypatch):
    class Forgetful(dict):
        def __setitem__(self, key, value):
            """Lose everything at once, as if another thread had closed."""

    monkeypatch.setattr(handles._pool, "fresh", Forgetful())
    handles._pool.count(0, 0)


def test_a_thread_has_few_files_open(write, monkeypatch, run):
    monkeypatch.setattr(handles, "HANDLES", 3)
    images = [open_image(write(f"{n}.tif", np.full((9, 9), n, np.uint8))) for n in range(7)]
    for number, image in enumerate(images):
        assert image.read(image.grid.window).values[0, 0, 0] == number
        (mine,) = handles._pool.handles.values()
        assert len(mine) <= 3


def test_bands_of_different_types_are_read_in_the_type_that_holds_all(write):
    whole = write("w.tif", np.array([[2**24 + 1, -5]], np.int32))
    small = write("s.tif", np.array([[1, 255]], np.uint8))
    path = whole.replace("w.tif", "v.vrt")
    gdal.BuildVRT(path, [whole, small], separate=True)
    image = open_image(path)
    assert image.dtype == np.int32
    assert image.read(image.grid.window).values.tolist() == [[[2**24 + 1, -5]], [[1, 255]]]


def test_a_file_that_is_gone_is_a_sentence(write, tmp_path):
    image = open_image(write("a.tif", np.ones((9, 9), np.uint8)))
    (tmp_path / "a.tif").unlink()
    with pytest.raises(ImageIOError, match=r"^a\.tif: window \(0, 0, 9, 9\) cannot be read: "):
        image.read(image.grid.window)


def test_blocks_that_overlapping_windows_have_passed_make_room_for_those_to_come(
    image, monkeypatch, run
):
    found, values = image("b.tif", shape=(2, 1024, 2048), options=("TILED=YES", *SQUARE))
    # of the three rows of blocks that a row of windows needs, two and a half have room
    monkeypatch.setattr(handles, "BLOCKS", int(2.5 * 16 * 2 * 2 * 128 * 128))
    before = bytes_read()
    for window in swaths(found.grid.window, 2048, 256, 128):
        near = window.padded(30).clipped(found.grid.window)
        part = handles.read_values(found.stored, near, keep=True)
        np.testing.assert_array_equal(part, values[(slice(None), *near.slices)])
    assert bytes_read() - before == values.nbytes
