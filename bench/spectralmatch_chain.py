# SPDX-License-Identifier: GPL-2.0-or-later
"""The six steps of spectralmatch 1.0 on the two images of bench/two_images.py.

Run by a Python that has that package (bench/pipeline.py --spectralmatch): version 1.0.4 is the last
one that works with a GDAL before 3.11, which lacks a function that newer ones need.

    PYTHON bench/spectralmatch_chain.py FOLDER PIXEL_SIZE
"""

from __future__ import annotations

import sys
from pathlib import Path

from spectralmatch import (
    align_rasters,
    global_regression,
    local_block_adjustment,
    mask_rasters,
    merge_rasters,
    voronoi_center_seamline,
)

NAMES = ("a.tif", "b.tif")
WINDOW = {"window_size": 1024}
STEPS = ("global", "local", "align", "clip")


def main(folder: Path, pixel: float) -> None:
    """Write every step and the mosaic into the folder's peer."""
    out = folder / "peer"
    for step in STEPS:
        (out / step).mkdir(parents=True, exist_ok=True)
    given = [str(folder / name) for name in NAMES]
    matched, evened, aligned, clipped = (
        [str(out / step / name) for name in NAMES] for step in STEPS
    )
    cells = str(out / "cells.gpkg")
    global_regression(given, matched, custom_nodata_value=0, **WINDOW)
    local_block_adjustment(matched, evened, custom_nodata_value=0, **WINDOW)
    align_rasters(evened, aligned, **WINDOW)
    voronoi_center_seamline(aligned, cells, min_point_spacing=10 * pixel)
    mask_rasters(aligned, clipped, ("include", cells, "image"), **WINDOW)
    merge_rasters(clipped, str(out / "mosaic.tif"), **WINDOW)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
