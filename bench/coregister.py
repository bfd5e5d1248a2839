# SPDX-License-Identifier: GPL-2.0-or-later
"""How well co-registration puts images in place, and what it costs, beside coregix.

Every pair has a known truth; what counts is the image that was written, measured against the one
rebuilt from the truth. Each run is a process of its own through the command line with default
options and one thread, without a report. With --peer coregix 0.3.0 is installed from PyPI into a
virtual environment of its own and corrects the same files in the same run.

    .venv/bin/python bench/coregister.py                       # the made pairs
    .venv/bin/python bench/coregister.py --peer                # and coregix beside them
    .venv/bin/python bench/coregister.py --large 6000 --peer   # the large pair too
    .venv/bin/python bench/coregister.py --unrelated 100       # pairs that must be refused
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pairs
import registration_pairs as known
from measure import ROOT, SHARED, Cost, cases, cost_of, orthoweave
from osgeo import gdal
from registration_pairs import Known, Left, Made
from scipy import ndimage

PEER = "coregix==0.3.0"
PEER_HOME = ROOT / "build" / "peer-coregix"
ONE_THREAD = ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OPENBLAS_NUM_THREADS")
GREEN = "l8_greenland_30m/LC80030172015001LGN00_B4.tiff"
NAIP = "naip_nd/m_4709963_se_14_1_20190904_west.tif"
AERIAL = "openaerial_10cm/5dded5bc0140b80006d2e565_23.tif"
PLACES = (GREEN, NAIP, AERIAL)


@dataclass(frozen=True)
class Done:
    """A run: what is left, what it cost, and what it says about itself."""

    left: Left | None
    cost: Cost | None
    note: str = ""


def main() -> None:
    """Make the pairs, correct them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench" / "coregister")
    parser.add_argument("--only", default="", help="text that must occur in the pair's name")
    parser.add_argument("--peer", action="store_true", help="run coregix beside")
    parser.add_argument("--large", type=int, default=0, help="side of the large pair, 0 = none")
    parser.add_argument("--unrelated", type=int, default=0, help="number of unrelated pairs")
    chosen = parser.parse_args()
    for name in ONE_THREAD:
        os.environ[name] = "1"
    peer = installed() if chosen.peer else None
    head = "| pair | left px | to reach | best peer (spec) | exact px | reported | windows | "
    head += "valid | values | CPU s | MiB |"
    head += " coregix: left px | CPU s | MiB | CPU ours / theirs |" if peer else ""
    sys.stdout.write(f"{head}\n|{'---|' * (head.count('|') - 1)}\n")
    for number, one in enumerate(known.KNOWN):
        if chosen.only in one.name:
            folder = chosen.folder / str(number)
            show(one, known.make(one, SHARED, folder), folder, peer)
    if chosen.large:
        large = Known(
            f"{chosen.large}² rotation 0.02° + (3.4, -2.2)",
            "large",
            known.turned(0.02, 3.4, -2.2),
            0.010,
            0.019,
        )
        folder = chosen.folder / f"large{chosen.large}"
        show(large, made_large(large, chosen.large, folder), folder, peer)
    if chosen.unrelated:
        refused(chosen.unrelated, chosen.folder / "unrelated")


def show(one: Known, made: Made, folder: Path, peer: Path | None) -> None:
    """Correct a pair and print its row."""
    mine = ours(one, made, folder)
    exact = f"{mine.left.exact:.4f}" if mine.left else ""
    cells = [one.name, digits(mine.left), f"{one.bound:g}", f"{one.peers:g}", exact, mine.note]
    if mine.left and mine.cost:
        cells += [
            str(mine.left.windows),
            f"{mine.left.valid:.3f}",
            f"{mine.left.values:.3f}",
            f"{mine.cost.cpu:.2f}",
            f"{mine.cost.peak:.0f}",
        ]
    if peer:
        theirs = coregix(one, made, folder, peer)
        cells.append(digits(theirs.left) if theirs.left else theirs.note)
        if theirs.cost and mine.cost:
            ratio = mine.cost.cpu / theirs.cost.cpu
            cells += [f"{theirs.cost.cpu:.2f}", f"{theirs.cost.peak:.0f}", f"{ratio:.3f}"]
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def digits(left: Left | None) -> str:
    """Return what is left as text."""
    return "refused" if left is None else f"{left.rmse:.4f}"


def ours(one: Known, made: Made, folder: Path) -> Done:
    """Correct a pair with Orthoweave and measure the file."""
    output, transform = folder / "ours.tif", folder / "ours.json"
    files = ["--moving", str(made.moving), "--reference", str(made.reference)]
    files += ["--output", str(output), "--transform", str(transform), "--threads", "1"]
    output.unlink(missing_ok=True)
    command = orthoweave("coregister", *files, *one.options)
    # modules are compiled once, as those of an installed package are
    kept = {"PYTHONPYCACHEPREFIX": str(folder.parent / "compiled")}
    writing = {**os.environ, **kept, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, env=writing, capture_output=True, check=False)
    try:
        cost = cost_of(["env", *(f"{name}={value}" for name, value in kept.items()), *command])
    except RuntimeError as error:
        return Done(None, None, str(error).strip().splitlines()[-1])
    quality = json.loads(transform.read_text(encoding="utf-8"))["quality"]
    return Done(known.left(output, made), cost, f"{quality['rmse_after']:.3f}")


def installed() -> Path:
    """Install coregix into an environment of its own; return its Python."""
    python = PEER_HOME / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEER_HOME)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", PEER], check=True)
    return python


def coregix(one: Known, made: Made, folder: Path, python: Path) -> Done:
    """Correct a pair with coregix and measure the file."""
    output = folder / "coregix.tif"
    output.unlink(missing_ok=True)
    command = [str(python.parent / "align-image-pair")]
    command += ["--moving-image", str(made.moving), "--fixed-image", str(made.reference)]
    command += ["--output-image", str(output), *one.peer_options]
    grid = "no-output-on-moving-grid" if "reference" in one.options else "output-on-moving-grid"
    command.append(f"--{grid}")
    try:
        cost = cost_of(command)
    except RuntimeError as error:
        return Done(None, None, str(error).strip().splitlines()[-1][:60])
    return Done(known.left(output, made), cost)


def made_large(one: Known, side: int, folder: Path) -> Made:
    """Write the large pair by strips, out of a quilt of real imagery; keep the ideal image."""
    margin, step = 48, 500
    made = Made(
        folder / "reference.tif",
        folder / "moving.tif",
        np.empty((0, 0)),
        margin,
        (side, side),
        one.truth(side, side),
    )
    ideal = folder / "ideal.npy"
    if not ideal.exists():
        scene = _quilt(folder, side + 2 * margin).astype(np.float64)
        truth, spread = one.truth(side, side), float(scene.std())
        rng = np.random.default_rng(1)
        spline = ndimage.spline_filter(scene, 5)
        targets = [pairs.create(path, side, side) for path in (made.reference, made.moving)]
        for row in range(0, side, step):
            rows = min(step, side - row)
            y, x = np.mgrid[row : row + rows, 0:side].astype(np.float64)
            px, py = truth.back(x, y)
            shown = ndimage.map_coordinates(
                spline, [py + margin, px + margin], order=5, prefilter=False
            )
            fixed = scene[row + margin : row + margin + rows, margin : margin + side]
            ends = (fixed, known.GAIN * shown + known.OFFSET)
            for target, values in zip(targets, ends):
                noisy = values + known.NOISE * spread * rng.standard_normal(values.shape)
                whole = np.clip(np.rint(noisy), 1, 65535).astype(np.uint16)
                target.GetRasterBand(1).WriteArray(whole, 0, row)
        np.save(ideal, (known.GAIN * scene + known.OFFSET).astype(np.float32))
    # in memory only where it is looked at: a process counts what its parent holds
    return replace(made, ideal=np.load(ideal, mmap_mode="r"))


def _quilt(folder: Path, side: int) -> np.ndarray:
    """Return a large image put together from real imagery."""
    make_cases = cases()
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "source.tif"
    scene = SHARED / "data" / "s2_timeseries" / "S2_20150711.tif"
    make_cases.scaleup([str(scene)], str(source), size=side, bands=[3], holes=False, slant=0.0)
    values = band(source)
    source.unlink()
    return values


def band(path: Path) -> np.ndarray:
    """Return the first band of a file."""
    opened = gdal.Open(str(path))
    return opened.GetRasterBand(1).ReadAsArray()


def refused(count: int, folder: Path) -> None:
    """Try to register crops of different places; every one must be refused."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    scenes = [band(SHARED / "data" / name) for name in PLACES]
    accepted = []
    for number in range(count):
        crops = unrelated(scenes, rng, same=number % 2 == 1)
        paths = [folder / "reference.tif", folder / "moving.tif"]
        for path, crop in zip(paths, crops):
            pairs.write(path, np.clip(crop, 1, 65535).astype(np.uint16))
        transform = folder / "t.json"
        files = ["--moving", str(paths[1]), "--reference", str(paths[0])]
        command = orthoweave("coregister", *files, "--transform", str(transform))
        status = subprocess.run(command, capture_output=True, text=True).returncode
        if status == 0:
            accepted.append((number, json.loads(transform.read_text())["reason"]))
    sys.stdout.write(f"\n{count} unrelated pairs: {len(accepted)} accepted\n")
    for number, reason in accepted:
        sys.stdout.write(f"- pair {number}: {reason}\n")


def unrelated(
    scenes: list[np.ndarray], rng: np.random.Generator, *, same: bool
) -> list[np.ndarray]:
    """Return crops of 256 px of two scenes, or of places of one scene that do not touch."""
    side = 256
    first, second = (0, 0) if same else rng.choice(len(scenes), 2, replace=False)
    half = scenes[0].shape[0] // 2
    tops = [(0, half - side), (half, scenes[0].shape[0] - side)]
    crops = []
    for index, place in enumerate((first, second)):
        rows, cols = scenes[place].shape
        low, high = tops[index] if same else (0, rows - side)
        top, left = int(rng.integers(low, high + 1)), int(rng.integers(0, cols - side + 1))
        crops.append(scenes[place][top : top + side, left : left + side])
    return crops


if __name__ == "__main__":
    main()
