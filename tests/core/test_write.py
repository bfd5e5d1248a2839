# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from orthoweave.core import tally
from orthoweave.core import write as writing
from orthoweave.core.errors import Cancelled, ImageIOError, InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Cast, Details, Pixels, View, constant
from orthoweave.core.raster import bytes_read, handles, open_image
from orthoweave.core.write import write as write_image
from osgeo import gdal

ROOT = Path(__file__).resolve().parents[2]
USUAL = "COMPRESS=DEFLATE|PREDICTOR=auto|TILED=YES"
TRANSFORM = (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)


def options(**changed):
    usual = {
        "memory": 256, "threads": 1, "window_size": 0, "cog": False, "creation_options": USUAL,
        "build_overviews": False,
    }  # fmt: skip
    return SimpleNamespace(**{**usual, **changed})


def image(shape=(3, 300, 400), dtype=np.uint16, nodata=None, holes=0.2, **details):
    rng = np.random.default_rng(9)
    values = rng.integers(1, 200, shape).astype(dtype)
    valid = rng.random(shape[1:]) >= holes
    details.setdefault("validity", "mask" if holes else "all")
    grid = Grid(shape[2], shape[1], TRANSFORM)
    return ArrayImage(
        "a", grid, values, valid, nodata, ("", "", "")[: shape[0]], Details(**details)
    )


def test_what_is_written_is_what_was_computed(tmp_path, read_back, listen):
    heard, one = listen(), image(nodata=0)
    done = write_image(one, str(tmp_path / "m.tif"), options(), heard)
    found = read_back(done.path)
    np.testing.assert_array_equal(found.valid, one.valid)
    np.testing.assert_array_equal(found.values, np.where(one.valid, one.values, 0))
    assert done.valid_pixels == one.valid.sum() and done.moved_from_nodata == 0
    assert done.bytes == os.path.getsize(done.path)
    assert done.sample.shape[0] == 3 and done.sample.shape[1] <= 2 * writing.KEPT
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.qml", "m.tif"]
    band = found.dataset.GetRasterBand(1)
    mean = one.values[0][one.valid].mean()
    assert float(band.GetMetadataItem("STATISTICS_MEAN")) == pytest.approx(mean)


def test_statistics_of_large_images_are_samples_and_say_so(tmp_path, read_back, monkeypatch):
    monkeypatch.setattr(tally, "SAMPLES", 1000)
    one = image(holes=0)
    for size in (0, 128, 37):
        done = write_image(one, str(tmp_path / f"{size}.tif"), options(window_size=size))
        found = read_back(done.path)
        band = found.dataset.GetRasterBand(1)
        assert band.GetMetadataItem("STATISTICS_APPROXIMATE") == "YES"
        stride = 11  # the root of 120 000 / 1 000, rounded up
        expected = one.values[0, ::stride, ::stride].mean()
        assert float(band.GetMetadataItem("STATISTICS_MEAN")) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "changed",
    [
        {"creation_options": "TILED=NO|COMPRESS=LZW"},
        {"creation_options": "TILED=NO|BLOCKYSIZE=1"},
        {"creation_options": "BLOCKXSIZE=1024|BLOCKYSIZE=1024|COMPRESS=DEFLATE"},
        {"creation_options": "BLOCKXSIZE=16|BLOCKYSIZE=32|COMPRESS=DEFLATE"},
        {"creation_options": "INTERLEAVE=BAND|COMPRESS=DEFLATE|PREDICTOR=2"},
        {"creation_options": ""},
        {"creation_options": None},
        {"cog": True},
        {"cog": True, "creation_options": ""},
        {"memory": 64, "threads": 4},
    ],
)
def test_every_layout_holds_the_same_pixels(tmp_path, read_back, changed):
    one = image((3, 700, 2300))
    done = write_image(one, str(tmp_path / "m.tif"), options(**changed))
    found = read_back(done.path)
    np.testing.assert_array_equal(found.valid, one.valid)
    np.testing.assert_array_equal(found.values[:, one.valid], one.values[:, one.valid])
    if changed.get("cog"):
        assert found.dataset.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"


@pytest.mark.parametrize(
    "text",
    [
        "COMPRESS=DEFLATE|TILED=YES",
        "COMPRESS=DEFLATE|TILED=YES|BLOCKXSIZE=1024|BLOCKYSIZE=1024",
        "COMPRESS=DEFLATE|TILED=NO|BLOCKYSIZE=100",
    ],
)
def test_blocks_are_encoded_once(tmp_path, text):
    one = image((3, 700, 2300), holes=0)
    for size in (0, 100):
        how = options(creation_options=text, window_size=size)
        done = write_image(one, str(tmp_path / "m.tif"), how)
        copy = str(tmp_path / "copy.tif")
        gdal.Translate(copy, done.path, creationOptions=[*text.split("|"), *blocks(done.path)])
        # a block that is written twice leaves its first version in the file
        assert done.bytes < 1.01 * os.path.getsize(copy)


def blocks(path):
    dataset = gdal.Open(path)
    width, height = dataset.GetRasterBand(1).GetBlockSize()
    return [] if width > 1024 else [f"BLOCKXSIZE={width}", f"BLOCKYSIZE={height}"]


@pytest.mark.parametrize("how", [{"nodata": 0}, {"validity": "mask"}, {"validity": "all"}])
def test_overviews_are_those_of_gdal_although_its_cache_is_emptied_meanwhile(tmp_path, how):
    one = image((2, 2100, 2600), **how)
    done = write_image(one, str(tmp_path / "m.tif"), options(build_overviews=True))
    plain = write_image(one, str(tmp_path / "p.tif"), options()).path
    dataset = gdal.OpenEx(plain, gdal.OF_RASTER | gdal.OF_UPDATE)
    dataset.BuildOverviews("AVERAGE", [2, 4, 8])
    del dataset
    ours, theirs = gdal.Open(done.path), gdal.Open(plain)
    for number in (1, 2):
        a, b = (found.GetRasterBand(number) for found in (ours, theirs))
        for level in range(3):
            values = [band.GetOverview(level).ReadAsArray() for band in (a, b)]
            off = np.abs(np.subtract(*values, dtype=float))
            # 525 rows become 263: parts of pixels, whose means may fall on the other side of .5
            assert off.max() <= (level == 2) and np.count_nonzero(off) < 0.002 * off.size
            masks = [band.GetOverview(level).GetMaskBand().ReadAsArray() for band in (a, b)]
            np.testing.assert_array_equal(*masks)


def test_overviews_are_built_when_asked(tmp_path, read_back):
    done = write_image(image((1, 600, 700)), str(tmp_path / "m.tif"), options(build_overviews=True))
    found = read_back(done.path)
    assert found.dataset.GetRasterBand(1).GetOverviewCount() == 2


def test_blocks_shrink_when_memory_is_short():
    wide = image((3, 10, 10))
    many = SimpleNamespace(bands=900, dtype=np.dtype("f8"), grid=wide.grid)
    assert writing._block_size(wide, 256, 2) == 512
    block = writing._block_size(many, 64, 4)
    assert 64 <= block < 512
    width, height = writing._chunk([many], (block, block), 64, 4)
    assert (width, height) == (block, block)


def test_windows_are_smaller_for_images_that_take_memory_while_they_are_read():
    grid = image((3, 10, 4000)).grid
    plain = SimpleNamespace(bands=3, dtype=np.dtype("u1"), grid=grid)
    costly = SimpleNamespace(bands=3, dtype=np.dtype("u1"), grid=grid, reading_bytes=500)
    assert writing._chunk([plain], (512, 512), 256, 2) == (1024, 512)
    assert writing._chunk([costly], (512, 512), 256, 2) == (512, 512)
    assert writing._chunk([costly], (512, 512), 4096, 2) == (1024, 512)


def test_collectors_are_fed_with_what_is_written_in_order(tmp_path):
    class Sums:
        def __init__(self):
            self.log = []

        def feed(self, index, window, pixels):
            return window, int(pixels.values[:, pixels.valid].sum())

        def merge(self, partial):
            self.log.append(partial)

    one, logs = image((2, 1100, 1100)), []
    for threads in (1, 3):
        sums = Sums()
        write_image(one, str(tmp_path / "m.tif"), options(threads=threads), collectors=[sums])
        logs.append(sum(total for _, total in sums.log))
        assert [w for w, _ in sums.log] == sorted(
            [w for w, _ in sums.log], key=lambda w: (w.row, w.col)
        )
    assert logs[0] == logs[1] == int(one.values[:, one.valid].sum())


def test_soft_alpha_is_kept_for_one_image(tmp_path, layer, read_back):
    from orthoweave.core.raster import open_image

    made = layer("a.tif", "soft", "uint16")
    source = read_back(made.path)
    for size in (0, 17):
        how = options(window_size=size)
        done = write_image(open_image(made.path), str(tmp_path / "m.tif"), how)
        np.testing.assert_array_equal(read_back(done.path).alpha, source.alpha)


@pytest.mark.parametrize("nodata", [0, 255, 7])
def test_valid_pixels_never_look_like_nodata(tmp_path, read_back, listen, nodata):
    values = np.full((2, 20, 30), nodata, np.uint8)
    values[0, :, 15:] = 9
    one = ArrayImage("a", Grid(30, 20, TRANSFORM), values, np.ones((20, 30), bool), nodata)
    heard = listen()
    done = write_image(one, str(tmp_path / "m.tif"), options(), heard)
    found = read_back(done.path)
    beside = 254 if nodata == 255 else nodata + 1
    assert found.valid.all() and done.moved_from_nodata == 2 * 300  # samples
    assert (found.values[:, :, :15] == beside).all()
    np.testing.assert_array_equal(found.values[:, :, 15:], values[:, :, 15:])
    assert heard.warnings == [
        "m.tif: 300 valid pixels had the output's nodata value in every band and were moved to "
        "the value beside it."
    ]


def test_a_cast_image_is_rounded_and_limited(tmp_path, read_back):
    one = image((1, 30, 40), np.float32, holes=0)
    one.values[0, 0, :4] = (-5, 0.5, 300, 254.6)
    done = write_image(Cast(one, "uint8"), str(tmp_path / "m.tif"), options())
    assert read_back(done.path).values[0, 0, :4].tolist() == [0, 0, 255, 255]


def test_companions_of_the_file_that_is_replaced_do_not_stay(tmp_path):
    for ending in ("", ".ovr", ".msk", ".aux.xml"):
        (tmp_path / f"m.tif{ending}").write_text("old")
    (tmp_path / "other.tif.msk").write_text("mine")
    write_image(image(), str(tmp_path / "m.tif"), options())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.qml", "m.tif", "other.tif.msk"]


def test_bad_creation_options_are_refused_before_anything_is_written(tmp_path):
    for text in ("COMPRESS", "COMPRESS=ZIP", "COMPRES=LZW"):
        with pytest.raises(InvalidOption, match="^Creation options: "):
            write_image(image(), str(tmp_path / "m.tif"), options(creation_options=text))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_too_small_is_known_before(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 100_000))
    sentence = rf"^This run needs about 216 kB on disk; 100 kB are free in {tmp_path}\. Free"
    with pytest.raises(ImageIOError, match=sentence):
        write_image(image(), str(tmp_path / "m.tif"), options())
    with pytest.raises(ImageIOError, match="needs about 432 kB"):
        write_image(image(), str(tmp_path / "m.tif"), options(cog=True))
    assert not list(tmp_path.iterdir())


def test_files_of_a_run_must_fit_together(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 300_000))
    paths = [str(tmp_path / name) for name in ("a.tif", "b.tif")]
    with pytest.raises(ImageIOError, match="^This run needs about 432 kB on disk; 300 kB are free"):
        writing.write_all([image(), image()], paths, options())
    assert not list(tmp_path.iterdir())
    writing.write_all([image()], paths[:1], options())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 230_000))
    with pytest.raises(ImageIOError, match="needs about 324 kB"):
        writing.write_all([image(), image((3, 300, 200))], paths, options())


def test_a_folder_that_cannot_be_written_is_a_sentence(monkeypatch, tmp_path):
    with pytest.raises(ImageIOError, match=r"^Folder /proc/none cannot be created: .*\.$"):
        write_image(image(), "/proc/none/m.tif", options())


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("after", [0, 1, 4, 9, 10, 11, 12, 14])
@pytest.mark.parametrize("changed", [{}, {"build_overviews": True}, {"cog": True}])
def test_a_stop_leaves_nothing(tmp_path, listen, threads, after, changed):
    one = image((1, 1100, 3000))
    heard = listen(cancel_after=after)
    try:
        write_image(one, str(tmp_path / "m.tif"), options(threads=threads, **changed), heard)
    except Cancelled:
        assert not list(tmp_path.iterdir())
    else:
        assert heard.asked <= after
        assert sorted(p.name for p in tmp_path.iterdir()) == ["m.qml", "m.tif"]


def test_an_error_of_the_image_leaves_nothing(tmp_path):
    @dataclass(frozen=True)
    class Broken(View):
        def read(self, window, bands=None, rounded=True):
            if window.row:
                raise ImageIOError("a.tif: window cannot be read.")
            return self.source.read(window, bands, rounded)

    for threads in (1, 3):
        with pytest.raises(ImageIOError, match="^a.tif: window cannot be read.$"):
            write_image(
                Broken(image((1, 1100, 900))), str(tmp_path / "m.tif"), options(threads=threads)
            )
        assert not list(tmp_path.iterdir())


def test_windows_without_valid_pixels_stay_sparse_for_any_window_size(tmp_path, read_back):
    @dataclass(frozen=True)
    class Mostly(View):
        def read(self, window, bands=None, rounded=True):
            if window.row >= 512:
                found = self.source.read(window, bands, rounded)
                return Pixels(found.values * 0, constant(False, window.shape))
            return self.source.read(window, bands, rounded)

    one = Mostly(image((1, 2048, 512), holes=0, validity="mask"))
    files = []
    for size in (0, 128):
        done = write_image(one, str(tmp_path / f"{size}.tif"), options(window_size=size))
        assert done.valid_pixels == 512 * 512
        files.append(Path(done.path).read_bytes())
        assert not read_back(done.path).valid[512:].any()
    assert files[0] == files[1]


SCRIPT = f"""
import importlib.util, resource, signal, sys, time
spec = importlib.util.spec_from_file_location(
    "orthoweave", {str(ROOT / "__init__.py")!r}, submodule_search_locations=[{str(ROOT)!r}])
sys.modules["orthoweave"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
import numpy as np
from dataclasses import dataclass
from types import SimpleNamespace
from orthoweave.core.errors import OrthoweaveError
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details, View
from orthoweave.core.write import write

@dataclass(frozen=True)
class Slow(View):
    seconds: float = 0.0
    def read(self, window, bands=None, rounded=True):
        time.sleep(self.seconds)
        return self.source.read(window, bands, rounded)

path, seconds, limit, cog, overviews, threads = sys.argv[1:]
values = np.random.default_rng(0).integers(0, 60000, (3, 1500, 2048)).astype(np.uint16)
image = ArrayImage("a", Grid(2048, 1500, {TRANSFORM}), values, np.ones((1500, 2048), bool),
                   None, (), Details(validity="all"))
if int(limit):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
options = SimpleNamespace(memory=256, threads=int(threads), window_size=0, cog=cog == "1",
                          creation_options="COMPRESS=DEFLATE|PREDICTOR=auto|TILED=YES",
                          build_overviews=overviews == "1")
print("ready", flush=True)
try:
    write(Slow(image, float(seconds)), path, options)
except OrthoweaveError as error:
    print(f"{{type(error).__name__}}: {{error}}")
    sys.exit(1)
print("written")
"""


def started(path, seconds=0.0, limit=0, cog=0, overviews=0, threads=1):
    arguments = [str(v) for v in (path, seconds, limit, cog, overviews, threads)]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


# the file has about 18 MB of noise, its blocks 1.5 MB; overviews come behind
@pytest.mark.parametrize("limit", [10, 100_000, 5_000_000, 18_100_000])
@pytest.mark.parametrize("how", [{}, {"cog": 1}, {"overviews": 1, "threads": 3}])
def test_a_disk_that_gets_full_is_one_sentence_and_leaves_nothing(tmp_path, limit, how):
    process = started(tmp_path / "m.tif", limit=limit, **how)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out
    lines = out.splitlines()[1:]
    assert len(lines) == 1 and lines[0].startswith("ImageIOError: m.tif cannot be written: ")
    assert err == ""
    assert not list(tmp_path.iterdir())


def test_a_killed_run_leaves_only_partial_files_and_the_next_one_removes_them(tmp_path):
    seen = set()
    for seconds, delay, how in ((0.2, 0.1, {}), (0.2, 0.5, {}), (0.05, 0.3, {"threads": 3}),
                                (0.0, 0.45, {"cog": 1}), (0.0, 0.9, {"cog": 1})):  # fmt: skip
        process = started(tmp_path / "m.tif", seconds=seconds, **how)
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        names = [p.name for p in tmp_path.iterdir()]
        if "m.tif" in names:  # it was too quick
            break
        assert all(f".{process.pid}.partial." in name for name in names)
        seen |= {name.partition("partial")[2] for name in names}
    assert ".tif" in seen
    write_image(image(), str(tmp_path / "m.tif"), options())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.qml", "m.tif"]
    dataset = gdal.Open(str(tmp_path / "m.tif"))
    assert dataset.RasterXSize == 400


@dataclass(frozen=True)
class Cropped(View):
    """A view whose windows do not end where the blocks of its file end."""

    off: int

    @property
    def grid(self):
        """Without the first columns and rows."""
        return self.source.grid.cropped(self.source.grid.window.padded(-self.off))

    def read(self, window, bands=None, rounded=True):
        """Read the file."""
        return self.source.read(window.shifted(self.off, self.off), bands, rounded)


@pytest.mark.parametrize(("threads", "room"), [(1, 24), (2, 40)])
def test_of_rows_longer_than_what_is_kept_most_is_decoded_once(
    write, tmp_path, monkeypatch, threads, room
):
    layout = ("TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=LZW")
    values = np.ones((1, 2300, 6300), np.uint8)
    file = open_image(write("a.tif", values, options=layout))
    # beside what a window needs, not all of the 25 blocks that two rows of windows share have room
    monkeypatch.setattr(handles, "BLOCKS", room * 256 * 256)
    before = bytes_read()
    write_image(Cropped(file, 100), str(tmp_path / "m.tif"), options(threads=threads))
    # forgetting the oldest first decodes all of them again: 1.44 ×
    assert bytes_read() - before <= 1.25 * values.nbytes


@pytest.mark.parametrize("fails", ["", "a.tif", "b.tif"])
def test_images_written_together_all_appear_or_none(tmp_path, read_back, monkeypatch, fails):
    one, other = image(nodata=0), Cast(image(nodata=0), "float32")
    close = writing.Target.close

    def failing(target, *how):
        if fails and fails in target._title:
            raise ImageIOError("broken")
        return close(target, *how)

    monkeypatch.setattr(writing.Target, "close", failing)
    first, second = str(tmp_path / "a.tif"), str(tmp_path / "b.tif")
    beside = [writing.Beside(other, second, options())]
    if fails:
        with pytest.raises(ImageIOError, match="broken"):
            write_image(one, first, options(), beside=beside)
        assert list(tmp_path.iterdir()) == []
    else:
        done = write_image(one, first, options(), beside=beside)
        assert done.path == first
        for path, kind in ((first, np.uint16), (second, np.float32)):
            found = read_back(path)
            np.testing.assert_array_equal(found.values, np.where(one.valid, one.values, 0))
            assert found.values.dtype == kind
        assert (tmp_path / "b.qml").exists()


def test_what_is_missing_beside_a_kept_image_can_be_cancelled(tmp_path, listen):
    one, first, second = image(nodata=0), tmp_path / "a.tif", tmp_path / "b.tif"
    write_image(one, str(first), options())
    kept, beside = options(resume="exists"), [writing.Beside(one, str(second), options())]
    with pytest.raises(Cancelled):
        write_image(one, str(first), kept, listen(cancel_after=1), beside=beside)
    assert first.exists() and not second.exists()
