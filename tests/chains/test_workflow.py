# SPDX-License-Identifier: GPL-2.0-or-later
"""The page docs/workflow.md, followed step by step, and the models that come with the plugin."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal")
pytest.importorskip("shapely", reason="seams need Shapely")
pytest.importorskip("scipy", reason="seams need SciPy")

from orthoweave.core import operations  # noqa: E402
from orthoweave.core.operations import (  # noqa: E402
    alignrasters,
    globalregression,
    leastcostseamlines,
    localblockadjustment,
    maskrasters,
    mergerasters,
    mosaicpipeline,
    voronoiseamlines,
)
from orthoweave.core.options import options_of  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "workflow.md"
MODELS = ROOT / "provider" / "models"
ONE_COUNT = 1.0
"""The steps round each time they write."""

BOXES = {"a": (0, 0, 300, 260), "b": (220, 20, 300, 260), "c": (60, 200, 320, 240)}
GAINS = {"a": 1.0, "b": 0.8, "c": 1.2}
SEAMS = {"voronoi": voronoiseamlines, "leastcost": leastcostseamlines}


@pytest.fixture
def images(write: Callable[..., str]) -> list[str]:
    """Write three overlapping images of one grid, with collars and different brightness."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:480, 0:540] / 70.0
    waves = [rng.uniform(-8, 8, 2) for _ in range(8)]
    scene = np.stack([
        2000 + 400 * band + 90 * sum(np.sin(u * x + v * y + band) for u, v in waves)
        for band in range(3)
    ])  # fmt: skip
    scene += 15 * rng.standard_normal(scene.shape)
    paths = []
    for name, (col, row, width, height) in BOXES.items():
        part = scene[:, row : row + height, col : col + width] * GAINS[name]
        y, x = np.mgrid[0:height, 0:width]
        collar = (x + y < 40) | (x - y > width - 50)
        values = np.where(collar, 0, np.rint(part)).astype(np.uint16)
        transform = (5e5 + 10 * col, 10.0, 0.0, 5e6 - 10 * row, 0.0, -10.0)
        paths.append(write(f"Input/{name}.tif", values, nodata=0, transform=transform))
    return paths


def pixels(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values[band, row, col] and where they are valid."""
    dataset = gdal.Open(path)
    return dataset.ReadAsArray().astype(float), dataset.GetRasterBand(1).GetMaskBand().ReadAsArray()


def assert_same(one: str, other: str) -> None:
    """Compare two mosaics: the same ground, the same values but for rounding."""
    (a, a_valid), (b, b_valid) = pixels(one), pixels(other)
    assert gdal.Open(one).GetGeoTransform() == gdal.Open(other).GetGeoTransform()
    np.testing.assert_array_equal(a_valid > 0, b_valid > 0)
    off = (a - b)[:, a_valid > 0]
    assert float(np.sqrt((off**2).mean())) <= ONE_COUNT


def step(operation: Any, folder: Path, **how: Any) -> Any:
    """Run one operation into a folder, without overviews."""
    if "build_overviews" in options_of(operation.Request):
        how.setdefault("build_overviews", False)
    if "output_folder" in options_of(operation.Request):
        how["output_folder"] = str(folder)
    return operation.run(operation.Request(**how))


@pytest.fixture
def matched(images: list[str], tmp_path: Path) -> tuple[str, ...]:
    """Follow steps 1 to 3 of the page."""
    aligned = step(alignrasters, tmp_path / "Aligned", images=images)
    same = step(globalregression, tmp_path / "GlobalMatch", images=aligned.output_layers)
    even = step(localblockadjustment, tmp_path / "LocalMatch", images=same.output_layers)
    names = [Path(path).stem for path in even.output_layers]
    assert names == [f"{name}_Align_Global_Local" for name in BOXES]
    return even.output_layers


def pipeline(images: list[str], tmp_path: Path, **how: Any) -> str:
    """Return the mosaic of the pipeline."""
    output = str(tmp_path / "pipeline" / "mosaic.tif")
    step(mosaicpipeline, tmp_path, images=images, output=output, **how)
    return output


def test_steps_one_to_six_give_the_mosaic_of_the_pipeline(
    images: list[str], matched: tuple[str, ...], tmp_path: Path
) -> None:
    cells = step(
        voronoiseamlines, tmp_path, images=matched, output=str(tmp_path / "ImageMasks.gpkg")
    ).output
    clipped = step(
        maskrasters, tmp_path / "Clipped", images=matched, vector_mask=cells, mask_field="image"
    )
    assert len(clipped.output_layers) == 3
    merged = str(tmp_path / "MergedImage.tif")
    step(mergerasters, tmp_path, images=clipped.output_layers, output=merged)
    assert_same(merged, pipeline(images, tmp_path, seams="voronoi", rule="last"))


@pytest.mark.parametrize(("seams", "rule"), [("voronoi", "feather"), ("leastcost", "multiband")])
def test_blending_along_the_cells_gives_the_mosaic_of_the_pipeline(
    images: list[str], matched: tuple[str, ...], tmp_path: Path, seams: str, rule: str
) -> None:
    if seams not in options_of(mosaicpipeline.Request)["seams"].choices:
        pytest.skip(f"the pipeline has no {seams} seams yet")
    cells = step(SEAMS[seams], tmp_path, images=matched, output=str(tmp_path / "m.gpkg")).output
    merged = str(tmp_path / "MergedImage.tif")
    step(mergerasters, tmp_path, images=matched, seamlines=cells, rule=rule, output=merged)
    assert_same(merged, pipeline(images, tmp_path, seams=seams, rule=rule))


def test_cells_of_the_inputs_serve_the_images_of_later_steps(
    images: list[str], matched: tuple[str, ...], tmp_path: Path
) -> None:
    cells = step(voronoiseamlines, tmp_path, images=images, output=str(tmp_path / "c.gpkg")).output
    clipped = step(
        maskrasters, tmp_path / "Clipped", images=matched, vector_mask=cells, mask_field="image"
    )
    assert (len(clipped.output_layers), clipped.images_skipped) == (3, 0)


def test_every_line_of_the_page_names_options_that_exist() -> None:
    known = operations.installed(operations)
    lines = re.findall(
        r"^qgis_process run orthoweave:(\w+)(.*?)(?<!\\)$",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert len(lines) > 8
    models = {path.stem for path in MODELS.glob("*.model3")}
    for name, given in lines:
        assert name in known or name in models, name
        if name in known:
            options = {option.upper() for option in options_of(known[name].Request)}
            assert set(re.findall(r"--(\w+)=", given)) <= options, given


def test_the_models_are_fresh() -> None:
    core = pytest.importorskip("qgis.core")
    if core.Qgis.versionInt() // 100 != 322:
        pytest.skip("models are made with QGIS 3.22")
    script = [sys.executable, "-B", str(ROOT / "dev" / "make_models.py"), "--check"]
    told = subprocess.run(script, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def run_model(name: str, images: list[str], tmp_path: Path) -> dict[str, str]:
    """Run a model of the Toolbox; return its outputs by title."""
    import processing

    model = processing.QgsApplication.processingRegistry().algorithmById(f"orthoweave:{name}")
    wanted = {
        parameter.name(): str(tmp_path / f"{name}{number}{suffix}")
        for number, (parameter, suffix) in enumerate(
            (p, ".tif" if p.type() == "rasterDestination" else ".gpkg")
            for p in model.destinationParameterDefinitions()
        )
    }
    results = processing.run(f"orthoweave:{name}", {"images": images, **wanted})
    return {key.partition(":")[2]: results[key] for key in wanted}


@pytest.mark.parametrize("name", ["mosaicchain", "alignandmosaic"])
def test_models_stand_in_the_toolbox_and_are_valid(toolbox: Any, name: str) -> None:
    model = toolbox.algorithmById(f"orthoweave:{name}")
    assert model is not None and model.validate() == (True, [])
    assert (model.groupId(), model.group()) == ("workflows", "6 Workflows")
    assert model.displayName().endswith("step by step") and model.shortHelpString()
    made = model.create()  # its outputs live no longer than it
    titles = [output.name().partition(":")[2] for output in made.outputDefinitions()]
    assert sorted(titles) == ["Mosaic", "Seam cells"]


def test_the_model_of_the_chain_gives_the_mosaic_of_the_pipeline(
    toolbox: Any, images: list[str], tmp_path: Path
) -> None:
    found = run_model("mosaicchain", images, tmp_path)
    if "leastcost" not in options_of(mosaicpipeline.Request)["seams"].choices:
        pytest.skip("the pipeline has no leastcost seams yet")
    assert_same(found["Mosaic"], pipeline(images, tmp_path, seams="leastcost", rule="multiband"))


def test_the_model_that_puts_images_in_place_leaves_no_hole(
    toolbox: Any, images: list[str], tmp_path: Path
) -> None:
    found = run_model("alignandmosaic", images, tmp_path)
    assert {"Mosaic", "Seam cells"} == set(found)
    values, valid = pixels(found["Mosaic"])
    plain = str(tmp_path / "plain.tif")
    step(mergerasters, tmp_path, images=images, output=plain)
    covered = pixels(plain)[1] > 0
    # images that lie in place move by less than a pixel at their borders
    assert abs(int((valid > 0).sum()) - int(covered.sum())) < 0.01 * covered.sum()
    assert values.shape[0] == 3


def test_a_model_runs_without_a_screen(
    headless: Callable[..., Any], images: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "chain.tif"
    listed = headless("list").stdout
    assert "orthoweave:mosaicchain" in listed and "orthoweave:alignandmosaic" in listed
    given = [f"--images={path}" for path in images]
    places = (f"--merge:Mosaic={output}", f"--seams:Seam cells={tmp_path / 'cells.gpkg'}")
    done = headless("run", "orthoweave:mosaicchain", *given, *places)
    assert done.returncode == 0, done.stderr
    assert output.is_file() and (tmp_path / "cells.gpkg").is_file()
