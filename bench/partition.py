# SPDX-License-Identifier: GPL-2.0-or-later
"""What seam cells of many footprints cost: a grid of rotated, overlapping rectangles.

.venv/bin/python bench/partition.py --side 32 --kind voronoi
.venv/bin/python bench/partition.py --side 32 --kind leastcost
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import process_time
from typing import Any

import numpy as np
from measure import register, say

STEP, PIXEL = 1000.0, 5.0


def main() -> None:
    """Divide side × side footprints and print seconds, memory and exactness."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--kind", choices=("voronoi", "leastcost"), default="voronoi")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    register()
    if given.kind == "voronoi":
        seconds, cells, cuts, found = by_centers(given.side)
    else:
        seconds, cells, cuts, found = by_costs(given.side, given.threads)
    # ru_maxrss is in KiB on Linux
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    ground = (STEP * given.side) ** 2
    say(
        f"{given.side**2} footprints, {given.kind}: {seconds:.1f} CPU s, {peak:.0f} MiB, {cells} "
        f"cells, {cuts}, gaps {found.gap_area / ground:.1e}, overlaps "
        f"{found.overlap_area / ground:.1e} of the ground"
    )


def by_centers(side: int) -> tuple[float, int, str, Any]:
    """Return CPU seconds, cells, cuts and exactness of cells along center lines."""
    from orthoweave.core.seams.ground import Rule
    from orthoweave.core.seams.voronoi import partition
    from orthoweave.core.vector.rings import wkb_of

    footprints = [wkb_of([(ring,)]) for ring in tiles(side)]
    started = process_time()
    found = partition(footprints, Rule(pixel=0.5))
    return process_time() - started, len(found.cells), f"{len(found.cuts)} cuts", found


def by_costs(side: int, threads: int) -> tuple[float, int, str, Any]:
    """Return the same of the whole operation that lays seams of least cost between rasters."""
    from orthoweave.core.operations.leastcostseamlines import Request, run

    with tempfile.TemporaryDirectory(prefix="orthoweave_") as folder:
        paths = [
            write(Path(folder) / f"tile_{number:04}.tif", ring, number)
            for number, ring in enumerate(tiles(side))
        ]
        output = str(Path(folder) / "seams.gpkg")
        started = process_time()
        found = run(Request(images=tuple(paths), output=output, threads=threads))
        seconds = process_time() - started
    return seconds, found.cell_count, f"{found.seam_length / 1e3:.0f} km of seams", found


def tiles(side: int) -> list[np.ndarray]:
    """Return closed rings of 1300 × 1300 map units every 1000, each turned a little."""
    rng = np.random.default_rng(1)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * 650.0
    rings = []
    for row in range(side):
        for col in range(side):
            turn = np.radians(rng.uniform(-4, 4))
            wheel = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            rings.append(corners @ wheel.T + (500000 + STEP * col, 5000000 + STEP * row))
    return rings


def write(path: Path, ring: np.ndarray, number: int) -> str:
    """Write an image of the common ground, with noise and brightness of its own, inside a ring."""
    from osgeo import gdal, osr

    left, low = np.floor(ring.min(0) / PIXEL) * PIXEL
    right, high = np.ceil(ring.max(0) / PIXEL) * PIXEL
    x = np.arange(left, right, PIXEL) + PIXEL / 2
    y = (np.arange(low, high, PIXEL) + PIXEL / 2)[::-1, None]
    rng = np.random.default_rng(number)
    values = ground(x, y) + rng.normal(rng.uniform(-5, 5), 3, (len(y), len(x)))
    inside = np.ones(values.shape, bool)
    for (x0, y0), (x1, y1) in zip(ring[:-1], ring[1:]):
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0
    driver = gdal.GetDriverByName("GTiff")
    raster = driver.Create(str(path), len(x), len(y), 1, gdal.GDT_Byte)
    raster.SetGeoTransform((left, PIXEL, 0, high, 0, -PIXEL))
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    raster.SetSpatialRef(crs)
    band = raster.GetRasterBand(1)
    band.SetNoDataValue(0)
    band.WriteArray(np.where(inside, np.clip(values, 1, 255), 0).astype(np.uint8))
    return str(path)


def ground(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return what is seen at positions: waves, and patches of 20 map units that stand out."""
    patches = (x // 20).astype(np.int64) * 73856093 ^ (y // 20).astype(np.int64) * 19349663
    waves = np.sin(x / 37 + y / 90) + np.sin(y / 51 - x / 130)
    return 120 + 25 * waves + (patches >> 3) % 61 - 30


if __name__ == "__main__":
    main()
