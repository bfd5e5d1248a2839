# SPDX-License-Identifier: GPL-2.0-or-later
"""The style of images whose values are few and have names: masks, classes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from html import escape, unescape

from ..stage import write_text

Entry = tuple[int, str, str, int]
"""Value, name, color as #rrggbb, opacity 0 to 255."""


def palette_style(path: str, entries: Sequence[Entry]) -> None:
    """Write `<name>.qml` beside an image of one band, which QGIS applies when it loads it."""
    listed = "".join(
        f'<paletteEntry value="{value}" label="{escape(name)}" color="{color}" alpha="{alpha}"/>'
        for value, name, color, alpha in entries
    )
    text = (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        '<qgis version="3.22" styleCategories="Symbology">\n<pipe>\n'
        '<rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">\n'
        f"<colorPalette>{listed}</colorPalette>\n</rasterrenderer>\n</pipe>\n"
        "<blendMode>0</blendMode>\n</qgis>\n"
    )
    write_text(os.path.splitext(path)[0] + ".qml", text)


def read_palette(path: str) -> dict[int, tuple[str, str]]:
    """Return name and color (#rrggbb) by value, as the style beside an image tells them."""
    style = os.path.splitext(path)[0] + ".qml"
    if not os.path.isfile(style):
        return {}
    with open(style, encoding="utf-8", errors="replace") as file:
        entries = re.findall("<paletteEntry ([^>]*)", file.read())
    found: dict[int, tuple[str, str]] = {}
    for entry in entries:
        values: dict[str, str] = dict(re.findall(r'(\w+)="([^"]*)"', entry))
        value, color = values.get("value", ""), values.get("color", "")[:7]
        if value.isdigit() and re.fullmatch("#[0-9a-fA-F]{6}", color):
            found[int(value)] = (unescape(values.get("label", value)), color)
    return found
