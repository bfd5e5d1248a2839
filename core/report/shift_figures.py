# SPDX-License-Identifier: GPL-2.0-or-later
"""All figures of a shift analysis: drawn once, written as PNG and kept as SVG for the report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import MissingPackage
from ..matching.accuracy import Displacing
from ..matching.keypoints import KeyPoints
from ..matching.verdict import Finding, Verdict
from .drawing import Picture, inline_svg, write_png
from .html import Figure
from .plot_options import PlotOptions
from .shift_accuracy import Setting, accuracy_figure
from .shift_altitude import Heights, altitude_figure
from .shift_field import field_figure
from .shift_overview import overview_figure
from .shift_profiles import component_figure


@dataclass(frozen=True)
class Shown:
    """What is known about a pair of images: the contents of its figures and its report.

    The pictures lie in the pixels of their own images; `points` holds rejected ones too.
    """

    points: KeyPoints
    finding: Finding
    verdict: Verdict
    reference: Picture
    moving: Picture
    setting: Setting = field(default_factory=Setting)
    local_field: Displacing | None = None
    plots: PlotOptions = field(default_factory=PlotOptions)
    title_prefix: str = ""
    dem_description: str = ""


@dataclass(frozen=True)
class Drawing:
    """A figure: its file name, its title and caption, and what draws it with a full title."""

    file: str
    title: str
    caption: str
    draw: Callable[[str], Any]


def drawings(shown: Shown) -> Iterator[Drawing]:
    """Yield the figures of a pair in reading order; those by altitude only where heights are."""
    numbers, plots = shown.finding.accuracy, shown.plots
    yield Drawing(
        "01_overview.png",
        "Overview",
        "Both images, and the key points of the statistics by size and by direction of their "
        "displacement. Pixels that are not valid are magenta.",
        lambda title: overview_figure(
            shown.points, shown.reference, shown.moving, title, plots.overview
        ),
    )
    yield from _components(shown)
    yield Drawing(
        "04_ce.png",
        "Circular error",
        "Every point is one displacement; 90 and 95 % of them lie inside the circles around 0. A "
        "cloud beside 0 is a shift, a round cloud is noise, an elongated one a distortion.",
        lambda title: accuracy_figure(shown.points, numbers, shown.setting, title, plots.ce),
    )
    yield Drawing(
        "05_field.png",
        "Local displacement and residual",
        "Left: where the moving image lies, seen from the reference, in arrows that are drawn too "
        "long. Right: what remains once the simplest model that fits is removed.",
        lambda title: field_figure(
            shown.points, shown.local_field, numbers, shown.reference, (title, plots.overview)
        ),
    )
    if shown.finding.altitude is not None:
        yield from _altitudes(shown)


def _components(shown: Shown) -> Iterator[Drawing]:
    for file, name, side in (("02_dx.png", "dx", "right"), ("03_dy.png", "dy", "down")):
        yield Drawing(
            file,
            f"{name} over the image",
            f"{name} of the key points in pixels of the reference, {side} is positive, with means "
            f"along columns and rows. {shown.setting.turned}".rstrip(),
            lambda title, name=name: component_figure(  # type: ignore[misc]
                shown.points, name, shown.reference, title, shown.plots.shift
            ),
        )


def _altitudes(shown: Shown) -> Iterator[Drawing]:
    heights = Heights(shown.points, shown.finding.altitude, shown.dem_description)
    for file, name in (("dem_dx", "dx"), ("dem_dy", "dy"), ("dem_radial_error", "radial")):
        text = "Radial error" if name == "radial" else name
        yield Drawing(
            f"{file}.png",
            f"{text} by altitude",
            "Boxes hold the middle half of the points of a bin, whiskers reach to 1.5 times their "
            "height beyond.",
            lambda title, name=name: altitude_figure(  # type: ignore[misc]
                heights, name, title, shown.plots.dem
            ),
        )


def write_figures(shown: Shown, folder: str) -> tuple[Figure, ...]:
    """Write all figures as PNG into a folder and return them for the report.

    Without Matplotlib nothing is written, and the report says so.
    """
    return tuple(_written(one, shown.title_prefix, folder) for one in drawings(shown))


def _written(drawing: Drawing, prefix: str, folder: str) -> Figure:
    try:
        figure = drawing.draw(f"{prefix} {drawing.title}".strip())
    except MissingPackage:
        return Figure(drawing.title, drawing.caption)
    write_png(figure, os.path.join(folder, drawing.file))
    return Figure(drawing.title, drawing.caption, inline_svg(figure))
