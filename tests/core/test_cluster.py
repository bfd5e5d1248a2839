# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows on a Dask cluster: the same files as with threads, and a sentence when it fails."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import shutil
import sys
import time
from concurrent.futures import CancelledError
from types import SimpleNamespace

import numpy as np
import pytest
from orthoweave.core.cluster import Cluster, connected, spread
from orthoweave.core.errors import Cancelled, ImageIOError, InvalidOption, MissingPackage
from orthoweave.core.exchange import results
from orthoweave.core.executor import Ended, each
from orthoweave.core.image import Pixels, constant, uniform
from orthoweave.core.landcover.models import save_model
from orthoweave.core.landcover.samples import Samples
from orthoweave.core.landcover.settings import Settings
from orthoweave.core.landcover.training import train
from orthoweave.core.operations import (
    classify,
    coregister,
    gapfill,
    globalregression,
    landcover,
    leastcostseamlines,
    mergerasters,
    mosaicpipeline,
    shiftanalysis,
)
from orthoweave.core.operations.chain.options import settings_of
from orthoweave.core.progress import SILENT, Elsewhere, Progress
from orthoweave.core.raster import bytes_read, open_image
from orthoweave.core.requests import Memory
from osgeo import ogr

pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")

SIDE, STEP = 520, 440
COMPARED = (".tif", ".gpkg", ".csv", ".qml")
"""Files that tell neither the time nor the request."""


@pytest.fixture(scope="module")
def cluster(dask):
    with connected(dask) as found:
        yield found


@pytest.fixture
def there(cluster):
    """A progress whose work is done by the workers."""
    return Elsewhere(SILENT, cluster)


def texture(rows, cols, seed=1):
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(cols)[None, :]
    weight = 1 / np.maximum(np.hypot(fx, fy), 0.01)
    found = np.fft.ifft2(np.fft.fft2(rng.standard_normal((rows, cols))) * weight).real
    return 1500 + 300 * found / found.std() + rng.normal(0, 5, (rows, cols))


@pytest.fixture
def mosaicked(write):
    """Three overlapping images of one ground, of unlike brightness and with holes."""
    ground = texture(SIDE + 100, SIDE + 2 * STEP)
    paths = []
    for number, gain in enumerate((1.0, 0.8, 1.25)):
        rows, cols = slice(50 * number, 50 * number + SIDE), slice(STEP * number, None)
        seen = np.stack([ground[rows, cols][:, :SIDE] * gain, ground[rows, cols][:, :SIDE] + 90])
        seen[:, : 30 + 20 * number, :60] = 0
        place = (5e5 + 10 * STEP * number, 10.0, 0.0, 5e6 - 500 * number, 0.0, -10.0)
        name = f"i{number}.tif"
        paths.append(write(name, np.rint(seen).astype(np.uint16), nodata=0, transform=place))
    return tuple(paths)


@pytest.fixture
def pair(write):
    """Write a reference, and the same ground moved by (3, 2) px: pair(side)."""

    def make(side):
        ground = np.rint(texture(side + 40, side + 60)).astype(np.uint16)
        ends = ground[20 : 20 + side, 20 : 40 + side], ground[18 : 18 + side, 17 : 37 + side]
        return {"reference": write("r.tif", ends[0]), "moving": write("m.tif", ends[1])}

    return make


@pytest.fixture
def both(dask, tmp_path, monkeypatch):
    """Run a request with threads and on the cluster, and compare: both(module, output=…, …)."""

    def run(operation, **options):
        found, sent = [], []
        done = Cluster.result
        monkeypatch.setattr(Cluster, "result", lambda *given: (sent.append(1), done(*given))[1])
        for scheduler in (None, dask):
            folder = tmp_path / "out"
            folder.mkdir()
            request = operation.Request(threads=2, scheduler=scheduler, **options)
            result = dataclasses.asdict(operation.run(request))
            result.pop("read_bytes", None)  # workers do not share what they have decoded
            found.append((result, contents(folder)))
            folder.rename(tmp_path / f"kept{len(found)}")
        assert len(sent) > 3  # windows really went there
        (here, files), (there, others) = found
        assert here == there
        assert [name for name in files if files[name] != others[name]] == []
        assert files and files.keys() == others.keys()
        return SimpleNamespace(**here)

    return run


def contents(folder):
    """What the files of a run hold, of layers their features."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    kept = [path for path in files if path.suffix in COMPARED]
    return {path.name: features(path) if path.suffix == ".gpkg" else digest(path) for path in kept}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def features(path):
    dataset = ogr.Open(str(path))
    layers = [dataset.GetLayer(number) for number in range(dataset.GetLayerCount())]
    drawn = [layer for layer in layers if layer.GetGeomType() != ogr.wkbNone]
    return [f"{f.GetGeometryRef().ExportToWkt()} {f.items()}" for one in drawn for f in one]


def test_matched_images_are_the_same(both, mosaicked, tmp_path):
    both(globalregression, images=mosaicked, output_folder=str(tmp_path / "out"))


def test_mosaics_with_mixed_seams_are_the_same(both, mosaicked, tmp_path):
    pytest.importorskip("shapely")
    lines = str(tmp_path / "lines.gpkg")
    request = leastcostseamlines.Request(images=mosaicked, output=lines)
    leastcostseamlines.run(request)
    output = str(tmp_path / "out" / "m.tif")
    both(mergerasters, images=mosaicked, output=output, rule="feather", seamlines=lines)
    for kept in tmp_path.glob("kept*"):
        shutil.rmtree(kept)
    both(mergerasters, images=mosaicked, output=output, rule="multiband", seamlines=lines)


def test_seam_lines_are_the_same(both, mosaicked, tmp_path):
    pytest.importorskip("shapely")
    output = str(tmp_path / "out" / "s.gpkg")
    both(leastcostseamlines, images=mosaicked, output=output)


def test_the_whole_pipeline_is_the_same(both, mosaicked, tmp_path):
    pytest.importorskip("shapely")
    pytest.importorskip("scipy")
    output = str(tmp_path / "out" / "m.tif")
    options = {"rule": "feather", "radiometry": "globallocal", "seams": "leastcost"}
    done = both(mosaicpipeline, images=mosaicked, output=output, **options)
    assert done.cut_visibility > 0  # what was seen while workers read came back


def test_key_points_are_the_same(both, pair, tmp_path, monkeypatch):
    pytest.importorskip("cv2")
    monkeypatch.setattr(results, "write_figures", lambda *_: ())
    both(shiftanalysis, **pair(300), output_folder=str(tmp_path / "out"), window_size=128)


def test_a_registered_image_is_the_same(both, pair, tmp_path):
    pytest.importorskip("cv2")
    output = str(tmp_path / "out" / "c.tif")
    both(coregister, **pair(530), output=output, window_size=256)


def test_a_classified_map_is_the_same(both, write, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat((1, 2), 60)
    samples = Samples(
        500 * labels[:, None] + rng.normal(0, 90, (120, 2)), labels, np.arange(120) // 6, ("a", "b")
    )
    model = save_model(train(samples, Settings(classifier="maxlik")).model, str(tmp_path / "m.owm"))
    values = np.rint(rng.uniform(200, 1300, (2, 600, 700))).astype(np.uint16)
    names = {name: str(tmp_path / "out" / f"{name}.tif") for name in ("c", "p", "q")}
    both(
        classify, image=write("a.tif", values, names=("a", "b"), nodata=0), model=model,
        output=names["c"], output_confidence=names["p"], output_probability=names["q"],
    )  # fmt: skip


def test_a_filled_series_is_the_same(both, write, tmp_path):
    rng = np.random.default_rng(2)
    dates = ("20180101", "20180109", "20180125", "20180214", "20180302")
    values = rng.integers(100, 900, (5, 560, 600)).astype(np.int16)
    image = write("s.tif", values, names=[f"s2_b4_{date}" for date in dates], nodata=-1)
    clouds = (rng.random(values.shape) < 0.3).astype(np.uint8)
    masks = write("k.tif", clouds, names=[f"mask_{date}" for date in dates])
    both(gapfill, image=image, masks=masks, output=str(tmp_path / "out" / "f.tif"), step=10)


def test_results_come_in_order_and_few_are_on_their_way(there):
    pulled = []

    def items():
        for number in range(60):
            pulled.append(number)
            yield number

    running = each(lambda item: (time.sleep(0.01 * (item % 3)), item)[1], items(), progress=there)
    assert next(running) == 0
    assert len(pulled) <= 2 * 4 + 1  # of the threads of all workers
    assert list(running) == list(range(1, 60))


def test_the_ends_of_work_stay_in_this_process(there):
    read, kept = [], []

    def before(item):
        read.append(item)
        return item + 1

    def after(found):
        kept.append(found)
        return -found

    work = Ended(lambda item: 10 * item, before, after)
    assert list(each(work, range(5), progress=there)) == [-10, -20, -30, -40, -50]
    assert (read, kept) == ([0, 1, 2, 3, 4], [10, 20, 30, 40, 50])


def test_work_that_changes_what_it_holds_changes_a_copy(there):
    seen = []
    assert list(each(seen.append, range(4), progress=there)) == [None] * 4
    assert not seen


def test_one_item_stays_here(there):
    seen = []
    list(each(seen.append, [1], progress=there))
    assert seen == [1]


def test_an_error_of_the_work_arrives(there):
    def work(item):
        if item == 3:
            raise ImageIOError("a.tif is broken.")
        return item

    with pytest.raises(ImageIOError, match="a.tif is broken"):
        list(each(work, range(9), progress=there))


def test_a_stop_does_not_wait_for_slow_work(cluster):
    started = time.monotonic()

    class Impatient(Progress):
        def cancelled(self):
            return time.monotonic() > started + 0.3

    with pytest.raises(Cancelled):
        list(each(lambda _: time.sleep(3), range(9), progress=Elsewhere(Impatient(), cluster)))
    assert time.monotonic() < started + 2


def test_a_run_inside_another_one_uses_its_workers(there):
    with spread("127.0.0.1:9", (), there) as heard:
        assert heard is there


def test_tasks_of_a_land_cover_run_do_not_ask_for_workers(tmp_path):
    asked = landcover.Request(
        images=("a.tif",), output_folder=str(tmp_path), scheduler="a:1", memory=128
    )
    made = settings_of(Memory, asked, {})
    assert (made.scheduler, made.memory) == (None, 128)


def test_an_image_is_found_from_another_folder(write, tmp_path, monkeypatch):
    write("a.tif", np.full((9, 9), 7, np.uint8))
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(open_image("a.tif"))
    monkeypatch.chdir("/")
    image = pickle.loads(sent)
    assert (image.read(image.grid.window).values == 7).all()


@pytest.mark.parametrize("everywhere", [True, False, None])
def test_a_mask_of_one_value_stays_one_on_its_way(everywhere):
    valid = np.eye(4, dtype=bool) if everywhere is None else constant(everywhere, (4, 4))
    found = pickle.loads(pickle.dumps(Pixels(np.ones((1, 4, 4)), valid, clipped=3)))
    assert uniform(found.valid) is everywhere and found.clipped == 3
    assert np.array_equal(found.valid, valid)


def test_bytes_that_workers_read_are_counted(there, write):
    image = open_image(write("a.tif", np.ones((64, 64), np.uint8)))
    before = bytes_read()
    windows = [image.grid.window.padded(-size) for size in range(4)]
    list(each(lambda window: image.read(window).values.sum(), windows, progress=there))
    assert bytes_read() - before >= 64 * 64


def test_a_listener_stays_in_its_process(there, listen):
    heard = listen()
    list(each(lambda _: heard.warn("x"), range(3), progress=there))
    assert not heard.warnings


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("none.json", "No such file"),
        ("wrong.json", "the file holds no address"),
        ("rubbish", "missing port number"),
        ("foo://127.0.0.1:9", "unknown address scheme"),
    ],
)
def test_a_wrong_address_gives_its_sentence_and_leaves_no_file(
    mosaicked, tmp_path, monkeypatch, address, reason
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.json").write_text("[]")
    request = globalregression.Request(images=mosaicked, output_folder="out", scheduler=address)
    with pytest.raises(InvalidOption, match=f"no Dask scheduler answers at {address} .*{reason}"):
        globalregression.run(request)
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_lacks_the_package_is_told(cluster, monkeypatch):
    def submit(work, *_, **__):
        raise RuntimeError("Error during deserialization of the task graph.")

    monkeypatch.setattr(cluster.client, "submit", submit)
    with pytest.raises(InvalidOption, match="the scheduler cannot load .* PYTHONPATH of the sched"):
        cluster.refuse_unfit()


def test_nobody_at_an_address_gives_its_sentence_soon(monkeypatch):
    monkeypatch.setattr("orthoweave.core.cluster.PATIENCE", 1)
    sentence = "no Dask scheduler answers at 127.0.0.1:9 "
    with pytest.raises(InvalidOption, match=sentence), connected("127.0.0.1:9"):
        pass


def test_a_missing_package_gives_its_sentence(mosaicked, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    output = tmp_path / "out" / "m.tif"
    request = mergerasters.Request(images=mosaicked, output=str(output), scheduler="127.0.0.1:8786")
    with pytest.raises(MissingPackage, match="SCHEDULER needs Dask.*Check installation"):
        mergerasters.run(request)
    assert not output.parent.exists()


class Workers:
    """A client of workers that answer as they are told."""

    def __init__(self, answers=None, error=None):
        self.answers, self.error = answers or {}, error

    def wait_for_workers(self, count, timeout):
        if self.error:
            raise self.error

    def run(self, *_):
        return self.answers


def test_workers_without_the_package_give_their_sentence():
    workers = Workers({"tcp://a:1": None, "tcp://b:2": b"version=0"})
    with pytest.raises(InvalidOption, match="2 of 2 workers .tcp://a:1. do not have this version"):
        Cluster(workers, "a").refuse_unfit()


def test_no_workers_give_their_sentence():
    with pytest.raises(InvalidOption, match="this cluster has no workers"):
        Cluster(Workers(error=TimeoutError()), "a").refuse_unfit()


def test_workers_that_do_not_see_an_input_give_their_sentence(tmp_path):
    workers = Workers({"tcp://a:1": [str(tmp_path / "x.tif")]})
    with pytest.raises(InvalidOption, match=r"worker tcp://a:1 cannot see .* \(x.tif\)"):
        Cluster(workers, "a").refuse_unseen([str(tmp_path)])


def test_work_that_is_lost_gives_its_sentence():
    def lost():
        raise CancelledError

    with pytest.raises(ImageIOError, match="The Dask cluster at a failed: its workers ended"):
        Cluster(Workers(), "a").result(SimpleNamespace(result=lost))
