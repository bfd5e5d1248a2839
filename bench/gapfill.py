# SPDX-License-Identifier: GPL-2.0-or-later
"""How right gap filling is, and what it costs: 68 dates onto 90, one band and ten.

Real data: ../shared/data/s2_timeseries, vegetation index and cloud masks of 68 dates. First the
result is compared with a reference that interpolates one pixel after the other. Then the same
pixels are repeated to a square and filled in memory: pixels per CPU second (median of three),
beside numpy.interp called for each pixel. Last, the tool itself, raster to raster with one thread,
on few and many pixels and dates: CPU seconds and peak memory.

    .venv/bin/python bench/gapfill.py --folder build/bench/gapfill
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from measure import ROOT, SHARED, cost_of, orthoweave, register, say
from osgeo import gdal

SERIES = SHARED / "data" / "s2_timeseries"
SIDE = 500
TARGET = 340
"""Thousands of pixels of one band per CPU second."""


def main() -> None:
    """Compare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench" / "gapfill")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    register()
    dates, values, clouds = real()
    from orthoweave.core.landcover.dates import day, regular

    days = [day(date) for date in dates]
    targets = regular(min(days), max(days), 10)
    goals = [day(target) for target in targets]
    say(f"{len(dates)} dates onto {len(targets)}")
    compare(dates, values, clouds, targets, (days, goals))
    speed(dates, values, clouds, targets, (days, goals))
    tool(folder)


def real() -> tuple[list[str], Any, Any]:
    """Return dates, values[date, row, col] and clouds[date, row, col]."""
    listed = (SERIES / "dates.txt").read_text().split()
    dates = [d if d not in listed[:n] else f"{d}.1" for n, d in enumerate(listed)]
    read = [gdal.Open(str(SERIES / f"{name}_68dates.tif")) for name in ("NDVI", "CLOUD")]
    return dates, read[0].ReadAsArray(), read[1].ReadAsArray()


def view(dates: list[str], values: Any, clouds: Any, targets: Any, bands: int = 1) -> Any:
    """Return the filled series of arrays in memory, every band the same."""
    from orthoweave.core.grid import Grid
    from orthoweave.core.image import ArrayImage
    from orthoweave.core.landcover.gapfilling import GapFilled
    from orthoweave.core.landcover.interpolation import Filling

    grid = Grid(values.shape[2], values.shape[1], (0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
    valid = np.ones(values.shape[1:], bool)
    names = tuple(f"s2_b{band}_{date}" for date in dates for band in range(bands))
    flags = tuple(f"mask_{date}" for date in dates)
    series = ArrayImage("series", grid, np.repeat(values, bands, 0), valid, None, names)
    masks = ArrayImage("masks", grid, clouds, valid, None, flags)
    return GapFilled(series, masks, Filling(tuple(targets)))


def compare(dates: list[str], values: Any, clouds: Any, targets: Any, times: Any) -> None:
    """Print the largest difference from the rule applied pixel by pixel."""
    found = view(dates, values, clouds, targets)
    stored = found.read(found.grid.window).values
    exact = found.read(found.grid.window, rounded=False).values
    worst = [0.0, 0.0]
    for row, col in np.ndindex(*values.shape[1:]):
        clear = np.flatnonzero(clouds[:, row, col] == 0)
        truth = np.array(
            [one_value(values[:, row, col], clear, *times, k) for k in range(len(targets))]
        )
        worst[0] = max(worst[0], np.abs(stored[:, row, col] - np.rint(truth)).max())
        worst[1] = max(worst[1], np.abs(exact[:, row, col] - truth).max() / 10000)
    say(f"largest difference from the reference: stored values {worst[0]:g}, index {worst[1]:.1e}")


def one_value(values: Any, clear: Any, days: list[int], goals: list[int], at: int) -> float:
    """Return the value of one pixel on one output date, by the rule of the tool."""
    goal = goals[at]
    before = [d for d in clear if days[d] <= goal]
    after = [d for d in clear if days[d] >= goal]
    if not before or not after:
        return float(values[after[0] if after else before[-1]])
    a, b = before[-1], after[0]
    length = days[b] - days[a]
    first = float(values[a])
    return first if length <= 0 else first + (float(values[b]) - first) * (goal - days[a]) / length


def speed(dates: list[str], values: Any, clouds: Any, targets: Any, times: Any) -> None:
    """Print thousands of pixels per CPU second."""
    repeats = -(-SIDE // min(values.shape[1:]))
    square = [np.tile(v, (1, repeats, repeats))[:, :SIDE, :SIDE] for v in (values, clouds)]
    found: dict[int, float] = {}
    for bands, side in ((1, SIDE), (10, SIDE // 2)):
        image = view(dates, *(v[:, :side, :side] for v in square), targets, bands)
        found[bands] = rate(lambda image=image: image.read(image.grid.window), side * side)
    peer = rate(lambda: interpolated(values, clouds, *times), values[0].size)
    say(f"one band {found[1]:.0f} kpx per CPU s (target {TARGET}), ten bands {found[10]:.0f} "
          f"(target {TARGET / 4:.0f}), {found[1] / found[10]:.1f} × one band's time; "
          f"numpy.interp for each pixel {peer:.0f}")  # fmt: skip


def rate(work: Callable[[], Any], pixels: int) -> float:
    """Return thousands of pixels per CPU second, the median of three."""
    seconds = []
    for _ in range(3):
        started = process_time()
        work()
        seconds.append(process_time() - started)
    return pixels / statistics.median(seconds) / 1000


def interpolated(values: Any, clouds: Any, days: list[int], goals: list[int]) -> Any:
    """Interpolate one pixel after the other with numpy."""
    out = np.empty((len(goals), *values.shape[1:]))
    times = np.array(days)
    for row, col in np.ndindex(*values.shape[1:]):
        clear = clouds[:, row, col] == 0
        out[:, row, col] = np.interp(goals, times[clear], values[clear, row, col])
    return out


def tool(folder: Path) -> None:
    """Print what the tool costs from raster to raster."""
    from orthoweave.core.landcover.dates import regular

    say("\n| series | output | CPU s | peak MiB |\n|---|---|---|---|")
    for name, side, dates, bands in (
        ("small", 500, 68, 1),
        ("4 × the area", 1000, 68, 1),
        ("300 dates", 400, 300, 1),
        ("1000 bands", 256, 100, 10),
    ):
        path, flags = folder / f"{name[:3]}.tif", folder / f"{name[:3]}_masks.tif"
        made(path, flags, side, regular(736000, 736000 + 10 * dates - 1, 10), bands)
        output = str(folder / "filled.tif")
        cost = cost_of(orthoweave(
            "gapfill", f"--image={path}", f"--masks={flags}", f"--output={output}", "--step=8",
            "--threads=2",
        ))  # fmt: skip
        count = gdal.Open(output).RasterCount
        say(f"| {name}: {side}² px, {dates * bands} bands | {count} bands | {cost.cpu:.1f} "
              f"| {cost.peak:.0f} |")  # fmt: skip


def made(path: Path, flags: Path, side: int, dates: tuple[str, ...], bands: int) -> None:
    """Write a series of noise and its masks, tiled as our own are."""
    rng = np.random.default_rng(1)
    options = ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64", "COMPRESS=DEFLATE"]
    driver = gdal.GetDriverByName("GTiff")
    names = [f"s2_b{band}_{date}" for date in dates for band in range(bands)]
    for file, kind, titles in (
        (path, gdal.GDT_Int16, names),
        (flags, gdal.GDT_Byte, [f"mask_{date}" for date in dates]),
    ):
        target = driver.Create(str(file), side, side, len(titles), kind, options)
        target.SetGeoTransform((0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
        for number, title in enumerate(titles, 1):
            band = target.GetRasterBand(number)
            band.SetDescription(title)
            top = 2 if kind == gdal.GDT_Byte else 9000
            band.WriteArray(rng.integers(0, top, (side, side)))
        target.FlushCache()


if __name__ == "__main__":
    main()
