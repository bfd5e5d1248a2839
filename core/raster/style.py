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
