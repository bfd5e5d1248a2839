# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from xml.etree import ElementTree

import pytest
from orthoweave.core.vector.styles import LADDER, Arrows, arrows_style


def arrows(**changed):
    given = {
        "components": ("east", "north"), "millimetres": 0.5, "legend": "5 mm = 10 m",
        "color": "radial_error", "limits": (0.2, 0.4), "unit": "px", **changed,
    }  # fmt: skip
    return Arrows(**given)


def rules(style):
    root = ElementTree.fromstring(style)
    shown, rest = root.find("renderer-v2/rules")
    return shown, rest, root.findall("renderer-v2/symbols/symbol")


def test_classes_lie_between_the_limits_and_cover_everything():
    shown, rest, symbols = rules(arrows_style(arrows()))
    assert shown.attrib["filter"] == "\"status\" = 'used'"
    assert shown.attrib["label"] == "5 mm = 10 m"
    assert [(rule.attrib["filter"], rule.attrib["label"]) for rule in shown] == [
        ('"radial_error" < 0.2', "0 to 0.2 px"),
        ('"radial_error" >= 0.2 AND "radial_error" < 0.4', "0.2 to 0.4 px"),
        ('"radial_error" >= 0.4', "from 0.4 px"),
    ]
    assert rest.attrib["filter"] == "ELSE" and rest.attrib["label"] == "not used"
    assert [rule.attrib["symbol"] for rule in shown] + [rest.attrib["symbol"]] == list("0123")
    assert [symbol.attrib["name"] for symbol in symbols] == list("0123")


def test_one_class_takes_all_when_there_are_no_limits():
    shown, _, symbols = rules(arrows_style(arrows(limits=())))
    assert [rule.attrib["filter"] for rule in shown] == ["ELSE"] and len(symbols) == 2


@pytest.mark.parametrize("polar", [False, True])
def test_arrows_follow_the_fields_in_millimetres(polar):
    _, _, symbols = rules(arrows_style(arrows(components=("a", "b"), polar=polar)))
    field = symbols[0].find("layer")
    assert field.attrib["class"] == "VectorField"
    # QGIS before 3.26 reads <prop>, later versions <Option>
    for found in (
        {one.attrib["k"]: one.attrib["v"] for one in field.findall("prop")},
        {one.attrib["name"]: one.attrib["value"] for one in field.find("Option")},
    ):
        assert (found["x_attribute"], found["y_attribute"]) == ("a", "b")
        assert (found["scale"], found["distance_unit"]) == ("0.5", "MM")
        assert found["vector_field_type"] == str(int(polar))


def test_colors_become_lighter():
    light = [
        sum(int(color[at : at + 2], 16) * k for at, k in ((1, 2), (3, 7), (5, 1)))
        for color in LADDER
    ]
    assert light == sorted(light)
