# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import base64
import os
import re

import numpy as np
import pytest
from orthoweave.core.report.shift_links import (
    Chip,
    Product,
    chips_figure,
    png_address,
    products_figure,
)

GRAY = np.arange(15, dtype=np.uint8).reshape(3, 5)


def chip(x0, zncc):
    return Chip(x0, 7, 0.5, -0.25, zncc, 0.5, GRAY, GRAY)


def test_a_picture_is_embedded_without_loss(tmp_path):
    gdal = pytest.importorskip("osgeo.gdal")
    data = base64.b64decode(png_address(GRAY).partition("base64,")[2])
    (tmp_path / "a.png").write_bytes(data)
    assert np.array_equal(gdal.Open(str(tmp_path / "a.png")).ReadAsArray(), GRAY)


def test_chips_are_shown_worst_first_and_at_most_25():
    chips = [chip(1, 0.9), chip(2, np.nan), chip(3, -0.2), *(chip(9, 0.95) for _ in range(40))]
    markup = chips_figure(chips).markup
    assert re.findall(r"<td>(\d+), 7</td>", markup)[:3] == ["3", "1", "9"]
    assert markup.count("<tr>") == 26
    assert "<td>0.5, -0.25</td><td>-0.2</td><td>0.5</td>" in markup


def test_without_chips_or_products_nothing_is_shown():
    assert chips_figure(()).markup == products_figure((), "/a").markup == ""


def test_links_are_relative_below_the_page_and_escaped(tmp_path):
    inside = Product(os.path.join(str(tmp_path), "chips", "a b;#%é.csv"), "<chips>")
    markup = products_figure([inside], str(tmp_path)).markup
    assert 'href="chips/a%20b%3B%23%25%C3%A9.csv"' in markup
    assert "&lt;chips&gt;" in markup


def test_links_to_other_folders_are_whole_addresses(tmp_path):
    outside = Product(str(tmp_path / "x" / ".." / "points.gpkg"), "points")
    markup = products_figure([outside], str(tmp_path / "results")).markup
    assert f'href="{(tmp_path / "points.gpkg").as_uri()}"' in markup
