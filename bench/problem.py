# SPDX-License-Identifier: GPL-2.0-or-later
"""Reference problem S: a made land cover whose truth is known, of any size.

Parcels are jittered Voronoi cells of 8 classes. A class is a Gaussian phenology over two end
members; every parcel has its own gain for each date and band and its own time shift. Blur,
texture, noise and clouds with haze rims follow; clouds are filled along time. 40 + 40 parcels of
each class, eroded, are the polygons to learn from and to validate with.

    .venv/bin/python bench/problem.py --size 2000 --folder build/bench/s
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import gdal, ogr, osr
from scipy import ndimage, spatial

DAYS = (74, 110, 131, 172, 217, 268)
BANDS = ("green", "red", "nir", "swir")
NAMES = {
    11: "summer crop",
    12: "winter crop",
    31: "broadleaf",
    32: "conifer",
    34: "grassland",
    41: "urban",
    42: "bare soil",
    51: "water",
}
SHARES = (0.17, 0.17, 0.15, 0.1, 0.17, 0.1, 0.07, 0.07)
ENDS = {  # reflectance in green, red, nir, swir
    "crop": (0.070, 0.040, 0.420, 0.170),
    "leaf": (0.058, 0.034, 0.360, 0.150),
    "needle": (0.046, 0.031, 0.250, 0.105),
    "grass": (0.078, 0.054, 0.350, 0.200),
    "soil": (0.105, 0.135, 0.200, 0.270),
    "litter": (0.075, 0.085, 0.190, 0.215),
    "roof": (0.115, 0.125, 0.185, 0.225),
    "water": (0.050, 0.035, 0.022, 0.012),
}
CLASSES = {  # vegetation, background, least and largest cover, day of the peak, width in days
    11: ("crop", "soil", 0.08, 0.85, 210, 34),
    12: ("crop", "soil", 0.15, 0.85, 128, 38),
    31: ("leaf", "litter", 0.25, 0.90, 185, 62),
    32: ("needle", "litter", 0.70, 0.92, 185, 90),
    34: ("grass", "litter", 0.35, 0.85, 160, 60),
    41: ("grass", "roof", 0.12, 0.25, 170, 60),
    42: ("grass", "soil", 0.03, 0.14, 150, 50),
    51: ("grass", "water", 0.0, 0.03, 180, 60),
}
HAZE, RIM = 0.4, 0.6
"""Most haze beside a cloud, and the width of its rim in deviations of the clouds' field."""

ORIGIN, PIXEL = (500000.0, 4900000.0), 10.0


@dataclass(frozen=True)
class Problem:
    """Files of the problem: features (24 bands), truth, polygons to learn from and to validate."""

    features: Path
    truth: Path
    learn: Path
    validation: Path


def make(folder: Path, size: int = 2000, seed: int = 7) -> Problem:
    """Write the problem of size × size pixels into a folder, unless it is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Problem(*(folder / name for name in
                      ("features.tif", "truth.tif", "learn.gpkg", "validation.gpkg")))  # fmt: skip
    if found.validation.exists():
        return found
    rng = np.random.default_rng(seed)
    parcels = voronoi(size, rng)
    labels = rng.choice(list(NAMES), parcels.max() + 1, p=np.array(SHARES))
    write(found.truth, labels[parcels][None].astype(np.uint8), ("class",))
    write(found.features, series(parcels, labels, rng), named())
    inner = eroded(parcels, 2)
    sets = dealt(labels, inner, rng)
    outline(found.learn, inner, labels, sets == 1)
    outline(found.validation, inner, labels, sets == 2)
    return found


def named() -> tuple[str, ...]:
    """Return the names of the 24 bands."""
    return tuple(f"made_{band}_2018{month(day)}" for day in DAYS for band in BANDS)


def month(day: int) -> str:
    """Return MMDD of a day of the year."""
    return str(np.datetime64("2018-01-01") + (day - 1))[5:].replace("-", "")


def voronoi(size: int, rng: Any) -> Any:
    """Return the number of the parcel at each pixel: about 3000 cells on 2000 × 2000."""
    step = 36.5
    count = int(np.ceil(size / step)) + 1
    rows, cols = np.mgrid[:count, :count] * step
    points = np.stack([rows.ravel(), cols.ravel()], 1) + rng.uniform(-14, 14, (count * count, 2))
    tree = spatial.cKDTree(points)
    grid = np.stack(np.mgrid[:size, :size], -1).reshape(-1, 2)
    found = np.empty(size * size, np.int32)
    for start in range(0, len(grid), 1 << 18):
        found[start : start + (1 << 18)] = tree.query(grid[start : start + (1 << 18)])[1]
    return found.reshape(size, size)


def series(parcels: Any, labels: Any, rng: Any) -> Any:
    """Return features[band, row, col] (uint16), date by date, gaps filled along time."""
    count = len(labels)
    shift = rng.normal(0, 6, count)
    by_band = 1 + rng.normal(0, 0.07, (count, len(BANDS)))
    values = np.empty((len(DAYS), len(BANDS), *parcels.shape), np.uint16)
    clouded = np.empty((len(DAYS), *parcels.shape), bool)
    for date, day in enumerate(DAYS):
        by_date = 1 + rng.normal(0, 0.09, count)
        clouded[date], haze = clouds(parcels.shape, rng)
        cover = np.empty(count)
        for label in NAMES:
            mine = labels == label
            _, _, low, high, peak, width = CLASSES[label]
            bell = np.exp(-(((day - peak - shift[mine]) / width) ** 2) / 2)
            cover[mine] = low + (high - low) * bell
        for band in range(len(BANDS)):
            level = np.empty(count)
            for label in NAMES:
                mine = labels == label
                leaf, ground = (ENDS[name][band] for name in CLASSES[label][:2])
                level[mine] = cover[mine] * leaf + (1 - cover[mine]) * ground
            level *= by_date * by_band[:, band] * 10000
            picture = ndimage.gaussian_filter(level[parcels].astype(np.float32), 0.6)
            picture *= 1 + rng.normal(0, 0.02, parcels.shape).astype(np.float32)
            picture += rng.normal(0, 55, parcels.shape).astype(np.float32)
            picture += haze * (2500 - picture)
            values[date, band] = np.clip(np.rint(picture), 1, 10000)
    return filled(values, clouded).reshape(-1, *parcels.shape)


def clouds(shape: tuple[int, int], rng: Any) -> tuple[Any, Any]:
    """Return where it is cloudy (5 to 30 %) and how much haze there is around (0 to HAZE)."""
    coarse = rng.normal(size=tuple(side // 25 + 4 for side in shape))
    smooth = ndimage.zoom(ndimage.gaussian_filter(coarse, 1.2), 26, order=1)[: shape[0], : shape[1]]
    limit = np.quantile(smooth, 1 - rng.uniform(0.05, 0.30))
    spread = smooth.std()
    haze = np.clip((smooth - limit + RIM * spread) / (RIM * spread), 0, 1) * HAZE
    return smooth > limit, haze.astype(np.float32)


def filled(values: Any, clouded: Any) -> Any:
    """Fill cloudy dates linearly between the clear ones around them, in place."""
    days = np.array(DAYS, np.float32)
    for row in range(values.shape[2]):
        hidden = clouded[:, row]
        for date in range(len(DAYS)):
            cols = np.flatnonzero(hidden[date])
            if not len(cols):
                continue
            before, after = np.full(len(cols), -1), np.full(len(cols), -1)
            for other in range(len(DAYS)):
                clear = ~hidden[other, cols]
                if other < date:
                    before[clear] = other
                elif other > date:
                    after[clear & (after < 0)] = other
            a, b = np.where(before < 0, after, before), np.where(after < 0, before, after)
            known = a >= 0
            cols, a, b = cols[known], a[known], b[known]
            share = np.where(a == b, 0, (days[date] - days[a]) / np.maximum(days[b] - days[a], 1))
            for band in range(len(BANDS)):
                low = values[a, band, row, cols].astype(np.float32)
                high = values[b, band, row, cols].astype(np.float32)
                values[date, band, row, cols] = np.rint(low + (high - low) * share)
    return values


def eroded(parcels: Any, pixels: int) -> Any:
    """Return the parcels without their rim, -1 elsewhere."""
    size = 2 * pixels + 1
    same = ndimage.maximum_filter(parcels, size) == ndimage.minimum_filter(parcels, size)
    return np.where(same, parcels, -1)


def dealt(labels: Any, inner: Any, rng: Any) -> Any:
    """Return 1 for parcels to learn from, 2 for those to validate with, 0 for the others."""
    sizes = np.bincount(inner[inner >= 0], minlength=len(labels))
    sets = np.zeros(len(labels), np.int8)
    for label in NAMES:
        mine = rng.permutation(np.flatnonzero((labels == label) & (sizes >= 40)))
        half = min(40, len(mine) // 2)
        sets[mine[:half]], sets[mine[half : 2 * half]] = 1, 2
    return sets


def write(path: Path, values: Any, names: tuple[str, ...]) -> None:
    """Write values[band, row, col] as a compressed, tiled GeoTIFF."""
    kinds = {"uint8": gdal.GDT_Byte, "uint16": gdal.GDT_UInt16, "int32": gdal.GDT_Int32}
    options = ["COMPRESS=DEFLATE", "TILED=YES", "BIGTIFF=IF_SAFER", "NUM_THREADS=2"]
    count, rows, cols = values.shape
    driver = gdal.GetDriverByName("GTiff")
    dataset = driver.Create(str(path), cols, rows, count, kinds[values.dtype.name], options)
    dataset.SetGeoTransform((ORIGIN[0], PIXEL, 0, ORIGIN[1], 0, -PIXEL))
    dataset.SetProjection(crs().ExportToWkt())
    for number, name in enumerate(names, 1):
        band = dataset.GetRasterBand(number)
        band.SetDescription(name)
        band.WriteArray(values[number - 1])


def crs() -> Any:
    """Return the CRS of the problem."""
    found = osr.SpatialReference()
    found.ImportFromEPSG(32631)
    return found


def outline(path: Path, inner: Any, labels: Any, chosen: Any) -> None:
    """Write the chosen parcels as polygons with their class."""
    memory = gdal.GetDriverByName("MEM").Create("", *inner.shape[::-1], 1, gdal.GDT_Int32)
    memory.SetGeoTransform((ORIGIN[0], PIXEL, 0, ORIGIN[1], 0, -PIXEL))
    memory.SetProjection(crs().ExportToWkt())
    wanted = np.where((inner >= 0) & chosen[inner], inner + 1, 0)
    memory.GetRasterBand(1).WriteArray(wanted.astype(np.int32))
    source = ogr.GetDriverByName("Memory").CreateDataSource("raw")
    raw = source.CreateLayer("raw", crs())
    raw.CreateField(ogr.FieldDefn("parcel", ogr.OFTInteger))
    gdal.Polygonize(memory.GetRasterBand(1), memory.GetRasterBand(1), raw, 0)
    file = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = file.CreateLayer("polygons", crs(), ogr.wkbPolygon)
    for name in ("code", "parcel"):
        layer.CreateField(ogr.FieldDefn(name, ogr.OFTInteger))
    for found in raw:
        feature = ogr.Feature(layer.GetLayerDefn())
        parcel = found.GetField("parcel") - 1
        feature.SetField("code", int(labels[parcel]))
        feature.SetField("parcel", int(parcel))
        feature.SetGeometry(found.GetGeometryRef())
        layer.CreateFeature(feature)


def main() -> None:
    """Make the problem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--folder", type=Path, default=Path("build/bench/s"))
    given = parser.parse_args()
    make(given.folder, given.size)


if __name__ == "__main__":
    main()
