# SPDX-License-Identifier: GPL-2.0-or-later
"""What merging many images costs beside a plain copy, and blending beside a hard cut.

A scene of SIDE × SIDE × 3 uint8 made of real drone pixels by ../shared/tools/make_cases.py is cut
into 9 tiles, and a part of it into 1,000 of 512 px, each with a brightness of its own. Every run
is a process of its own with one thread and without overviews. The copy is gdal_translate of the
merged file with the same compression: the same valid pixels, decoded once and encoded once. Peers
that are not installed are left out.

    .venv/bin/python bench/merge.py --side 20000 --folder build/bench
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from measure import CO, GTIFF, ROOT, SHARED, Cost, cases, cost_of, orthoweave, table
from osgeo import gdal

OVERLAP, SMALL, COLUMNS, ROWS = 0.15, 512, 40, 25


def main() -> None:
    """Make the images, run everything, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=20000)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", default="", help="names that must occur in the run's name")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--images", choices=("few", "many", "both"), default="both")
    chosen = parser.parse_args()
    folder = chosen.folder / f"merging{chosen.side}"
    make(folder, chosen.side)
    titles = {"few": "9 images", "many": "1,000 images of 512²"}
    for images in titles if chosen.images == "both" else (chosen.images,):
        rows: list[tuple[str, Cost]] = []
        for name, command in runs(folder, images, chosen.threads):
            if name in ("copy", "cells", "mergerasters last") or chosen.only in name:
                rows.append((name, cost_of(command, chosen.repeats)))
                sys.stderr.write(f"{name}: {rows[-1][1]}\n")
        sys.stdout.write(
            table(f"{titles[images]} of a scene of {chosen.side}² × 3 uint8", rows, "copy")
        )
        sys.stdout.write("\n")
    shutil.rmtree(folder / "out", ignore_errors=True)


def make(folder: Path, side: int) -> None:
    """Write the folders few and many."""
    if (folder / "done").exists():
        return
    make_cases = cases()
    folder.mkdir(parents=True, exist_ok=True)
    scene = str(folder / "scene.tif")
    source = sorted((SHARED / "data" / "drone_brighton").glob("*.tif"))[0]
    make_cases.scaleup(
        [str(source)], scene, size=side, bands=[1, 2, 3], compress="DEFLATE", slant=0, holes=False
    )
    make_cases.tiles(scene, str(folder / "few"), 3, 3, OVERLAP, compress="DEFLATE")
    small(scene, folder / "many", side)
    Path(scene).unlink()
    (folder / "done").touch()


def small(scene: str, folder: Path, side: int) -> None:
    """Cut overlapping tiles out of the scene."""
    folder.mkdir(exist_ok=True)
    step = round(SMALL * (1 - OVERLAP))
    for number in range(COLUMNS * ROWS):
        col, row = number % COLUMNS * step, number // COLUMNS * step
        if max(col, row) + SMALL <= side:
            place = [col, row, SMALL, SMALL]
            path = str(folder / f"t{number:04d}.tif")
            # images that are alike would leave nothing to blend
            gain = [[0, 255, 0, 255 - number * 7 % 11 * 3]]
            gdal.Translate(path, scene, srcWin=place, scaleParams=gain, creationOptions=GTIFF)


def runs(folder: Path, images: str, threads: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and command of every run."""
    inputs = sorted(str(path) for path in (folder / images).glob("*.tif"))
    out = folder / "out" / images
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    pattern, merged = str(folder / images / "*.tif"), str(out / "last.tif")
    ours = ["--threads", threads, "--build-overviews", "no"]
    hard = orthoweave("mergerasters", "--images", pattern, "--output", merged, *ours)
    yield "mergerasters last", hard
    target = str(out / "peer.tif")
    yield "copy", ["gdal_translate", "-q", *CO, merged, target]
    cells = str(out / "cells.gpkg")
    yield "cells", orthoweave("voronoiseamlines", "--images", pattern, "--output", cells)
    for rule in ("last", "feather", "multiband"):
        path = str(out / "seamed.tif")
        seamed = ["--seamlines", cells, "--rule", rule, "--output", path]
        yield f"{rule} along seams", orthoweave("mergerasters", "--images", pattern, *ours, *seamed)
        sys.stderr.write(f"visibility ({rule}): {_visibility(path)}\n")
    yield (
        "mergerasters median",
        orthoweave(
            "mergerasters", "--images", pattern, "--output", target, "--rule", "median", *ours
        ),
    )
    yield "gdalwarp", ["gdalwarp", "-q", "-overwrite", *CO, *inputs, target]
    script = shutil.which("gdal_merge.py")
    if script:
        yield "gdal_merge.py", [script, "-q", "-n", "0", *CO, "-o", target, *inputs]


def _visibility(path: str) -> float | None:
    """Return what a run has noted; None when it was not asked for."""
    record = Path(path + ".orthoweave.json")
    known: dict[str, float] = json.loads(record.read_text())["result"] if record.exists() else {}
    return known.get("seam_visibility")


if __name__ == "__main__":
    main()
