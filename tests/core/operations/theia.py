# SPDX-License-Identifier: GPL-2.0-or-later
"""A small made data set as iota2's tutorial has one: two overlapping tiles of Theia products."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from orthoweave.core.progress import Progress
from orthoweave.core.requests.landcover import Request
from osgeo import gdal, ogr, osr

EPSG = 32631
SIDE, SHIFT = 100, 80
"""Pixels of a tile, and how far the second one lies to the east."""

TILES = {"T31TCJ": 0, "T31TDJ": SHIFT}
LEFT, TOP, PIXEL = 400000.0, 4800000.0, 10.0
DATES = ("20180511-105804-037", "20180521-105702-711", "20180531-105801-462")
BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
NODATA = -10000
CLASSES = (11, 34, 41, 211)
CELL = 10
"""Side of the square parcels, px."""

LEVELS = {
    11: (400, 600, 500, 900, 2200, 2600, 2800, 2900, 1700, 900),
    34: (500, 800, 700, 1300, 2500, 3000, 3200, 3300, 2400, 1500),
    41: (1100, 1300, 1500, 1600, 1800, 1900, 2000, 2100, 2300, 2100),
    211: (600, 500, 350, 300, 250, 240, 200, 190, 120, 90),
}
"""Reflectance of the classes; crops and grassland change over the dates."""


@dataclass(frozen=True)
class Made:
    """Where everything lies, and the true class of every pixel of both tiles together."""

    folder: Path
    truth: np.ndarray

    @property
    def sensors(self) -> Path:
        return self.folder / "sensor_data"

    @property
    def polygons(self) -> Path:
        return self.folder / "vector_data" / "groundTruth.shp"

    @property
    def nomenclature(self) -> Path:
        return self.folder / "nomenclature.txt"

    @property
    def colors(self) -> Path:
        return self.folder / "colorFile.txt"

    def product(self, tile: str, date: int = 0) -> Path:
        name = f"SENTINEL2A_{DATES[date]}_L2A_{tile}_D_V1-7"
        return self.sensors / tile / name


def make(folder: Path, seed: int = 0) -> Made:
    """Write the data set."""
    random = np.random.default_rng(seed)
    width = SIDE + SHIFT
    parcels = random.choice(CLASSES, (SIDE // CELL, width // CELL))
    truth = np.kron(parcels, np.ones((CELL, CELL), int))
    made = Made(folder, truth)
    for date, _ in enumerate(DATES):
        bands = ground(truth, date, random)
        clouds = random.random((SIDE // 20, width // 20)) < 0.25
        clouds = np.kron(clouds, np.ones((20, 20), bool))
        bands[:, clouds] = 9000
        for tile, left in TILES.items():
            here = slice(left, left + SIDE)
            write_product(made.product(tile, date), tile, bands[:, :, here], clouds[:, here])
    write_polygons(made, parcels)
    made.nomenclature.write_text("crop:11\ngrassland:34\nurban:41\nwater:211\n")
    made.colors.write_text("11 230 200 60\n34 90 190 90\n41 200 60 60\n211 40 90 220\n")
    return made


def ground(truth: np.ndarray, date: int, random: np.random.Generator) -> np.ndarray:
    """Return the reflectance of a date: bands[band, row, col]."""
    bands = np.zeros((len(BANDS), *truth.shape))
    for label, levels in LEVELS.items():
        grown = {11: 1 + 0.2 * date, 34: 1 - 0.1 * date}.get(label, 1.0)
        bands[:, truth == label] = np.array(levels, float)[:, None] * grown
    return bands + random.normal(0, 60, bands.shape)


def write_product(path: Path, tile: str, bands: np.ndarray, clouds: np.ndarray) -> None:
    """Write the files of a product: bands, and the masks of clouds, saturation and edge."""
    (path / "MASKS").mkdir(parents=True)
    edge = np.zeros(clouds.shape, bool)
    edge[:2] = True  # two rows that the satellite has not seen
    for name, band in zip(BANDS, bands):
        values = np.where(edge, NODATA, np.clip(np.rint(band), 1, 10000)).astype(np.int16)
        save(path / f"{path.name}_FRE_{name}.tif", values, TILES[tile])
    masks = {"CLM": clouds, "SAT": np.zeros_like(clouds), "EDG": edge}
    for name, mask in masks.items():
        save(path / "MASKS" / f"{path.name}_{name}_R1.tif", mask.astype(np.uint8), TILES[tile])


def save(path: Path, array: np.ndarray, left: int) -> None:
    kind = gdal.GDT_Int16 if array.dtype == np.int16 else gdal.GDT_Byte
    rows, cols = array.shape
    file = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, 1, kind)
    file.SetGeoTransform((LEFT + PIXEL * left, PIXEL, 0, TOP, 0, -PIXEL))
    file.SetProjection(reference().ExportToWkt())
    file.GetRasterBand(1).WriteArray(array)


def reference() -> osr.SpatialReference:
    found = osr.SpatialReference()
    found.ImportFromEPSG(EPSG)
    return found


def write_polygons(made: Made, parcels: np.ndarray) -> None:
    """Write every second parcel, one pixel smaller on each side."""
    made.polygons.parent.mkdir(parents=True)
    file = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(made.polygons))
    layer = file.CreateLayer("groundTruth", reference(), ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("code", ogr.OFTInteger))
    for row, col in np.ndindex(parcels.shape):
        if (row + col) % 2:
            continue
        x, y = LEFT + PIXEL * (CELL * col + 1), TOP - PIXEL * (CELL * row + 1)
        side = PIXEL * (CELL - 2)
        corners = [(x, y), (x + side, y), (x + side, y - side), (x, y - side), (x, y)]
        text = ", ".join(f"{a} {b}" for a, b in corners)
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("code", int(parcels[row, col]))
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON (({text}))"))
        layer.CreateFeature(feature)


def write_regions(path: Path) -> None:
    """Write two regions: the western 60 columns, and the rest."""
    file = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(path))
    layer = file.CreateLayer(path.stem, reference(), ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("region", ogr.OFTString))
    for name, left, right in (("west", -5, 60), ("east", 60, 200)):
        x1, x2 = LEFT + PIXEL * left, LEFT + PIXEL * right
        y1, y2 = TOP + 50, TOP - PIXEL * (SIDE + 5)
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("region", name)
        corners = f"{x1} {y1}, {x2} {y1}, {x2} {y2}, {x1} {y2}, {x1} {y1}"
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON (({corners}))"))
        layer.CreateFeature(feature)


class Heard(Progress):
    """Keeps what is said."""

    def __init__(self):
        self.infos, self.warnings = [], []

    def info(self, text):
        self.infos.append(text)

    def warn(self, text):
        self.warnings.append(text)


def asked(made: Made, out: Path, **changes: Any) -> Request:
    """Return a request for a map of the data set, in a folder."""
    values = {
        "images": (str(made.sensors),),
        "polygons": str(made.polygons),
        "field": "code",
        "nomenclature": str(made.nomenclature),
        "colors": str(made.colors),
        "classifier": "maxlik",
        "output_folder": str(out),
    }
    return Request(**{**values, **changes})
