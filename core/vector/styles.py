# SPDX-License-Identifier: GPL-2.0-or-later
"""QGIS styles of footprints, seam cells, seams, key points and classes, as QML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

PALETTE = (
    "#1f78b4", "#e31a1c", "#33a02c", "#ff7f00", "#6a3d9a", "#b15928", "#17a2a8", "#d4418e",
    "#7a8b00", "#5b6770",
)  # fmt: skip
SEAM, HALO, TEXT = "#e31a1c", "#ffffff", "#1a1a1a"
LADDER = ("#3f51d9", "#a33ac2", "#e34f74", "#f7953a", "#fbe734")
"""Colors of small to large values, which differ in lightness too."""

LEFT_OUT = "#b4b4b4"

_HEAD = (
    "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    '<qgis version="3.22" styleCategories="Symbology|Labeling" labelsEnabled="{labels}">\n'
)


@dataclass(frozen=True)
class Arrows:
    """How displacements are drawn: the fields of the arrow's components, and its scale.

    `polar`: they are length and degrees clockwise from north instead of east and north. `color`
    is the field that colors the arrows by classes between `limits`, in `unit`; arrows whose field
    `status` is not `shown` become small gray dots.
    """

    components: tuple[str, str]
    millimetres: float
    legend: str
    color: str
    limits: tuple[float, ...]
    unit: str
    status: str = "status"
    shown: str = "used"
    polar: bool = False


def footprints_style(names: Sequence[str], field: str) -> str:
    """Return a style with an outline in one color for each image, and its name."""
    colors = [PALETTE[number % len(PALETTE)] for number in range(len(names))]
    categories = "".join(
        f'<category symbol="{number}" value={_quoted(name)} label={_quoted(name)} '
        'render="true" type="string"/>\n'
        for number, name in enumerate(names)
    )
    symbols = "".join(_outline(number, color) for number, color in enumerate(colors))
    renderer = _categorized(field, categories, symbols)
    return _document(renderer, _labels(field))


def cells_style(field: str) -> str:
    """Return a style with the outline of seam cells and the name of their image."""
    return _document(_single(_outline(0, SEAM, width=0.3)), _labels(field))


def cuts_style() -> str:
    """Return a style with red lines of 0.6 mm on a white halo."""
    # symbol levels: all halos are drawn before the first line
    halo, line = _line(HALO, 1.4, level=0), _line(SEAM, 0.6, level=1)
    symbol = f'<symbol name="0" type="line" alpha="1">\n{halo}{line}</symbol>\n'
    return _document(_single(symbol, levels=1), "")


def classes_style(field: str, entries: Sequence[tuple[int, str, str]]) -> str:
    """Return a style with polygons filled by class: (label, name, color as #rrggbb)."""
    categories = "".join(
        f'<category symbol="{number}" value="{label}" label={_quoted(name)} render="true" '
        'type="long"/>\n'
        for number, (label, name, _) in enumerate(entries)
    )
    symbols = "".join(_filled(number, color) for number, (_, _, color) in enumerate(entries))
    return _document(_categorized(field, categories, symbols), "")


def _categorized(field: str, categories: str, symbols: str) -> str:
    return (
        f'<renderer-v2 type="categorizedSymbol" attr={_quoted(field)} enableorderby="0" '
        f'symbollevels="0">\n<categories>\n{categories}</categories>\n'
        f"<symbols>\n{symbols}</symbols>\n</renderer-v2>\n"
    )


def _filled(number: int, color: str) -> str:
    properties = _options(
        style="solid", color=_rgb(color), outline_style="solid", outline_color=_rgb(TEXT),
        outline_width="0.06", outline_width_unit="MM", joinstyle="round",
    )  # fmt: skip
    layer = f'<layer class="SimpleFill" enabled="1" pass="0">\n{properties}</layer>\n'
    return f'<symbol name="{number}" type="fill" alpha="1">\n{layer}</symbol>\n'


def arrows_style(arrows: Arrows) -> str:
    """Return a style with arrows of a length in mm for each unit, in classes of one color."""
    shown = f"\"{arrows.status}\" = '{arrows.shown}'"
    classes = "".join(
        f'<rule key="class{number}" symbol="{number}" filter={_quoted(filter_)} '
        f"label={_quoted(label)}/>\n"
        for number, (filter_, label) in enumerate(_classes(arrows))
    )
    rules = (
        f'<rules key="all">\n<rule key="shown" filter={_quoted(shown)} '
        f"label={_quoted(arrows.legend)}>\n{classes}</rule>\n"
        f'<rule key="rest" symbol="{len(arrows.limits) + 1}" filter="ELSE" label="not used"/>\n'
        "</rules>\n"
    )
    colors = LADDER[: len(arrows.limits) + 1]
    symbols = "".join(_arrow(number, color, arrows) for number, color in enumerate(colors))
    dot = _dot(len(arrows.limits) + 1)
    return _document(
        '<renderer-v2 type="RuleRenderer" enableorderby="0" symbollevels="0">\n'
        f"{rules}<symbols>\n{symbols}{dot}</symbols>\n</renderer-v2>\n",
        "",
    )


def _classes(arrows: Arrows) -> list[tuple[str, str]]:
    """Return filter and label of each class."""
    field, limits = f'"{arrows.color}"', [f"{limit:g}" for limit in arrows.limits]
    low = [""] + [f"{field} >= {limit}" for limit in limits]
    high = [f"{field} < {limit}" for limit in limits] + [""]
    filters = [" AND ".join(filter(None, pair)) or "ELSE" for pair in zip(low, high)]
    labels = [f"{a} to {b} {arrows.unit}" for a, b in zip(["0", *limits], limits)]
    return list(zip(filters, [*labels, f"from {limits[-1] if limits else 0} {arrows.unit}"]))


def _arrow(number: int, color: str, arrows: Arrows) -> str:
    """An arrow in the color, with a thin dark rim that shows on bright images."""
    fill = _options(
        color=_rgb(color), style="solid", outline_color=_rgb(TEXT), outline_style="solid",
        outline_width="0.1", outline_width_unit="MM", joinstyle="miter",
    )  # fmt: skip
    shape = _options(
        arrow_width="0.6", arrow_width_unit="MM", arrow_start_width="0.6",
        arrow_start_width_unit="MM", head_length="1.6", head_length_unit="MM",
        head_thickness="0.95", head_thickness_unit="MM", head_type="0", arrow_type="0",
        is_curved="0", is_repeated="0",
    )  # fmt: skip
    field = _options(
        x_attribute=arrows.components[0], y_attribute=arrows.components[1],
        scale=f"{arrows.millimetres:.6g}", distance_unit="MM",
        vector_field_type=str(int(arrows.polar)), angle_orientation="0", angle_units="0",
    )  # fmt: skip
    layer = f'<layer class="SimpleFill" enabled="1" pass="0">\n{fill}</layer>\n'
    inner = f'<symbol name="@@{number}@0@0" type="fill" alpha="1">\n{layer}</symbol>\n'
    line = f'<layer class="ArrowLine" enabled="1" pass="0">\n{shape}{inner}</layer>\n'
    outer = f'<symbol name="@{number}@0" type="line" alpha="1">\n{line}</symbol>\n'
    return (
        f'<symbol name="{number}" type="marker" alpha="1" clip_to_extent="0">\n'
        f'<layer class="VectorField" enabled="1" pass="0">\n{field}{outer}</layer>\n</symbol>\n'
    )


def _dot(number: int) -> str:
    properties = _options(
        name="circle", color=_rgb(LEFT_OUT), outline_color=_rgb(TEXT), outline_style="solid",
        outline_width="0.1", outline_width_unit="MM", size="1.2", size_unit="MM",
    )  # fmt: skip
    layer = f'<layer class="SimpleMarker" enabled="1" pass="0">\n{properties}</layer>\n'
    return f'<symbol name="{number}" type="marker" alpha="1">\n{layer}</symbol>\n'


def _document(renderer: str, labels: str) -> str:
    return _HEAD.format(labels=int(bool(labels))) + renderer + labels + "</qgis>\n"


def _single(symbol: str, levels: int = 0) -> str:
    return (
        f'<renderer-v2 type="singleSymbol" enableorderby="0" symbollevels="{levels}">\n'
        f"<symbols>\n{symbol}</symbols>\n</renderer-v2>\n"
    )


def _outline(number: int, color: str, width: float = 0.5) -> str:
    properties = _options(
        style="no", outline_style="solid", outline_color=_rgb(color), outline_width=str(width),
        outline_width_unit="MM", joinstyle="round",
    )  # fmt: skip
    layer = f'<layer class="SimpleFill" enabled="1" pass="0">\n{properties}</layer>\n'
    return f'<symbol name="{number}" type="fill" alpha="1">\n{layer}</symbol>\n'


def _line(color: str, width: float, level: int) -> str:
    properties = _options(
        line_style="solid", line_color=_rgb(color), line_width=str(width), line_width_unit="MM",
        capstyle="round", joinstyle="round",
    )  # fmt: skip
    return f'<layer class="SimpleLine" enabled="1" pass="{level}">\n{properties}</layer>\n'


def _options(**values: str) -> str:
    listed = "".join(
        f'<Option type="QString" name="{name}" value="{value}"/>\n'
        for name, value in values.items()
    )
    # QGIS before 3.26 reads <prop>, later versions <Option>
    old = "".join(f'<prop k="{name}" v="{value}"/>\n' for name, value in values.items())
    return f'<Option type="Map">\n{listed}</Option>\n{old}'


def _labels(field: str) -> str:
    return (
        '<labeling type="simple">\n<settings calloutType="simple">\n'
        f'<text-style fieldName={_quoted(field)} isExpression="0" fontSize="9" '
        f'fontSizeUnit="Point" textColor="{_rgb(TEXT)}" textOpacity="1">\n'
        f'<text-buffer bufferDraw="1" bufferSize="1" bufferSizeUnits="MM" '
        f'bufferColor="{_rgb(HALO)}" bufferOpacity="1" bufferNoFill="0"/>\n</text-style>\n'
        '<placement placement="1" polygonPlacementFlags="2" centroidInside="1" '
        'fitInPolygonOnly="0"/>\n'
        '<rendering drawLabels="1" obstacle="0" scaleVisibility="0"/>\n'
        "</settings>\n</labeling>\n"
    )


def _rgb(color: str) -> str:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"{red},{green},{blue},255"


def _quoted(text: str) -> str:
    return f'"{escape(text, quote=True)}"'
