# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.exchange.given import read_given
from orthoweave.core.grid import Grid
from orthoweave.core.raster import parse_crs

GRID = Grid(100, 80, (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0), parse_crs("EPSG:32633"))
ENDS = (("ref.tif", GRID), ("mov.tif", GRID))

FILES = {
    "a.points": "mapX,mapY,sourceX,sourceY,enable,dX,dY,residual\n"
    "500105,4999895,500139,4999917,1,0,0,0\n500205,4999795,500239,4999817,0,0,0,0\n",
    "b.json": json.dumps(
        {
            "tie_points": [
                {
                    "image_1": "ref.tif",
                    "image_2": "mov.tif",
                    "points": [[[10, 10], [13.4, 7.8]], [[20, 20], [23.4, 17.8]]],
                    "weights": [1, 0],
                }
            ]
        }
    ),
    # AROSICS: a point of the moving image, and what has to be added to it
    "c.csv": "POINT_ID,X_MAP,Y_MAP,X_SHIFT_M,Y_SHIFT_M,OUTLIER\n"
    "1,500139,4999917,-34,-22,False\n2,500239,4999817,-34,-22,True\n3,500300,4999700,-9999,-9999,\n",
    "d.csv": "x0;y0;dx;dy;score\n10;10;3.4;-2.2;0.9\n20;20;3.4;-2.2;0.8\n",
}


@pytest.mark.parametrize("name", FILES)
def test_key_points_come_back_from_every_kind_of_file(tmp_path, name):
    path = tmp_path / name
    path.write_text(FILES[name], encoding="utf-8")
    found = read_given(str(path), *ENDS)
    np.testing.assert_allclose(found.x0, [10, 20], atol=1e-6)
    np.testing.assert_allclose(found.y0, [10, 20], atol=1e-6)
    np.testing.assert_allclose(found.dx, 3.4, atol=1e-6)
    np.testing.assert_allclose(found.dy, -2.2, atol=1e-6)
    assert list(found.used) == ([True, True] if name == "d.csv" else [True, False])


def test_what_is_no_number_is_named(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(FILES["c.csv"].replace("-34,-22,False", "x,-22,False"), encoding="utf-8")
    with pytest.raises(InvalidOption, match="column X_SHIFT_M holds what is no number"):
        read_given(str(path), *ENDS)
