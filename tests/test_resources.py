# SPDX-License-Identifier: GPL-2.0-or-later
"""The manifest of the icons lists what is there, and the icons are plain drawings."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
ICONS = sorted((ROOT / "icons").glob("*.svg"))
NAMESPACE = "{http://www.w3.org/2000/svg}"
DRAWN = {"svg", "g", "path", "rect", "circle", "ellipse", "line", "polygon", "polyline"}


def test_the_manifest_and_the_folder_list_the_same_files() -> None:
    resource = ElementTree.parse(ROOT / "resources.qrc").getroot().find("qresource")
    assert resource is not None
    assert resource.get("prefix") == "/plugins/orthoweave"
    listed = [file.text for file in resource.findall("file")]
    assert sorted(listed) == [f"icons/{path.name}" for path in ICONS]
    assert {path.suffix for path in (ROOT / "icons").iterdir()} == {".svg"}


def test_every_operation_has_an_icon() -> None:
    operations = {path.stem for path in (ROOT / "algorithms").glob("*.py")}
    operations -= {"__init__", "base", "feedback", "loading", "parameters", "texts", "values"}
    assert operations | {"orthoweave"} == {path.stem for path in ICONS}


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.stem)
def test_an_icon_is_small_and_holds_only_shapes(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    assert root.get("viewBox") == "0 0 24 24"
    assert {element.tag.replace(NAMESPACE, "") for element in root.iter()} <= DRAWN
    assert path.stat().st_size < 4096


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.stem)
def test_an_icon_can_be_seen_on_light_and_dark(path: Path) -> None:
    for element in ElementTree.parse(path).getroot().iter():
        for name in ("fill", "stroke"):
            color = element.get(name, "none")
            if color in ("none", "#fff"):  # white: the check mark on green
                continue
            red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
            assert 70 < 0.3 * red + 0.59 * green + 0.11 * blue < 200, color
