# SPDX-License-Identifier: GPL-2.0-or-later
"""How outputs look: QGIS styles as text, so that they travel with the files."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from ..stage import write_text

_HEAD = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_COLORS = ("red", "green", "blue")

Stretch = Sequence[tuple[float, float]]


def image_style(
    path: str,
    band_names: Sequence[str],
    bands: int,
    stretch: Stretch,
    *,
    colors: Sequence[str] = (),
    alpha: bool = False,
) -> None:
    """Write `<name>.qml` beside an image, which QGIS applies when it loads the image.

    `stretch` holds (black, white) of each band, `colors` what the file declares of each band
    ("red", …); `alpha` says that validity is an alpha band or a mask, which QGIS shows behind the
    other bands. Nodata values need nothing: QGIS takes them from the file.
    """
    alpha_band = bands + 1 if alpha else -1
    if bands >= 3:
        text = _color_renderer(shown_bands(band_names, bands, colors), stretch, alpha_band)
    else:
        text = _gray_renderer(stretch, alpha_band)
    write_text(os.path.splitext(path)[0] + ".qml", _document(f"<pipe>\n{text}\n</pipe>"))


def shown_bands(
    band_names: Sequence[str], bands: int, colors: Sequence[str] = ()
) -> tuple[int, int, int]:
    """Return the bands shown as red, green and blue: the named or declared ones.

    Else 1, 2, 3 of three bands, as cameras write them, and 3, 2, 1 of more, as satellites do.
    """
    for texts, matches in ((band_names, _names_color), (colors, str.__eq__)):
        found = [
            next((band for band, text in enumerate(texts[:bands], 1) if matches(text, color)), 0)
            for color in _COLORS
        ]
        if all(found):
            return (found[0], found[1], found[2])
    return (1, 2, 3) if bands == 3 else (3, 2, 1)


def cells_style(field: str) -> str:
    """Return the style of seam cells: outline on a light halo, and the image's name as label."""
    fill = _symbol("fill", [_outline("255,255,255,200", 1.0), _outline("40,40,40,255", 0.4)])
    return _vector(fill, label=field)


def cuts_style() -> str:
    """Return the style of seamlines: red with a white halo."""
    halo = _layer("SimpleLine", {**_LINE, "line_color": "255,255,255,230", "line_width": "1.4"})
    core = _layer("SimpleLine", {**_LINE, "line_color": "220,20,20,255", "line_width": "0.6"})
    return _vector(_symbol("line", [halo, core]))


def footprints_style(field: str) -> str:
    """Return the style of footprints: outline in one color per image, its name as label."""
    # steps of 137.5 degrees (the golden angle) keep neighbors in a list far apart in color
    color = "color_hsl( to_int( $id * 137.5 ) % 360, 75, 42 )"
    fill = _symbol("fill", [_outline("40,40,40,255", 0.6, color)])
    return _vector(fill, label=field)


def _names_color(text: str, color: str) -> bool:
    words = re.findall(r"[a-z]+", text.lower())
    return (color in words or words == [color[0]]) and "edge" not in words


def _document(body: str, categories: str = "Symbology", labels: bool = False) -> str:
    shown = ' labelsEnabled="1"' if labels else ""
    return (
        f'{_HEAD}<qgis version="3.22" styleCategories="{categories}"{shown}>\n{body}\n'
        f"<blendMode>0</blendMode>\n</qgis>\n"
    )


def _color_renderer(shown: Sequence[int], stretch: Stretch, alpha_band: int) -> str:
    bands = " ".join(f'{color}Band="{band}"' for color, band in zip(_COLORS, shown))
    parts = "\n".join(
        _contrast(f"{color}ContrastEnhancement", stretch, band)
        for color, band in zip(_COLORS, shown)
    )
    return (
        f'<rasterrenderer type="multibandcolor" {bands} alphaBand="{alpha_band}" opacity="1" '
        f'nodataColor="">\n{parts}\n</rasterrenderer>'
    )


def _gray_renderer(stretch: Stretch, alpha_band: int) -> str:
    return (
        f'<rasterrenderer type="singlebandgray" grayBand="1" gradient="BlackToWhite" '
        f'alphaBand="{alpha_band}" opacity="1" nodataColor="">\n'
        f"{_contrast('contrastEnhancement', stretch, 1)}\n</rasterrenderer>"
    )


def _contrast(tag: str, stretch: Stretch, band: int) -> str:
    low, high = stretch[band - 1] if band <= len(stretch) else (0.0, 1.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    if high <= low:  # a constant image would be shown black
        low, high = low - 1.0, low + 1.0
    return (
        f"<{tag}><minValue>{low:.10g}</minValue><maxValue>{high:.10g}</maxValue>"
        f"<algorithm>StretchToMinimumMaximum</algorithm></{tag}>"
    )


_LINE = {
    "capstyle": "round",
    "joinstyle": "round",
    "line_style": "solid",
    "line_width_unit": "MM",
    "use_custom_dash": "0",
}


def _outline(color: str, width: float, expression: str = "") -> str:
    properties = {
        "color": "255,255,255,0",
        "style": "no",
        "outline_color": color,
        "outline_style": "solid",
        "outline_width": f"{width:g}",
        "outline_width_unit": "MM",
        "joinstyle": "round",
    }
    return _layer("SimpleFill", properties, {"outlineColor": expression} if expression else {})


def _layer(kind: str, properties: Mapping[str, str], data: Mapping[str, str] | None = None) -> str:
    """A symbol layer; `<prop>` is what QGIS reads that is older than the Option form."""
    options = "".join(_text(name, value) for name, value in properties.items())
    old = "".join(f'<prop k="{name}" v="{escape(value)}"/>' for name, value in properties.items())
    return (
        f'<layer class="{kind}" enabled="1" pass="0" locked="0"><Option type="Map">{options}'
        f"</Option>{old}{_data_defined(data) if data else ''}</layer>"
    )


def _data_defined(expressions: Mapping[str, str]) -> str:
    listed = "".join(
        f'<Option name="{name}" type="Map"><Option name="active" type="bool" value="true"/>'
        f'{_text("expression", text)}<Option name="type" type="int" value="3"/></Option>'
        for name, text in expressions.items()
    )
    return (
        f'<data_defined_properties><Option type="Map">{_text("name", "")}'
        f'<Option name="properties" type="Map">{listed}</Option>{_text("type", "collection")}'
        "</Option></data_defined_properties>"
    )


def _text(name: str, value: str) -> str:
    return f'<Option name="{name}" type="QString" value="{escape(value)}"/>'


def _symbol(kind: str, layers: Iterable[str]) -> str:
    return (
        f'<symbol name="0" type="{kind}" alpha="1" clip_to_extent="1" force_rhr="0">'
        f"{''.join(layers)}</symbol>"
    )


def _vector(symbol: str, label: str = "") -> str:
    renderer = (
        '<renderer-v2 type="singleSymbol" forceraster="0" enableorderby="0" symbollevels="0">'
        f"<symbols>{symbol}</symbols></renderer-v2>"
    )
    if not label:
        return _document(renderer)
    return _document(f"{renderer}\n{_labels(label)}", "Symbology|Labeling", labels=True)


def _labels(field: str) -> str:
    """The image's name in the middle of its polygon, dark on a white buffer."""
    return (
        '<labeling type="simple"><settings calloutType="simple">'
        f'<text-style fieldName="{escape(field)}" isExpression="0" fontFamily="Sans Serif" '
        'fontSize="9" fontSizeUnit="Point" textColor="30,30,30,255" textOpacity="1">'
        '<text-buffer bufferDraw="1" bufferSize="0.9" bufferSizeUnits="MM" '
        'bufferColor="255,255,255,255" bufferOpacity="0.85" bufferJoinStyle="128"/></text-style>'
        '<placement placement="1" centroidInside="1" centroidWhole="1" priority="5"/>'
        '<rendering drawLabels="1" obstacle="0"/></settings></labeling>'
    )
