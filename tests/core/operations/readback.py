# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of operations read back with plain GDAL and OGR, and images that are known exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def band_maker(request: type, run: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    """Return make(path, progress, **options), which runs and reads: values, names, result."""
    from osgeo import gdal

    count = iter(range(200))

    def make(path, progress=None, **options):
        options.setdefault("output", str(folder / "out" / f"f{next(count)}.tif"))
        asked = request(image=path, **options)
        result = run(*([asked, progress] if progress else [asked]))
        found = gdal.Open(result.output)
        values = found.ReadAsArray()
        found.result = result
        found.values = values.reshape(found.RasterCount, found.RasterYSize, found.RasterXSize)
        found.names = [
            found.GetRasterBand(n + 1).GetDescription() for n in range(found.RasterCount)
        ]
        return found

    return make


def cut(operation, images, tmp_path, name="s.gpkg", progress=None, **how):
    """Run an operation that makes seam cells."""
    request = operation.Request(images=images, output=str(tmp_path / "out" / name), **how)
    return operation.run(request, progress) if progress else operation.run(request)


def layer(path, name):
    """Read a layer: (attributes, shapely geometry) of each feature."""
    from osgeo import gdal
    from shapely import wkb

    dataset = gdal.OpenEx(path, gdal.OF_VECTOR)
    table = dataset.GetLayer(name)
    return [(f.items(), wkb.loads(bytes(f.GetGeometryRef().ExportToWkb()))) for f in table]


def hidden(values, valid, kind):
    """Mark what is not valid in values[band, row, col]; return how to write them."""
    values[0, 100, 100:200] = 0  # valid, though one band holds the nodata value
    if kind in ("nodata", "nan"):
        values[:, ~valid] = np.nan if kind == "nan" else 0
        return {"nodata": np.nan if kind == "nan" else 0}
    if kind == "alpha":
        return {"alpha": valid * 255, "options": ("PHOTOMETRIC=RGB",)}
    return {"mask": valid} if kind == "mask" else {}


def waves(bands, rows, cols, seed=8):
    """Make a ground of waves and noise: values[band, row, col] around 2000, as floats."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols] / 90.0
    found = np.empty((bands, rows, cols))
    for band in range(bands):
        found[band] = 2000 + 300 * band + 20 * rng.standard_normal((rows, cols))
        for _ in range(10):
            a, b, phase = rng.uniform(-9, 9), rng.uniform(-9, 9), rng.uniform(0, 6)
            found[band] += 80 * np.sin(a * x + b * y + phase)
    return found


def refuse_untiled(outlines, cells, exact):
    """Fail unless cells tile what the footprints cover, to a share of its area."""
    from shapely.ops import unary_union

    whole = unary_union([shape for _, shape in layer(outlines, "footprints")])
    shapes = [cell for _, cell in layer(cells, "seamlines")]
    tiled = unary_union(shapes)
    assert whole.symmetric_difference(tiled).area < exact * whole.area
    assert sum(cell.area for cell in shapes) - tiled.area < exact * whole.area
    return whole.area
