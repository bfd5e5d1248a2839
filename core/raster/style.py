# SPDX-License-Identifier: GPL-2.0-or-later
"""How images look in QGIS: a style beside the file, which travels with it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence

from ..stage import write_text

_HEAD = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_COLORS = ("red", "green", "blue")

_DIVERGING = ("#2166ac", "#f7f7f7", "#b2182b")
"""Colors of values below, at and above 0."""

_RAMPS = {
    "confidence": ("#d9d9d9", "#1a7f37"),
    **dict.fromkeys(("difference", "dx", "east"), _DIVERGING),
}
"""Colors of images whose first band has one of these names."""

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
    ramp = _RAMPS.get(band_names[0].lower()) if band_names else None
    if ramp:
        text = _ramp_renderer(ramp, _drawn(stretch, 1), alpha_band)
    elif bands >= 3:
        text = _color_renderer(shown_bands(band_names, bands, colors), stretch, alpha_band)
    else:
        text = _gray_renderer(stretch, alpha_band)
    write_text(os.path.splitext(path)[0] + ".qml", _document(text))


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


def _names_color(text: str, color: str) -> bool:
    words = re.findall(r"[a-z]+", text.lower())
    return (color in words or words == [color[0]]) and "edge" not in words


def _document(pipe: str) -> str:
    return (
        f'{_HEAD}<qgis version="3.22" styleCategories="Symbology">\n<pipe>\n{pipe}\n</pipe>\n'
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


def _ramp_renderer(colors: Sequence[str], stretched: tuple[float, float], alpha_band: int) -> str:
    """Return a scale that is symmetric around 0, or that of confidences, 0 to 1 or to 100."""
    most = max(map(abs, stretched))
    low, high = (-most, most) if colors is _DIVERGING else (0.0, 1.0 if most <= 1 else 100.0)
    step = (high - low) / (len(colors) - 1)
    items = "".join(
        f'<item value="{low + place * step:.10g}" label="{low + place * step:.3g}" '
        f'color="{color}" alpha="255"/>'
        for place, color in enumerate(colors)
    )
    return (
        f'<rasterrenderer type="singlebandpseudocolor" band="1" alphaBand="{alpha_band}" '
        f'opacity="1" nodataColor="" classificationMin="{low:.10g}" '
        f'classificationMax="{high:.10g}">\n<rastershader>\n<colorrampshader '
        f'colorRampType="INTERPOLATED" classificationMode="1" clip="0" '
        f'minimumValue="{low:.10g}" maximumValue="{high:.10g}">{items}</colorrampshader>\n'
        f"</rastershader>\n</rasterrenderer>"
    )


def _drawn(stretch: Stretch, band: int) -> tuple[float, float]:
    """Return the values drawn black and white, which always differ."""
    low, high = stretch[band - 1] if band <= len(stretch) else (0.0, 1.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    return (low, high) if high > low else (low - 1.0, low + 1.0)  # else a constant one were black


def _contrast(tag: str, stretch: Stretch, band: int) -> str:
    low, high = _drawn(stretch, band)
    return (
        f"<{tag}><minValue>{low:.10g}</minValue><maxValue>{high:.10g}</maxValue>"
        f"<algorithm>StretchToMinimumMaximum</algorithm></{tag}>"
    )
