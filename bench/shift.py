# SPDX-License-Identifier: GPL-2.0-or-later
"""How accurate shift analysis is against known displacements, and what it costs.

Every pair is measured by a process of its own through the command line, with default options.
KARIOS is not in a package registry: its figures beside ours are those of the specification
(KARIOS 2.2.0, same kind of machine, pairs of the same recipe), not of this run.

    .venv/bin/python bench/shift.py                      # the made pairs of 960²
    .venv/bin/python bench/shift.py --large 8000         # the large pair too
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pairs
from measure import ROOT, SHARED, Cost, cases, cost_of, orthoweave
from osgeo import gdal
from scipy import ndimage

SIDE = 960
TEXTURE = "openaerial_10cm/5dded5bc0140b80006d2e565_23.tif"
LARGE_SHIFT = (2.37, -1.62)

KARIOS = {
    "constant shift": (0.063, 4860),
    "shift, 5 % noise, gain .7": (0.348, 3297),
    "warp of 1.2 px": (0.064, 4821),
    "warp, noise, gain": (0.258, 3800),
    "rotation 1.5°, scale 1.005": (3.76, 1298),
    "23.37 / -17.62 px, border": (29.2, 0),
    "large": (0.052, 0),
}
KARIOS_COST = "KARIOS on 8000²: 44.8 CPU s, 2394 MiB"


@dataclass(frozen=True)
class Found:
    """Errors of the points of a pair, px: radial RMSE, means per axis, share beyond .5 px."""

    points: int
    rmse: float
    bias: tuple[float, float]
    beyond: float
    honesty: float
    within: float


def main() -> None:
    """Make the pairs, measure them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench" / "shift")
    parser.add_argument("--large", type=int, default=0, help="side of the large pair, 0 = none")
    parser.add_argument("--only", default="", help="text that must occur in the pair's name")
    parser.add_argument("--report", action="store_true", help="with report and figures")
    chosen = parser.parse_args()
    texture = real_texture(SIDE + 120)
    sys.stdout.write(
        "| pair | points | RMSE px | KARIOS: RMSE, points | mean error x, y | beyond .5 px | "
        "median error / sigma | ≤ 1.52 sigma | CPU s | MiB |\n|" + "---|" * 10 + "\n"
    )
    for number, pair in enumerate(pairs.small_pairs(SIDE)):
        if chosen.only in pair.name:
            folder = chosen.folder / str(number)
            pairs.make(pair, texture, folder)
            show(pair, *measured(pair, folder))
    if chosen.large:
        large(chosen.folder / f"large{chosen.large}", chosen.large)


def real_texture(side: int) -> np.ndarray:
    """Return a crop of a real image as decimal numbers of a 12-bit range."""
    opened = gdal.Open(str(SHARED / "data" / TEXTURE))
    values = opened.GetRasterBand(1).ReadAsArray(200, 200, side, side).astype(np.float64)
    # the optics' blur: a Byte image quantized at full contrast has aliased single pixels
    return ndimage.gaussian_filter(values, 0.6) * 12 + 200


def large(folder: Path, side: int) -> None:
    """Measure the large pair and the reading of both files."""
    pair = pairs.Pair("large", pairs.constant(*LARGE_SHIFT))
    if not (folder / "moving.tif").exists():
        make_cases = cases()
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / "source.tif"
        scene = SHARED / "data" / "s2_timeseries" / "S2_20150711.tif"
        make_cases.scaleup(
            [str(scene)], str(source), size=side + 80, bands=[3], holes=False, slant=0.0
        )
        pairs.make_large(side, LARGE_SHIFT, source, folder)
        source.unlink()
    show(pair, *measured(pair, folder))
    read = sum(
        cost_of(["gdalinfo", "-checksum", str(folder / name)]).cpu
        for name in ("reference.tif", "moving.tif")
    )
    sys.stdout.write(f"\nReading both files: {read:.1f} CPU s. {KARIOS_COST}.\n")


def measured(pair: pairs.Pair, folder: Path) -> tuple[Found, Cost]:
    """Run shift analysis on a pair and compare its points with the truth."""
    files = ["--moving", str(folder / "moving.tif"), "--reference", str(folder / "reference.tif")]
    out = folder / "out"
    command = orthoweave("shiftanalysis", *files, "--output-folder", str(out))
    cost = cost_of(command)
    table = out / "moving_reference" / "KLT_matcher_moving_reference.csv"
    return errors(pair, table), cost


def errors(pair: pairs.Pair, table: Path) -> Found:
    """Compare the table's points with a score of .4 or more with the truth."""
    with table.open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter=";") if float(row["score"]) >= 0.4]
    names = ("x0", "y0", "dx", "dy", "sigma_x", "sigma_y")
    x, y, dx, dy, *sigmas = (np.array([float(row[name]) for row in rows]) for name in names)
    truth = pair.truth(x, y)
    wrong = dx - truth[0], dy - truth[1]
    radial, sigma = np.hypot(*wrong), np.hypot(*sigmas)
    return Found(
        len(rows),
        float(np.sqrt(np.mean(radial**2))),
        (float(wrong[0].mean()), float(wrong[1].mean())),
        float(np.mean(radial > 0.5)),
        float(np.median(radial / sigma)),
        float(np.mean(radial <= 1.52 * sigma)),
    )


def show(pair: pairs.Pair, found: Found, cost: Cost) -> None:
    """Print a row."""
    peer = KARIOS[pair.name]
    sys.stdout.write(
        f"| {pair.name} | {found.points} | {found.rmse:.4f} | {peer[0]}, {peer[1] or '-'} | "
        f"{found.bias[0]:+.4f}, {found.bias[1]:+.4f} | {100 * found.beyond:.1f} % | "
        f"{found.honesty:.2f} | {100 * found.within:.0f} % | {cost.cpu:.1f} | {cost.peak:.0f} |\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
