# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage
from orthoweave.core.raster import open_image, parse_crs
from orthoweave.core.raster.pieces import Piece, joined, write_picture, write_piece
from orthoweave.core.windows import Window

GRID = Grid(30, 20, (10.0, 3.0, 4.0, 50.0, 4.0, -3.0), parse_crs("EPSG:32633"))


def image(dtype="int16", nodata=-1.0, bands=2):
    values = np.arange(bands * 600).reshape(bands, 20, 30).astype(dtype)
    return ArrayImage("a", GRID, values, np.ones((20, 30), bool), nodata)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_a_piece_is_written_as_it_is(tmp_path, read_back, dtype):
    source = image(dtype, None)
    write_piece(str(tmp_path / "a.tif"), source.values, GRID, None)
    found = read_back(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.values, source.values)
    assert found.values.dtype == dtype and found.nodata is None
    assert found.transform == GRID.transform


def test_nodata_is_declared_where_the_type_can_hold_it(tmp_path, read_back):
    for name, nodata, expected in (("a.tif", -1.0, None), ("b.tif", 255.0, 255.0)):
        write_piece(str(tmp_path / name), image("uint8").values, GRID, nodata)
        assert read_back(tmp_path / name).nodata == expected


def test_pictures_are_plain_png(tmp_path, read_back):
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write_picture(str(tmp_path / "a.png"), gray)
    np.testing.assert_array_equal(read_back(tmp_path / "a.png").values[0], gray)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("nodata", [-1.0, None])
def test_pieces_are_joined_where_they_lie(tmp_path, nodata):
    source = image(nodata=nodata)
    pieces = [Piece("in & out/a.tif", Window(20, 3, 5, 6)), Piece("b.tif", Window(2, 10, 4, 7))]
    (tmp_path / "in & out").mkdir()
    for piece in pieces:
        grid = GRID.cropped(piece.window)
        values = source.read(piece.window).values
        write_piece(str(tmp_path / piece.path), values, grid, nodata)
    (tmp_path / "a.vrt").write_text(joined(source, pieces), encoding="utf-8")
    found = open_image(str(tmp_path / "a.vrt"))
    assert (found.bands, found.dtype, found.nodata) == (2, np.dtype("int16"), nodata)
    assert (found.grid.width, found.grid.height) == (23, 14)
    assert GRID.placed(found.grid) == Window(2, 3, 23, 14)
    values = found.read(found.grid.window).values
    rows, cols = pieces[0].window.shifted(-2, -3).slices
    np.testing.assert_array_equal(values[:, rows, cols], source.values[:, 3:9, 20:25])
    outside = -1 if nodata is not None else 0
    assert (values[:, :7, :17] == outside).all()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ImageIOError, match=r"a.tif cannot be written"):
        write_piece(str(tmp_path / "no" / "a.tif"), image().values, GRID, None)
    with pytest.raises(ImageIOError, match=r"a.png cannot be written"):
        write_picture(str(tmp_path / "no" / "a.png"), np.zeros((3, 3), np.uint8))
