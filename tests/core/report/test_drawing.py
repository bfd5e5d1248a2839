# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from orthoweave.core.report import drawing
from orthoweave.core.report.drawing import Picture, Sheet


@pytest.fixture
def sheet():
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    return Sheet(6.0, 3.0, "Title")


def picture(values, valid=None):
    values = np.asarray(values, float)
    rows, cols = values.shape
    valid = np.ones(values.shape, bool) if valid is None else valid
    return Picture("p", values, valid, (-0.5, -0.5, cols - 0.5, rows - 0.5))


def test_pixels_that_are_not_valid_are_magenta_and_do_not_stretch_the_others():
    values = np.array([[0.0, 10.0, np.nan, 9e9]])
    shown = drawing.gray(picture(values, np.array([[True, True, True, False]])))
    assert shown.dtype == np.uint8
    assert shown[0, 0].tolist() == [0, 0, 0] and shown[0, 1].tolist() == [255, 255, 255]
    assert shown[0, 2].tolist() == shown[0, 3].tolist() == [255, 0, 255]


@pytest.mark.parametrize("values", [[[5.0, 5.0]], [[np.nan, np.nan]]])
def test_a_picture_of_one_value_or_none_can_be_shown(values):
    assert drawing.gray(picture(values)).shape == (1, 2, 3)


TITLES = {"words": "word " * 300, "W": "W" * 700, "x": "x", "none": "", "path": "a/b_long" * 60}


@pytest.mark.parametrize("text", TITLES.values(), ids=TITLES.keys())
def test_titles_of_any_length_are_wrapped_to_the_width(text):
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    page = Sheet(5.0, 2.0, text)
    title = page.figure.texts[0]
    box = title.get_window_extent(FigureCanvasAgg(page.figure).get_renderer())
    assert box.x0 >= 0 and box.x1 <= 500
    # the box that was planned for the drawing begins below the title
    assert box.y0 >= 2.0 * 100 and box.y1 <= page.height * 100


def test_letters_that_the_font_lacks_and_formulas_are_drawn_as_text(sheet):
    assert drawing.plain_letters("圖$a$") == r"□\$a\$"
    assert drawing.shortened("abcdefghij", 6) == "ab…ij"


def test_a_colormap_that_is_not_known_is_replaced(sheet):
    assert drawing.colormap("no such map", "viridis").name == "viridis"
    assert drawing.colormap("jet", "viridis").name == "jet"


@pytest.mark.parametrize(
    ("limits", "found"),
    [((0, 1), (0.0, 1.0)), ((2, 2), (1.9995, 2.0005)), ((np.nan, 1), (-1.0, 1.0))],
)
def test_limits_have_a_width_and_are_finite(limits, found):
    assert drawing.widened(*limits) == pytest.approx(found)


@pytest.mark.parametrize(("size", "kept"), [(12, 12), (0.1, 5), (900, 40), (np.nan, 12)])
def test_sizes_are_kept_to_what_can_be_drawn(size, kept):
    assert drawing.inches(size) == kept


@pytest.mark.parametrize(("count", "pictures"), [(3, 0), (600, 1), (4000, 1)])
def test_many_points_are_a_small_picture_inside_the_svg(sheet, count, pictures):
    axes = sheet.axes(0.5, 0.2, 5.0, 2.4)
    rng = np.random.default_rng(5)
    drawing.dots(axes, rng.random(count), rng.random(count), rng.normal(size=count))
    svg = drawing.inline_svg(sheet.figure)
    assert len(re.findall("<image", svg)) == pictures
    assert "http" not in svg and "<script" not in svg and "xmlns" not in svg
    assert len(svg) < 150_000


def test_photographs_inside_an_svg_are_embedded_as_jpeg(sheet):
    axes = sheet.axes(0.5, 0.2, 2.4, 2.4)
    values = np.random.default_rng(5).normal(size=(1000, 1000))
    drawing.show(axes, picture(values))
    svg = drawing.inline_svg(sheet.figure)
    data = re.search("data:image/jpeg;base64,([^\"']+)", svg)
    assert data is not None
    # 2.4 inches at 72 dpi, not the 1000 px of the values
    assert len(base64.b64decode(data.group(1))) < 60_000


def test_a_png_is_written_with_100_dots_per_inch(sheet, tmp_path):
    drawing.write_png(sheet.figure, str(tmp_path / "a.png"))
    head = (tmp_path / "a.png").read_bytes()[16:24]
    width, height = (int.from_bytes(part, "big") for part in (head[:4], head[4:]))
    assert width == 600 and height == pytest.approx(100 * sheet.height, abs=1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
