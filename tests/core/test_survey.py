# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest
from orthoweave.core import survey as module
from orthoweave.core.image import read_padded
from orthoweave.core.placement import common_canvas, onto
from orthoweave.core.progress import SILENT
from orthoweave.core.raster import bytes_read, handles, open_image
from orthoweave.core.survey import Missing, survey, survey_missing
from orthoweave.core.windows import Window


class Own:
    """Counts how often each pixel of each image is fed, and whether with its own values."""

    def __init__(self, images):
        self.counts = [np.zeros((i.grid.height, i.grid.width), int) for i in images]
        self.whole = [i.read(i.grid.window) for i in images]
        self.log = []

    def feed(self, index, window, pixels):
        whole = self.whole[index].cropped(*window.slices)
        np.testing.assert_array_equal(pixels.values, whole.values)
        np.testing.assert_array_equal(pixels.valid, whole.valid)
        return index, window, float(pixels.values.astype(np.float64).sum())

    def merge(self, partial):
        index, window, total = partial
        self.counts[index][window.slices] += 1
        self.log.append(partial)


class Joint:
    """Compares every part with the image seen on the canvas, and counts canvas pixels."""

    def __init__(self, images, canvas, step=256):
        self.step = step
        self.counts = np.zeros((canvas.height, canvas.width), int)
        average = [i.grid.pixel_size[0] < canvas.pixel_size[0] * 2 / 3 for i in images]
        self.seen = [
            onto(i, canvas, "average" if a else "bilinear", strict=True)
            for i, a in zip(images, average)
        ]
        self.places = [canvas.placed(seen.grid) for seen in self.seen]
        self.log = []

    def feed(self, window, parts):
        assert window.col % self.step == window.row % self.step == 0
        assert window.width <= 1024 and window.height <= 512
        for index, part in parts.items():
            place = self.places[index]
            local = part.window.shifted(-place.col, -place.row)
            want = read_padded(self.seen[index], local, rounded=False)
            np.testing.assert_array_equal(part.pixels.valid, want.valid)
            np.testing.assert_array_equal(part.pixels.values, want.values)
        return window, sorted(parts), sum(float(p.pixels.valid.sum()) for p in parts.values())

    def merge(self, partial):
        self.counts[partial[0].slices] += 1
        self.log.append(partial)


def turned(x, y, degrees, pixel=10.0):
    c, s = pixel * math.cos(math.radians(degrees)), pixel * math.sin(math.radians(degrees))
    return (x, c, s, y, s, -c)


BASE = (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)
LAYOUTS = {
    "matching": (500000.0 + 7130, 10.0, 0.0, 5000000.0 - 1110, 0.0, -10.0),
    "offset": (500000.0 + 7133, 10.0, 0.0, 5000000.0 - 1114, 0.0, -10.0),
    "coarser": (500000.0 + 3000, 27.0, 0.0, 5000000.0 - 1110, 0.0, -27.0),
    "finer": (500000.0 + 3000, 4.0, 0.0, 5000000.0 - 1110, 0.0, -4.0),
    "south-up": (500000.0 + 3000, 10.0, 0.0, 5000000.0 - 9000, 0.0, 10.0),
    "turned": turned(502000.0, 4998000.0, 20),
    "quarter turn": turned(501000.0, 4999000.0, 90),
}


@pytest.fixture
def pair(write):
    """Two images, the second on another grid."""

    def make(transform, shape=(700, 1300), options=("TILED=YES",)):
        rng = np.random.default_rng(7)
        options = (*options, "BLOCKXSIZE=256", "BLOCKYSIZE=256") if options else ()
        images = []
        for name, at in (("a", BASE), ("b", transform)):
            values = rng.integers(1, 4000, (2, *shape)).astype(np.uint16)
            values[:, 100:140, 200:500] = 0
            path = write(f"{name}.tif", values, nodata=0, transform=at, options=options)
            images.append(open_image(path))
        return images

    return make


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_own_pixel_is_fed_once_and_every_joint_window_has_the_right_pixels(pair, layout):
    images = pair(LAYOUTS[layout])
    canvas = common_canvas(images)
    own, joint = Own(images), Joint(images, canvas)
    survey(images, own=[own], joint=[joint], canvas=canvas, threads=2)
    for counts in own.counts:
        assert (counts == 1).all()
    both = [place.clipped(canvas.window) for place in joint.places]
    overlap = both[0].clipped(both[1])
    assert (joint.counts[overlap.slices] == 1).all() and joint.counts.max() == 1
    assert not overlap.empty and all(parts == [0, 1] for _, parts, _ in joint.log)


@pytest.mark.parametrize("layout", ["offset", "turned"])
def test_partial_sums_are_the_same_for_any_number_of_threads(pair, layout):
    images = pair(LAYOUTS[layout])
    canvas = common_canvas(images)
    logs = []
    for threads in (1, 4):
        own, joint = Own(images), Joint(images, canvas)
        survey(images, own=[own], joint=[joint], canvas=canvas, threads=threads)
        logs.append((own.log, joint.log))
    assert logs[0] == logs[1]


@pytest.mark.parametrize("layout", ["matching", "offset"])
def test_windows_in_which_images_hold_much_are_halved_without_losing_a_pixel(
    pair, layout, monkeypatch
):
    images = pair(LAYOUTS[layout])
    canvas = common_canvas(images)
    # 2 images of 2 bands and 2 (direct) or 4 bytes
    monkeypatch.setattr(module, "HELD", 300 << 10)
    found = []
    for threads in (1, 3):
        own, joint = Own(images), Joint(images, canvas, 128)
        survey(images, own=[own], joint=[joint], canvas=canvas, threads=threads)
        assert all((counts == 1).all() for counts in own.counts)
        both = [place.clipped(canvas.window) for place in joint.places]
        assert (joint.counts[both[0].clipped(both[1]).slices] == 1).all()
        sides = {max(window.shape) for window, *_ in joint.log}
        assert min(sides) < 512 and joint.counts.max() == 1
        found.append((own.log, joint.log))
    assert found[0] == found[1]


def test_only_windows_with_many_images_are_small(write):
    paths = []
    for number, col in enumerate((0, 1024, 1024, 1024, 1024)):
        at = (500000.0 + 10 * col, 10.0, 0.0, 5000000.0, 0.0, -10.0)
        values = np.ones((9, 512, 1024), np.uint16)
        paths.append(write(f"{number}.tif", values, transform=at, options=("TILED=YES",)))
    images = [open_image(path) for path in paths]
    few, many = (Windows(), Windows()), (Windows(), Windows())
    canvas = common_canvas(images)
    survey(images, own=few[:1], joint=few[1:], canvas=canvas, threads=2)
    assert few[1].sides == [512] * 2 and set(few[0].sides) == {512}
    # eight images of 9 bands, 36 MiB in a window of 512 px
    images += images[1:]
    survey(images, own=many[:1], joint=many[1:], canvas=canvas, threads=2)
    assert many[1].sides == [256] * 8
    assert sorted(many[0].sides) == [256] * 8 * 8 + [512] * 2
    alone = Windows()
    survey(images, own=[alone], canvas=canvas, threads=2)
    assert set(alone.sides) == {512}


class Windows:
    """Remembers how wide the windows are."""

    def __init__(self):
        self.sides = []

    def feed(self, *how):
        return next(one for one in how if isinstance(one, Window)).width

    def merge(self, partial):
        self.sides.append(partial)


class Nothing:
    def feed(self, *_):
        return None

    def merge(self, partial):
        pass


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("shift", [(1300, 700), (1303.3, 707.7)])
def test_every_block_is_decoded_once(write, shift, threads):
    options = ("TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=LZW")
    values = np.ones((2, 3000, 5000), np.uint8)
    at = (500000.0 + 10 * shift[0], 10.0, 0.0, 5000000.0 - 10 * shift[1], 0.0, -10.0)
    paths = [
        write("a.tif", values, options=options, transform=BASE),
        write("b.tif", values, options=options, transform=at),
    ]
    images = [open_image(path) for path in paths]
    before = bytes_read()
    canvas = common_canvas(images)
    survey(images, own=[Nothing()], joint=[Nothing()], canvas=canvas, threads=threads)
    assert bytes_read() - before <= 1.05 * 2 * values.nbytes


def test_without_own_collectors_only_overlaps_are_read(pair):
    images = pair((500000.0 + 28000, 10.0, 0.0, 5000000.0, 0.0, -10.0), shape=(300, 3600))
    canvas = common_canvas(images)
    before = bytes_read()
    survey(images, joint=[Nothing()], canvas=canvas, threads=1)
    # an overlap of 800 px, in windows of 1024 px that lie on the canvas
    assert 0 < bytes_read() - before <= 2 * 300 * 4 * 2 * 1024


def test_a_single_image_is_its_own_canvas(pair):
    image = pair(BASE)[0]
    own = Own([image])
    survey([image], own=[own], joint=[Nothing()], canvas=image.grid, progress=SILENT)
    assert (own.counts[0] == 1).all()


@pytest.mark.parametrize("layout", ["matching", "offset", "turned"])
@pytest.mark.parametrize("threads", [1, 3])
def test_only_what_is_missing_is_read(pair, layout, threads):
    images = pair(LAYOUTS[layout])
    canvas = common_canvas(images)
    for wanted, pairs in (({1}, set()), (set(), {(0, 1)}), ({0}, {(0, 1)}), (set(), set())):
        own, joint = Own(images), Joint(images, canvas)
        missing = Missing(frozenset(wanted), frozenset(pairs), own, joint)
        started = bytes_read()
        survey_missing(images, missing, canvas=canvas, threads=threads)
        read = bytes_read() - started
        for index, counts in enumerate(own.counts):
            assert (counts == (index in wanted)).all()
        both = joint.places[0].clipped(joint.places[1]).clipped(canvas.window)
        assert (joint.counts[both.slices] > 0).any() == bool(pairs)
        if not wanted and not pairs:
            assert read == 0
        elif layout == "matching":
            sizes = [2 * 2 * image.grid.window.pixels for image in images]
            # blocks of 256 pixels round the common ground
            ground = 2 * 2 * (both.width + 512) * (both.height + 512) * len(pairs)
            assert read <= 1.2 * sum(sizes[index] for index in wanted) + 2 * ground


def test_blocks_below_each_other_are_decoded_once_however_wide_the_canvas(write, monkeypatch):
    options = ("TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=LZW")
    values = np.ones((1, 2048, 6000), np.uint8)
    at = (500000.0 + 10 * 4500, 10.0, 0.0, 5000000.0, 0.0, -10.0)
    paths = [
        write("a.tif", values, options=options, transform=BASE),
        write("b.tif", values, options=options, transform=at),
    ]
    images = [open_image(path) for path in paths]
    monkeypatch.setattr(handles, "BLOCKS", 8 * 512 * 512)
    before = bytes_read()
    canvas = common_canvas(images)
    survey(images, own=[Nothing()], joint=[Nothing()], canvas=canvas, threads=1)
    assert bytes_read() - before == 2 * values.nbytes
