# SPDX-License-Identifier: GPL-2.0-or-later
"""Rasters of random validity, what a file says about itself, and mosaics made the slow way."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest


@dataclass
class Layer:
    """An image that a test has made: path, values[band, row, col], valid[row, col], place."""

    path: str
    values: Any
    valid: Any
    col: int = 0
    row: int = 0


def back(path: str) -> SimpleNamespace:
    """Read a file with plain GDAL: values without alpha, and valid where any band's mask is set."""
    from osgeo import gdal

    dataset = gdal.Open(str(path))
    bands = [dataset.GetRasterBand(i + 1) for i in range(dataset.RasterCount)]
    alpha = [b for b in bands if b.GetColorInterpretation() == gdal.GCI_AlphaBand]
    data = [b for b in bands if b.GetColorInterpretation() != gdal.GCI_AlphaBand]
    values = np.stack([band.ReadAsArray() for band in data])
    masks = [band.GetMaskBand().ReadAsArray() != 0 for band in data]
    valid = np.any(masks, 0)
    if values.dtype.kind == "f":
        valid &= ~np.isnan(values).any(0)
    opacity = alpha[0].ReadAsArray() if alpha else None
    if opacity is not None:
        valid &= opacity != 0
    return SimpleNamespace(
        values=values,
        valid=valid,
        alpha=opacity,
        flags=data[0].GetMaskFlags(),
        nodata=data[0].GetNoDataValue(),
        transform=dataset.GetGeoTransform(),
        dataset=dataset,
    )


@pytest.fixture
def read_back() -> Callable[[str], SimpleNamespace]:
    """Read a file with plain GDAL, see `back`."""
    return back


@pytest.fixture
def layer(write: Callable[..., str]) -> Callable[..., Layer]:
    """Write an image with random values and holes: layer("a.tif", "nodata", "uint8", seed=1)."""

    def make(
        name: str,
        kind: str = "nodata",
        dtype: str = "uint8",
        *,
        seed: int = 0,
        size: tuple[int, int] = (50, 60),
        at: tuple[int, int] = (0, 0),
        bands: int = 3,
        **how: Any,
    ) -> Layer:
        values, valid = scene(kind, dtype, seed, (bands, *size))
        said = declared(kind, values, valid, seed)
        path = written(write, name, said, kind, at, how)
        return Layer(path, values, valid, *at)

    return make


def scene(kind: str, dtype: str, seed: int, shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """Return random values, and where they are valid: a few large holes and many small ones."""
    rng = np.random.default_rng(seed)
    top = 250 if dtype == "uint8" else 30000
    values = rng.integers(0, top, shape).astype(dtype)
    # zeros in one band only, and in all bands of a valid pixel where nodata is not 0
    values[0][rng.random(shape[1:]) < 0.1] = 0
    if kind == "none":
        return values, np.ones(shape[1:], bool)
    valid = rng.random(shape[1:]) > 0.1
    rows, cols = shape[1:]
    valid[: rows // 4, cols // 2 :] = False
    valid[rows // 2 : rows // 2 + 9, 3:14] = False
    if kind == "nodata":
        values[1][(values == 0).all(0) & valid] = 1
    return values, valid


def declared(kind: str, values: Any, valid: Any, seed: int) -> dict[str, Any]:
    """Return what the raster-writing fixture takes for a kind of validity."""
    if kind == "nodata":
        return {"array": np.where(valid, values, values.dtype.type(0)), "nodata": 0}
    if kind in ("alpha", "soft"):
        full = 255 if values.dtype.itemsize == 1 else 30000
        some = np.random.default_rng(seed + 99).integers(1, full, valid.shape)
        opacity = np.where(valid, full if kind == "alpha" else some, 0)
        return {"array": values, "alpha": opacity, "options": ("PHOTOMETRIC=RGB",)}
    if kind in ("internal", "msk"):
        return {"array": values, "mask": valid}
    if kind == "nan":
        holes = np.where(valid, values, np.float32("nan"))
        holes[1:] = np.where(np.random.default_rng(seed).random(valid.shape) < 0.5, holes[1:], 5)
        holes[0][~valid] = np.nan  # one band is enough
        values[...] = np.where(valid, holes, values)
        return {"array": holes.astype(values.dtype)}
    return {"array": values}


def written(
    write: Callable[..., str],
    name: str,
    said: dict[str, Any],
    kind: str,
    at: tuple[int, int],
    how: dict[str, Any],
) -> str:
    """Write the file; its first pixel is `at` (column, row) of the common grid."""
    from osgeo import gdal

    how.setdefault("transform", (5e5 + 10 * at[0], 10.0, 0.0, 5e6 - 10 * at[1], 0.0, -10.0))
    inside = "YES" if kind == "internal" else "NO"
    gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", inside)
    try:
        return write(name, said.pop("array"), **said, **how)
    finally:
        gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", None)


@pytest.fixture
def merge(tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Run mergerasters and read its output back: merge([a, b], rule="mean").values."""
    from orthoweave.core.operations import mergerasters

    count = iter(range(1000))

    def run(images: Sequence[Any], progress: Any = None, **options: Any) -> SimpleNamespace:
        paths = tuple(getattr(image, "path", image) for image in images)
        output = options.pop("output", str(tmp_path / "out" / f"m{next(count)}.tif"))
        options.setdefault("build_overviews", False)
        request = mergerasters.Request(images=paths, output=output, **options)
        result = mergerasters.run(*([request, progress] if progress else [request]))
        found = back(result.output)
        found.path, found.result = result.output, result
        return found

    return run


def stacked(layers: Sequence[Layer], shape: tuple[int, int]) -> tuple[Any, Any]:
    """Return values[image, band, row, col] and valid[image, row, col] on one grid."""
    bands = len(layers[0].values)
    values = np.zeros((len(layers), bands, *shape), layers[0].values.dtype)
    valid = np.zeros((len(layers), *shape), bool)
    for number, one in enumerate(layers):
        height, width = one.valid.shape
        rows, cols = slice(one.row, one.row + height), slice(one.col, one.col + width)
        values[number, :, rows, cols], valid[number, rows, cols] = one.values, one.valid
    return values, valid


@pytest.fixture
def slow_mosaic() -> Callable[..., tuple[Any, Any]]:
    """Make a mosaic pixel by pixel: slow_mosaic(layers, (rows, cols), "mean", labels=None)."""

    def make(
        layers: Sequence[Layer],
        shape: tuple[int, int],
        rule: str,
        labels: Any = None,
        fill: bool = True,
    ) -> tuple[Any, Any]:
        values, valid = stacked(layers, shape)
        out = np.zeros(values.shape[1:], np.uint16 if rule == "count" else values.dtype)
        seen = valid.any(0)
        for row, col in np.ndindex(*shape):
            present = np.flatnonzero(valid[:, row, col])
            owner = int(labels[row, col]) - 1 if labels is not None else -1
            if labels is not None and owner not in present and not fill:
                present, seen[row, col] = present[:0], False
            if rule == "count":
                out[:, row, col] = len(present)
            elif len(present):
                here = values[present, :, row, col]
                out[:, row, col] = chosen(here, rule, list(present), owner)
        return out, np.ones(shape, bool) if rule == "count" else seen

    return make


def chosen(here: Any, rule: str, present: list[int], owner: int) -> Any:
    """Return what a rule takes of values[image, band]."""
    if owner in present:
        return here[present.index(owner)]
    if rule in ("minimum", "maximum"):
        return here.min(0) if rule == "minimum" else here.max(0)
    if rule in ("mean", "median"):
        mean = getattr(np, rule)(here.astype(float), axis=0)
        return np.rint(mean) if here.dtype.kind in "iu" else mean
    return here[-1] if rule == "last" else here[0]


@pytest.fixture
def fingerprint() -> Callable[..., dict[str, str]]:
    """Return the SHA-256 of every file of folders, to see that inputs are left alone."""

    def make(*folders: Any) -> dict[str, str]:
        files = [f for folder in folders for f in sorted(Path(folder).rglob("*")) if f.is_file()]
        return {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    return make


@pytest.fixture(scope="session")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Dask scheduler on loopback with two workers that know the package: its file."""
    pytest.importorskip("distributed")
    place = tmp_path_factory.mktemp("dask")
    home, file = place / "home", place / "scheduler.json"
    home.mkdir()
    (home / "orthoweave").symlink_to(Path(__file__).resolve().parents[2])
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    quiet["env"] = {**os.environ, "PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    python = [sys.executable, "-m"]
    worker = [*python, "distributed.cli.dask_worker", "--nthreads", "2", "--no-nanny", *common]
    scheduler = [*python, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    started = [subprocess.Popen([*scheduler, *common], cwd=place, **quiet)]
    started += [subprocess.Popen(worker, cwd=place, **quiet) for _ in range(2)]
    while not file.exists() and started[0].poll() is None:
        time.sleep(0.1)
    yield str(file)
    for process in reversed(started):
        process.terminate()
        process.wait(20)
