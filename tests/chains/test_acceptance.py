# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin as a user meets it: real images in by subprocess, files out, read with plain GDAL."""

from __future__ import annotations

import hashlib
import itertools
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal")
ogr = pytest.importorskip("osgeo.ogr")

ROOT = Path(__file__).resolve().parents[2]
START = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "orthoweave", {str(ROOT / "__init__.py")!r}, submodule_search_locations=[{str(ROOT)!r}]
)
sys.modules["orthoweave"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from orthoweave.core.cli import main
"""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the words that start the command line of this clone."""
    script = tmp_path_factory.mktemp("program") / "orthoweave.py"
    script.write_text(START + "sys.exit(main())\n", encoding="utf-8")
    return [sys.executable, str(script)]


@pytest.fixture
def orthoweave(program: list[str], tmp_path: Path) -> Callable[..., Any]:
    """Call the command line: orthoweave("mergerasters", "--images", ...) -> CompletedProcess."""

    def call(*words: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*program, *map(str, words)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return call


@pytest.fixture(scope="module")
def quebec(
    headless: Callable[..., Any], shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Mosaic two real scenes whose grids differ."""
    return _mosaic(headless, shared / "l8_quebec_mosaic", "mosaic_cog[12].tif", tmp_path_factory)


@pytest.fixture(scope="module")
def brighton(
    headless: Callable[..., Any], shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Mosaic eight real drone frames with rotated collars."""
    return _mosaic(headless, shared / "drone_brighton", "*.tif", tmp_path_factory)


def _mosaic(
    headless: Callable[..., Any], folder: Path, pattern: str, factory: pytest.TempPathFactory
) -> Path:
    output = factory.mktemp("mosaic") / "m.tif"
    words = (f"--IMAGES={folder / pattern}", f"--OUTPUT={output}")
    done = headless("run", "orthoweave:mosaicpipeline", *words)
    assert done.returncode == 0, done.stderr
    return output


def _valid(path: Path | str, onto: Any = None) -> Any:
    """Return where any band is valid by GDAL's own masks, on the grid of another dataset."""
    dataset = gdal.Open(str(path))
    masks = [
        dataset.GetRasterBand(band).GetMaskBand().ReadAsArray() > 0
        for band in range(1, dataset.RasterCount + 1)
    ]
    valid = np.any(masks, axis=0)
    if onto is None:
        return valid
    memory = gdal.GetDriverByName("MEM")
    source = memory.Create("", dataset.RasterXSize, dataset.RasterYSize, 1)
    target = memory.Create("", onto.RasterXSize, onto.RasterYSize, 1)
    for made, like in ((source, dataset), (target, onto)):
        made.SetGeoTransform(like.GetGeoTransform())
        made.SetProjection(like.GetProjection())
    source.GetRasterBand(1).WriteArray(valid.astype("uint8"))
    gdal.Warp(target, source, resampleAlg="near")
    return target.ReadAsArray() > 0


def _inside(valid: Any) -> Any:
    """Return the pixels whose eight neighbors are valid too: resampling may cost the border."""
    padded = np.pad(valid, 1)
    rows, cols = valid.shape
    shifts = itertools.product(range(3), range(3))
    return np.all([padded[r : r + rows, c : c + cols] for r, c in shifts], axis=0)


def _polygons(path: Path) -> dict[str, Any]:
    wkb = pytest.importorskip("shapely.wkb")
    layer = (source := ogr.Open(str(path))).GetLayer(0)
    shapes = {f["image"]: wkb.loads(bytes(f.GetGeometryRef().ExportToWkb())) for f in layer}
    del layer, source
    return shapes


def _beside(output: Path) -> dict[str, Any]:
    return dict(json.loads(Path(f"{output}.orthoweave.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["quebec", "brighton"])
def test_a_real_mosaic_has_no_gap_and_the_report_tells_its_numbers(
    name: str, request: pytest.FixtureRequest
) -> None:
    output = request.getfixturevalue(name)
    beside, dataset = _beside(output), gdal.Open(str(output))
    got = dataset.GetRasterBand(1).GetMaskBand().ReadAsArray() > 0
    inputs = [_valid(entry["path"], dataset) for entry in beside["inputs"]]
    assert not (np.any([_inside(valid) for valid in inputs], axis=0) & ~got).any()
    assert not (got & ~_inside_out(np.any(inputs, axis=0))).any()
    cells = list(_polygons(output.parent / "m_work" / "seamlines.gpkg").values())
    pairs = itertools.combinations(cells, 2)
    seams = sum(a.boundary.intersection(b.boundary).length for a, b in pairs)
    result = beside["result"]
    assert result["covered"] == pytest.approx(got.mean(), abs=1e-12)
    assert result["written_bytes"] == output.stat().st_size
    assert result["seam_length"] == pytest.approx(seams, rel=1e-9)
    assert result["hole_pixels"] == 0 and result["images_used"] == len(inputs)
    assert result["mean_difference_after"] < result["mean_difference_before"]
    report = (output.parent / "m_work" / "report.html").read_text(encoding="utf-8")
    assert f"{int(got.sum()):,}" in report and f"{result['covered']:.4g}" in report


def _inside_out(valid: Any) -> Any:
    return ~_inside(~valid)


@pytest.mark.parametrize("name", ["quebec", "brighton"])
def test_the_cells_of_a_real_mosaic_are_a_partition_of_its_footprints(
    name: str, request: pytest.FixtureRequest
) -> None:
    union = pytest.importorskip("shapely.ops").unary_union
    work = request.getfixturevalue(name).parent / "m_work"
    cells, outlines = (
        list(_polygons(work / f"{layer}.gpkg").values()) for layer in ("seamlines", "footprints")
    )
    ground = union(outlines)
    overlap = sum(a.intersection(b).area for a, b in itertools.combinations(cells, 2))
    assert union(cells).symmetric_difference(ground).area < 1e-9 * ground.area
    assert overlap < 1e-9 * ground.area


@pytest.mark.parametrize("line", [0, 1])
def test_the_side_cars_commands_repeat_a_run_with_an_odd_name(
    line: int, headless: Callable[..., Any], program: list[str], write: Callable[..., str]
) -> None:
    random = np.random.default_rng(1)
    odd = "Ä ö & x.y/in put.d"
    for name, x in (("a", 0.0), ("b", 300.0)):
        pixels = random.integers(1, 200, (2, 60, 60)).astype("uint8")
        made = write(f"{odd}/{name}.tif", pixels, nodata=0, transform=(x, 10, 0, 0, 0, -10))
    folder = Path(made).parents[1]
    words = ("--IMAGES=in put.d", "--RULE=feather", "--OUTPUT=new & deep/m ä.v1.tif")
    done = headless("run", "orthoweave:mergerasters", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    output = folder / "new & deep" / "m ä.v1.tif"
    before = gdal.Open(str(output)).ReadAsArray()
    again = shlex.split(_beside(output)["command"][line])
    output.unlink()
    if line == 0:
        assert headless(*again[1:]).returncode == 0
    else:
        subprocess.run([*program, *again[3:]], check=True, capture_output=True)
    assert np.array_equal(before, gdal.Open(str(output)).ReadAsArray())
    assert not list(folder.rglob("*.aux.xml")) and not list(folder.rglob("*partial*"))


def test_feather_far_from_the_seam_is_the_hard_cut(
    orthoweave: Callable[..., Any], write: Callable[..., str], tmp_path: Path
) -> None:
    pytest.importorskip("shapely")
    random = np.random.default_rng(2)
    for name, x, y in (("a", 0, 0), ("b", 80, 0), ("c", 0, -80), ("d", 80, -80)):
        pixels = random.integers(1, 60000, (140, 140)).astype("uint16")
        write(f"{name}.tif", pixels, nodata=0, transform=(x, 1, 0, y, 0, -1))
    images = ("--images", tmp_path / "?.tif")
    assert orthoweave("voronoiseamlines", *images, "--output", "cells.gpkg").returncode == 0
    how = (*images, "--seamlines", "cells.gpkg", "--blend-width", 20)
    for rule in ("last", "feather"):
        done = orthoweave("mergerasters", *how, "--rule", rule, "--output", f"{rule}.out.tif")
        assert done.returncode == 0, done.stderr
    hard, soft = (
        gdal.Open(str(tmp_path / f"{rule}.out.tif")).ReadAsArray() for rule in ("last", "feather")
    )
    rows, cols = np.nonzero(hard != soft)
    away = np.minimum(abs(rows + 0.5 - 110), abs(cols + 0.5 - 110))
    assert rows.size > 1000 and away.max() <= 10


BAD = {
    "Window size: 3 is below 16.": ("--window-size", "3"),
    "Overlap rule: 'lastt' is not one of": ("--rule", "lastt"),
    "none.tif does not exist in": ("--images", "none.tif"),
    "tiny.tif cannot be opened:": ("--images", "tiny.tif"),
    "Output would overwrite the input a.tif. Choose another name.": ("--output", "a.tif"),
    "Nodata 70000 cannot be stored as uint8.": ("--output-nodata", "70000"),
    "CRS: 'EPSG:999999' is not known.": ("--crs", "EPSG:999999"),
    "COMPRES is not an option of GeoTIFF. Did you mean COMPRESS?": (
        "--creation-options",
        "COMPRES=LZW",
    ),
    "lies outside all images": ("--extent", "900,950,900,950"),
    "Folder ": ("--output", "tiny.tif/m.tif"),
    "Resolution: with pixels of 1e-05": ("--resolution", "0.00001"),
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_mistake_gives_its_sentence_and_leaves_nothing(
    sentence: str, orthoweave: Callable[..., Any], write: Callable[..., str], tmp_path: Path
) -> None:
    write("a.tif", np.full((20, 20), 7, "uint8"), nodata=0)
    (tmp_path / "tiny.tif").write_bytes(b"not a tif at all..")
    before = _digests(tmp_path)
    done = orthoweave("mergerasters", "--images", "a.tif", "--output", "m.tif", *BAD[sentence])
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert _digests(tmp_path) == before


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


ODD = """
import contextlib, io, json, pathlib
told = {}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    if path.suffix.lower() not in (".tif", ".tiff"):
        continue
    many = ("globalregression", "localblockadjustment")
    for name in ("mergerasters", "footprints", "mosaicpipeline", *many):
        to = f"{sys.argv[2]}/{path.name}_{name}" + {
            "footprints": ".gpkg", **dict.fromkeys(many, "")}.get(name, ".tif")
        option = "--output-folder" if name in many else "--output"
        heard = io.StringIO()
        with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(io.StringIO()):
            status = main([name, "--images", str(path), option, to])
        told[f"{name} {path.name}"] = status, heard.getvalue().strip().splitlines()[-1:]
print(json.dumps(told))
"""


def test_odd_files_work_or_are_refused_by_name(shared: Path, tmp_path: Path) -> None:
    inputs, before = shared / "odd_files", _digests(shared / "odd_files")
    words = [sys.executable, "-c", START + ODD, str(inputs), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) >= 60
    for what, (status, last) in told.items():
        named = what.split(" ", 1)[1].rpartition(".")[0]
        assert status == 0 or (status == 1 and named in last[0]), (what, last)
    assert _digests(inputs) == before


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make two noisy images that take about a second to merge."""
    folder = tmp_path_factory.mktemp("slow")
    random = np.random.default_rng(3)
    for name, x in (("a", 0.0), ("b", 20000.0)):
        pixels = random.integers(1, 60000, (3000, 3000)).astype("uint16")
        made = gdal.GetDriverByName("GTiff").Create(
            str(folder / f"{name}.tif"), 3000, 3000, 1, gdal.GDT_UInt16
        )
        made.SetGeoTransform((x, 10, 0, 0, 0, -10))
        made.GetRasterBand(1).WriteArray(pixels)
    return folder


@pytest.fixture
def running(program: list[str], slow: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a merge and wait until its partial file is there."""
    words = ["mergerasters", "--images", str(slow), "--output", str(tmp_path / "out" / "m.tif")]
    process = subprocess.Popen([*program, *words], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 20
    while not list(tmp_path.rglob("*.partial*")):
        if process.poll() is not None or time.monotonic() > until:
            break
        time.sleep(0.005)
    with process:
        yield process
        process.kill()


def test_a_killed_run_leaves_only_a_partial_file_that_the_next_run_removes(
    running: subprocess.Popen[str], orthoweave: Callable[..., Any], slow: Path, tmp_path: Path
) -> None:
    running.kill()
    running.communicate()
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert left and all(".partial" in name for name in left)
    done = orthoweave("mergerasters", "--images", slow, "--output", "out/m.tif")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"m.tif", "m.qml", "m.tif.orthoweave.json"}


def test_an_interrupted_run_ends_with_status_130_and_leaves_nothing(
    running: subprocess.Popen[str], tmp_path: Path
) -> None:
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=10)
    assert running.returncode == 130 and "Traceback" not in said
    assert not (tmp_path / "out").exists()
