# SPDX-License-Identifier: GPL-2.0-or-later
"""What merging, matching and the whole pipeline cost for two large images, beside a plain copy.

Two images of SIDE × SIDE × 4 uint16 (deflate, predictor 2, tiles of 512, overlap SIDE / 4) are made
out of real Sentinel-2 pixels by ../shared/tools/make_cases.py. Every run is a process of its own;
overviews are off everywhere. The copy is gdal_translate of the finished mosaic with the same
compression: the same pixels, decoded once and encoded once.

    .venv/bin/python bench/two_images.py --side 6000 --folder build/bench
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measure import CO, GTIFF, ROOT, SHARED, Cost, cases, cost_of, orthoweave, table
from osgeo import gdal

GAINS = {"a": (1.0, 1.0, 1.0, 1.0), "b": (1.15, 0.9, 1.1, 0.85)}


def main() -> None:
    """Make the images, run everything, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=6000)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", default="", help="names that must occur in the run's name")
    chosen = parser.parse_args()
    folder = chosen.folder / str(chosen.side)
    make(folder, chosen.side)
    rows: list[tuple[str, Cost]] = []
    for name, command in runs(folder):
        if name == "copy" or chosen.only in name:
            rows.append((name, cost_of(command, chosen.repeats)))
            sys.stderr.write(f"{name}: {rows[-1][1]}\n")
    sys.stdout.write(table(f"Two images of {chosen.side}² × 4 uint16", rows, "copy"))


def make(folder: Path, side: int) -> None:
    """Write a.tif, b.tif, their VRTs and the mosaic that the copy copies."""
    if (folder / "done").exists():
        return
    make_cases = cases()
    folder.mkdir(parents=True, exist_ok=True)
    source = str(SHARED / "data" / "s2_timeseries" / "S2_20150711.tif")
    overlap = side // 4
    size = (2 * side - overlap, side)
    scene = str(folder / "scene.tif")
    make_cases.scaleup(
        [source], scene, size=size, bands=[2, 3, 4, 8], compress="DEFLATE", slant=0, holes=False
    )
    for name, column in (("a", 0), ("b", side - overlap)):
        _cut(scene, str(folder / f"{name}.tif"), column, side, GAINS[name])
        gdal.Translate(str(folder / f"{name}.vrt"), str(folder / f"{name}.tif"), format="VRT")
    gdal.Translate(str(folder / "union.tif"), scene, creationOptions=GTIFF)
    Path(scene).unlink()
    (folder / "done").touch()


def _cut(scene: str, path: str, column: int, side: int, gains: tuple[float, ...]) -> None:
    source = gdal.Open(scene)
    target = gdal.GetDriverByName("GTiff").Create(path, side, side, 4, gdal.GDT_UInt16, GTIFF)
    transform = list(source.GetGeoTransform())
    transform[0] += column * transform[1]
    target.SetGeoTransform(transform)
    target.SetProjection(source.GetProjection())
    for band in range(4):
        target.GetRasterBand(band + 1).SetNoDataValue(0)
    for row in range(0, side, 512):
        height = min(512, side - row)
        values = source.ReadAsArray(column, row, side, height).astype(np.float32)
        scaled = np.rint(values * np.array(gains, np.float32)[:, None, None])
        target.WriteArray(np.clip(scaled, 1, 65535).astype(np.uint16), 0, row)
        target.FlushCache()


def runs(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and command of every run."""
    a, b = str(folder / "a.tif"), str(folder / "b.tif")
    virtual = [str(folder / "a.vrt"), str(folder / "b.vrt")]
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    target = str(out / "peer.tif")
    yield "copy", ["gdal_translate", "-q", *CO, str(folder / "union.tif"), target]
    for threads in ("1", "2"):
        yield f"mergerasters, {threads} threads", _ours("mergerasters", [a, b], out, threads)
    yield "mergerasters, VRT inputs", _ours("mergerasters", virtual, out, "2")
    yield "gdalwarp", ["gdalwarp", "-q", "-overwrite", *CO, a, b, target]
    script = shutil.which("gdal_merge.py")
    if script:
        yield "gdal_merge.py", [script, "-q", "-n", "0", *CO, "-o", target, a, b]
    for name in ("globalregression", "mosaicpipeline"):
        for threads in ("1", "2"):
            yield f"{name}, {threads} threads", _ours(name, [a, b], out, threads)
    yield "mosaicpipeline, VRT inputs", _ours("mosaicpipeline", virtual, out, "2")


def _ours(operation: str, images: list[str], out: Path, threads: str) -> list[str]:
    """Return the command line of one of our operations."""
    command = orthoweave(operation, "--images", *images, "--threads", threads)
    if operation == "globalregression":
        return [*command, "--output-folder", str(out / "global")]
    return [*command, "--output", str(out / f"{operation}.tif"), "--build-overviews", "no"]


if __name__ == "__main__":
    main()
