# SPDX-License-Identifier: GPL-2.0-or-later
"""How near normalization comes to the truth, and what it costs.

Four sets of six overlapping tiles (A plain, B haze and collars, C sub-pixel phase, D strong haze)
are made out of real Sentinel-2 pixels by ../shared/tools/make_cases.py, which knows the truth. The
table tells for the input, after global regression, and after local block adjustment:

difference: mean over bands of the sum of |a - b| over all common valid pixels of all pairs, divided
by their number, in % of the mean of the truth; tiles of other phase are brought onto each other
with a Lanczos kernel.
RMSE: all valid pixels of all tiles, one line per band fitted from result to truth, root mean square
of the rest, mean over bands.

Then the cost on two images of SIDE × SIDE × 4 uint16, beside a plain compressed copy of both.

    .venv/bin/python bench/normalization.py --folder build/bench
    .venv/bin/python bench/normalization.py --size 1800 --side 2000 --folder build/bench
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import two_images
from measure import ROOT, SHARED, Cost, cases, cost_of, orthoweave, table
from osgeo import gdal

SCENE = "s2_timeseries/S2_20150711.tif"
COMMON = {
    "seed": 1,
    "nx": 3,
    "ny": 2,
    "overlap": 0.3,
    "gain": 0.23,
    "offset": 0.1,
    "vignette": 0.12,
}
SETS = {
    "A": {"phase": False, "irregular": False, "haze": 0},
    "B": {"phase": False, "irregular": True, "haze": 0.03},
    "C": {"phase": True, "irregular": True, "haze": 0.03},
    "D": {"phase": False, "irregular": True, "haze": 0.08},
}
MUST = {  # difference in %, RMSE
    "A": {"global": (1.6, 18), "global + local": (0.5, 6)},
    "B": {"global": (1.7, 20), "global + local": (0.6, 15)},
    "C": {"global": (2.0, 24), "global + local": (0.9, 18)},
    "D": {"global": (2.6, 32), "global + local": (0.8, 30)},
}
MARGIN = 4
"""Pixels round an invalid one that a Lanczos kernel spoils."""

Tile = tuple[Any, Any, tuple[float, float]]
"""values[band, row, col], valid[row, col], (col, row) on the truth."""


def main() -> None:
    """Make the sets, run everything, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--size", type=int, default=3600, help="width of the sets' scene, px")
    parser.add_argument("--sets", default="ABCD", help="sets to run; empty: none")
    parser.add_argument("--side", type=int, default=6000, help="side of the images whose cost is")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--cost", action=argparse.BooleanOptionalAction, default=True)
    chosen = parser.parse_args()
    if chosen.cost:  # first: the memory of a small process does not show in that of its children
        text = costs(chosen.folder / str(chosen.side), chosen.side, chosen.repeats)
        sys.stdout.write(text + "\n")
    if chosen.sets:
        folder = chosen.folder / f"normalization_{chosen.size}"
        make(folder, chosen.size)
        for line in rows(folder, chosen.sets):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def make(folder: Path, size: int) -> None:
    """Write the four sets, unless they are there."""
    if (folder / "done").exists():
        return
    make_cases = cases()
    folder.mkdir(parents=True, exist_ok=True)
    scene, crop = str(folder / "scene.tif"), str(folder / "crop.tif")
    source = str(SHARED / "data" / SCENE)
    make_cases.scaleup([source], scene, size=size, bands=[2, 3, 4, 8], seed=1)
    gdal.Translate(crop, scene, srcWin=[0, 0, size, size * 2600 // 3600])
    for name, how in SETS.items():
        make_cases.mosaic(crop, str(folder / name), **COMMON, **how)
    Path(scene).unlink()
    (folder / "done").touch()


def rows(folder: Path, sets: str) -> Iterator[str]:
    """Run both corrections on each set and yield the lines of a Markdown table."""
    yield "| set | step | difference, % | must | RMSE | must | |"
    yield "|---|---|---|---|---|---|---|"
    for name in sets:
        told = json.loads((folder / name / "truth.json").read_text())
        tiles = [folder / name / tile["file"] for tile in told["tiles"]]
        places = [tuple(tile["origin_px"]) for tile in told["tiles"]]
        truth, valid = read(folder / name / told["truth"])
        level = truth[:, valid].mean(1)
        for step, paths in corrected(folder, name, tiles).items():
            found = [(*read(path), place) for path, place in zip(paths, places)]
            wanted = [seen(truth, valid, tile) for tile in found]
            numbers = difference(found, level), rmse(found, wanted)
            yield row(name, step, numbers)


def row(name: str, step: str, numbers: tuple[float, float]) -> str:
    """Return a line of the table."""
    must = MUST[name].get(step)
    if must is None:
        return f"| {name} | {step} | {numbers[0]:.2f} | | {numbers[1]:.1f} | | |"
    fine = all(number <= limit for number, limit in zip(numbers, must))
    word = "reached" if fine else "missed"
    return (
        f"| {name} | {step} | {numbers[0]:.2f} | {must[0]} | {numbers[1]:.1f} | {must[1]} | "
        f"{word} |"
    )


def corrected(folder: Path, name: str, tiles: list[Path]) -> dict[str, list[Path]]:
    """Write the tiles after each step and return the files."""
    out = folder / "out" / name
    matched = [out / "global" / f"{tile.stem}_Global.tif" for tile in tiles]
    evened = [out / "local" / f"{tile.stem}_Local.tif" for tile in matched]
    run("globalregression", tiles, out / "global")
    run("localblockadjustment", matched, out / "local")
    return {"input": tiles, "global": matched, "global + local": evened}


def run(operation: str, images: list[Path], out: Path, threads: int = 2, repeats: int = 1) -> Cost:
    """Run one of our operations that writes an image for each one."""
    words = ["--images", *map(str, images), "--threads", str(threads)]
    return cost_of(orthoweave(operation, *words, "--output-folder", str(out)), repeats)


def read(path: Path) -> tuple[Any, Any]:
    """Return values[band, row, col] and where any of them is not 0."""
    dataset = gdal.Open(str(path))
    values = dataset.ReadAsArray().astype(np.float32)
    return values, values.any(0)


def seen(truth: Any, valid: Any, tile: Tile) -> Any:
    """Return the truth on the pixels of a tile."""
    values, _, (col, row) = tile
    return shifted(truth, valid, (col, row), values.shape[1:])[0]


def shifted(values: Any, valid: Any, at: tuple[float, float], shape: tuple[int, ...]) -> Any:
    """Return values and validity at (col + at[0], row + at[1]) for every pixel of a shape."""
    cols = np.arange(shape[1], dtype=np.float32) + np.float32(at[0])
    lines = np.arange(shape[0], dtype=np.float32) + np.float32(at[1])
    x, y = np.meshgrid(cols, lines)
    whole = all(float(one).is_integer() for one in at)
    kernel = cv2.INTER_NEAREST if whole else cv2.INTER_LANCZOS4
    out = np.stack(
        [cv2.remap(band, x, y, kernel, borderMode=cv2.BORDER_REFLECT) for band in values]
    )
    reach = np.ones((1, 1) if whole else (2 * MARGIN + 1,) * 2, np.uint8)
    inner = cv2.erode(valid.astype(np.uint8), reach, borderValue=0).astype(np.float32)
    there = cv2.remap(inner, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return out, there > 0.999


def difference(tiles: list[Tile], level: Any) -> float:
    """Return the difference in the overlaps, % of the level."""
    total, count = np.zeros(len(level)), 0
    for index, (values, valid, place) in enumerate(tiles):
        for other, usable, there in tiles[index + 1 :]:
            at = (place[0] - there[0], place[1] - there[1])
            if abs(at[0]) >= valid.shape[1] or abs(at[1]) >= valid.shape[0]:
                continue
            moved, known = shifted(other, usable, at, valid.shape)
            both = valid & known
            total += np.abs(values - moved)[:, both].sum(1, dtype=np.float64)
            count += int(both.sum())
    return float(100 * (total / max(1, count)).mean() / level.mean())


def rmse(tiles: list[Tile], truths: list[Any]) -> float:
    """Return the root mean square distance from the truth after one line per band."""
    found = []
    for band in range(len(tiles[0][0])):
        result = np.concatenate([values[band][valid] for values, valid, _ in tiles])
        truth = np.concatenate([one[band][t[1]] for one, t in zip(truths, tiles)])
        line = np.polyfit(result.astype(float), truth.astype(float), 1)
        found.append(np.sqrt(np.mean((np.polyval(line, result) - truth) ** 2)))
    return float(np.mean(found))


def costs(folder: Path, side: int, repeats: int) -> str:
    """Run a plain copy and our corrections on two large images; return the table."""
    two_images.make(folder, side)
    images = [folder / "a.tif", folder / "b.tif"]
    out = folder / "out"
    out.mkdir(exist_ok=True)
    found: list[tuple[str, Cost]] = [("copy", copied(images, out, repeats))]
    for threads in (1, 2):
        cost = run("globalregression", images, out / "g", threads, repeats)
        found.append((f"globalregression, {threads} threads", cost))
        matched = [out / "g" / f"{image.stem}_Global.tif" for image in images]
        cost = run("localblockadjustment", matched, out / "l", threads, repeats)
        found.append((f"localblockadjustment, {threads} threads", cost))
        for radiometry in ("global", "globallocal"):
            words = ["--images", *map(str, images), "--radiometry", radiometry]
            words += ["--threads", str(threads), "--output", str(out / "m.tif")]
            command = orthoweave("mosaicpipeline", *words, "--build-overviews", "no")
            cost = cost_of(command, repeats)
            found.append((f"mosaicpipeline {radiometry}, {threads} threads", cost))
    return table(f"Two images of {side}² × 4 uint16", found, "copy")


def copied(images: list[Path], out: Path, repeats: int) -> Cost:
    """Return what gdal_translate of both images costs, one after the other."""
    runs = [
        cost_of(["gdal_translate", "-q", *two_images.CO, str(image), str(out / "c.tif")], repeats)
        for image in images
    ]
    return Cost(sum(r.cpu for r in runs), sum(r.wall for r in runs), max(r.peak for r in runs))


if __name__ == "__main__":
    main()
