# SPDX-License-Identifier: GPL-2.0-or-later
"""Layers of key points, drawn by QGIS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orthoweave.core.displacements.ground import with_map
from orthoweave.core.exchange.layer import write_key_points
from orthoweave.core.grid import Grid
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.raster import parse_crs
from orthoweave.core.vector.styles import LADDER, LEFT_OUT

UTM = parse_crs("EPSG:32633")
GRIDS = {
    "north up": Grid(100, 100, (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0), UTM),
    "south up": Grid(100, 100, (500000.0, 10.0, 0.0, 5000000.0, 0.0, 10.0), UTM),
    "quarter turn": Grid(100, 100, (500000.0, 0.0, -10.0, 5000000.0, -10.0, 0.0), UTM),
    "geographic": Grid(100, 100, (0.0, 1e-4, 0.0, 0.0, 0.0, -1e-4), parse_crs("EPSG:4326")),
    "nowhere": Grid(100, 100, (0.0, 1.0, 0.0, 0.0, 0.0, 1.0), ""),
}
SIDE, PER_MM = 500, 10.0
"""Pixels of a drawing, and of a millimetre."""


def layer(path: Path, grid: Grid, **columns: Any) -> str:
    count = len(columns["x0"])
    given = {name: np.zeros(count) for name in ("dx", "dy", "score", "sigma_x", "sigma_y")}
    points = KeyPoints(**{**given, "status": np.zeros(count), **columns})
    return write_key_points(str(path / "key_points.gpkg"), with_map(points, grid), grid)


def drawn(path: str, grid: Grid) -> Any:
    """Draw a layer on white over the grid's ground; return colors[row, col, rgb]."""
    from qgis.core import QgsMapRendererParallelJob, QgsMapSettings, QgsRectangle, QgsVectorLayer
    from qgis.PyQt.QtCore import QSize
    from qgis.PyQt.QtGui import QColor, QImage

    shown = QgsVectorLayer(path, "key points", "ogr")
    assert shown.isValid() and shown.renderer().type() == "RuleRenderer"
    settings = QgsMapSettings()
    settings.setLayers([shown])
    settings.setBackgroundColor(QColor("white"))
    settings.setOutputSize(QSize(SIDE, SIDE))
    settings.setOutputDpi(PER_MM * 25.4)
    settings.setDestinationCrs(shown.crs())
    settings.setExtent(QgsRectangle(*bounds(grid)))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    assert not job.errors()
    picture = job.renderedImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = picture.constBits()
    bits.setsize(picture.bytesPerLine() * SIDE)
    rows = np.frombuffer(bits, np.uint8).reshape(SIDE, -1)[:, : 3 * SIDE]
    del job, shown
    return rows.reshape(SIDE, SIDE, 3).astype(int)


def bounds(grid: Grid) -> tuple[float, ...]:
    """The ground of a grid; QGIS draws pixels without CRS below the x axis."""
    return grid.bounds if grid.crs else (0.0, -100.0, 100.0, 0.0)


def place(grid: Grid, col: float, row: float) -> tuple[float, float]:
    """Where a pixel position of the reference lies in the drawing."""
    x, y = grid.to_map(col, row) if grid.crs else (col, -row)
    left, low, right, high = bounds(grid)
    return (x - left) / (right - left) * SIDE, (high - y) / (high - low) * SIDE


def rgb(color: str) -> Any:
    return np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)])


def painted(colors: Any, color: str) -> Any:
    """Return (x, y) of what is painted in a color, in pixels of the drawing."""
    rows, cols = np.nonzero(np.abs(colors - rgb(color)).max(2) <= 2)
    return np.stack([cols, rows])


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize(("dx", "dy"), [(1.0, 0.0), (0.0, 0.7)])
def test_an_arrow_begins_at_its_point_and_is_five_millimetres_long(
    qgis_app: Any, tmp_path: Path, kind: str, dx: float, dy: float
) -> None:
    grid = GRIDS[kind]
    path = layer(tmp_path, grid, x0=[40], y0=[55], dx=[dx], dy=[dy])
    colors = drawn(path, grid)
    y, x = np.nonzero(colors.min(2) < 200)
    begin = np.array(place(grid, 40.5, 55.5))
    tip = np.array(place(grid, 40.5 + dx, 55.5 + dy)) - begin
    along = tip / np.hypot(*tip)
    reach = (np.stack([x, y]).T + 0.5 - begin) @ along
    # 5 mm; the rim is .05 mm wide, and joined to a spike at the tip
    assert reach.max() == pytest.approx(5 * PER_MM, abs=0.25 * PER_MM)
    assert reach.min() == pytest.approx(0, abs=0.1 * PER_MM)
    across = (np.stack([x, y]).T + 0.5 - begin) @ np.array([-along[1], along[0]])
    assert np.abs(across).max() < 1.2 * PER_MM
    assert abs(across.mean()) < 0.1 * PER_MM


def test_larger_errors_have_lighter_colors_and_rejected_points_are_gray_dots(
    qgis_app: Any, tmp_path: Path
) -> None:
    grid = GRIDS["north up"]
    # limits up to mean + 3 std = 3.9 px: 1, 2, 3 and 4 px
    columns = {"x0": [20, 60, 20, 70], "y0": [20, 20, 80, 80], "dx": [0.5, 1.5, 2.5, 2.0]}
    colors = drawn(layer(tmp_path, grid, **columns, status=[0, 0, 0, 2]), grid)
    for number, (col, row) in enumerate(zip(columns["x0"][:3], columns["y0"][:3])):
        x, y = painted(colors, LADDER[number])
        assert x.size and abs(np.median(y) - place(grid, col, row + 0.5)[1]) < 3
        assert x.min() >= place(grid, col, row)[0]
    x, y = painted(colors, LEFT_OUT)
    middle = place(grid, 70.5, 80.5)
    # edges of the arrows have a few gray pixels too
    assert np.median(np.hypot(x + 0.5 - middle[0], y + 0.5 - middle[1])) < 0.6 * PER_MM


def test_points_that_do_not_move_are_drawn_without_complaint(qgis_app: Any, tmp_path: Path) -> None:
    grid = GRIDS["nowhere"]
    colors = drawn(layer(tmp_path, grid, x0=[40, 60], y0=[50, 50]), grid)
    assert colors.shape == (SIDE, SIDE, 3)


def test_the_legend_tells_scale_and_classes(qgis_app: Any, tmp_path: Path) -> None:
    from qgis.core import QgsVectorLayer

    grid = GRIDS["north up"]
    path = layer(tmp_path, grid, x0=[1, 2], y0=[3, 4], dx=[1, 1])
    shown = QgsVectorLayer(path, "key points", "ogr")
    labels = [item.label() for item in shown.renderer().legendSymbolItems()]
    assert labels[0] == "5 mm = 10 m" and labels[-1] == "not used"
    assert labels[1] == "0 to 0.2 px" and labels[-2] == "from 0.8 px"
    del shown
