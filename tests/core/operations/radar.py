# SPDX-License-Identifier: GPL-2.0-or-later
"""Made radar images beside made optical ones, each of which sees only a part of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from osgeo import gdal

from . import theia

DAYS = ("20180512t060033", "20180524t060034", "20180530t060033")
ALIKE = {34: 11}
"""Classes that look the same to optical sensors: grassland as the crop."""

ECHOES = {11: (0.30, 0.02), 34: (0.05, 0.08), 41: (0.9, 0.4), 211: (0.9, 0.4)}
"""Backscatter (VV, VH) of the classes: radar does not tell towns from water here."""


@dataclass(frozen=True)
class Both:
    """Where both kinds of images are."""

    optical: theia.Made
    radar: Path


def make(folder: Path, monkeypatch) -> Both:
    """Write the data set of `theia`, with two classes alike, and radar images of it."""
    plain = theia.ground

    def ground(truth, date, random):
        return plain(np.where(truth == 34, ALIKE[34], truth), date, random)

    monkeypatch.setattr(theia, "ground", ground)
    made, box = theia.make(folder), folder / "s1"
    random = np.random.default_rng(9)
    for day in DAYS:
        for band, name in enumerate(("vv", "vh")):
            echo = np.zeros(made.truth.shape, np.float32)
            for label, levels in ECHOES.items():
                echo[made.truth == label] = levels[band]
            # speckle of five looks
            echo *= random.gamma(5, 0.2, echo.shape).astype(np.float32)
            for tile, left in theia.TILES.items():
                number = tile[1:]
                (box / number).mkdir(parents=True, exist_ok=True)
                path = box / number / f"s1a_{number}_{name}_DES_110_{day}.tif"
                _save(path, echo[:, left : left + theia.SIDE], left)
    return Both(made, box)


def _save(path: Path, array: np.ndarray, left: int) -> None:
    rows, cols = array.shape
    file = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, 1, gdal.GDT_Float32)
    file.SetGeoTransform((theia.LEFT + theia.PIXEL * left, theia.PIXEL, 0, theia.TOP, 0, -10))
    file.SetProjection(theia.reference().ExportToWkt())
    file.GetRasterBand(1).WriteArray(array)
