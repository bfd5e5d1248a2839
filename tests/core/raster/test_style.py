# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from orthoweave.core.raster.style import image_style, shown_bands


def renderer(folder: Path, *given, **how):
    image_style(str(folder / "a.tif"), *given, **how)
    root = ElementTree.fromstring((folder / "a.qml").read_text(encoding="utf-8"))
    assert root.attrib == {"version": "3.22", "styleCategories": "Symbology"}
    return root.find("pipe/rasterrenderer")


@pytest.mark.parametrize(
    ("names", "colors", "shown"),
    [
        (("", "", ""), (), (1, 2, 3)),
        (("a", "b", "c", "d"), (), (3, 2, 1)),
        (("red", "green", "blue"), (), (1, 2, 3)),
        (("Blue (B2)", "Green (B3)", "Red (B4)", "NIR"), (), (3, 2, 1)),
        (("NIR", "B4 red", "B3 GREEN", "B2 blue"), (), (2, 3, 4)),
        (("R", "G", "B", "N"), (), (1, 2, 3)),
        (("Red edge", "Red", "Green", "Blue"), (), (2, 3, 4)),
        (("", "", ""), ("red", "green", "blue"), (1, 2, 3)),
        (("coastal", "blue", "green", "red"), ("gray", "", "", ""), (4, 3, 2)),
        (("red", "", "", ""), ("", "red", "green", "blue"), (2, 3, 4)),
        (("infrared", "x", "y"), (), (1, 2, 3)),
    ],
)
def test_bands_named_or_declared_as_colors_are_shown_as_them(names, colors, shown):
    assert shown_bands(names, len(names), colors) == shown


def test_an_image_of_three_bands_is_stretched_by_band(tmp_path):
    found = renderer(tmp_path, ("", "", ""), 3, [(1, 11), (2, 22), (3, 33)])
    assert found.attrib["type"] == "multibandcolor"
    assert [found.attrib[f"{name}Band"] for name in ("red", "green", "blue")] == ["1", "2", "3"]
    assert found.attrib["alphaBand"] == "-1"
    ends = [(part[0].text, part[1].text) for part in found]
    assert ends == [("1", "11"), ("2", "22"), ("3", "33")]


def test_fewer_bands_are_gray_and_a_mask_is_shown_as_alpha(tmp_path):
    found = renderer(tmp_path, ("", ""), 2, [(0.5, 1.5), (0, 1)], alpha=True)
    assert found.attrib["type"] == "singlebandgray"
    assert (found.attrib["grayBand"], found.attrib["alphaBand"]) == ("1", "3")
    assert [end.text for end in found[0]][:2] == ["0.5", "1.5"]


@pytest.mark.parametrize(
    ("name", "stretch", "ends"),
    [
        ("difference", (-3, 2), [-3, 0, 3]),  # symmetric around 0
        ("dx", (0.5, 2), [-2, 0, 2]),
        ("confidence", (0.4, 0.9), [0, 1]),  # one scale for every map
        ("confidence", (42, 99), [0, 100]),
    ],
)
def test_differences_diverge_from_0_and_confidences_share_one_scale(tmp_path, name, stretch, ends):
    found = renderer(tmp_path, (name, "b", "c", "d"), 4, [stretch] * 4)
    assert found.attrib["type"] == "singlebandpseudocolor"
    items = found.findall("rastershader/colorrampshader/item")
    assert [float(item.attrib["value"]) for item in items] == ends


@pytest.mark.parametrize("stretch", [[(7, 7)], [(math.nan, 3)], [(math.inf, math.inf)], []])
def test_a_stretch_without_range_still_shows_something(tmp_path, stretch):
    low, high, _ = renderer(tmp_path, ("",), 1, stretch)[0]
    assert float(low.text) < float(high.text)
