# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.errors import MissingPackage
from orthoweave.core.matching.accuracy import Situation, accuracy
from orthoweave.core.matching.altitude import altitude
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.matching.verdict import Finding, Judging, judge
from orthoweave.core.matching.zones import zones
from orthoweave.core.report import drawing
from orthoweave.core.report.drawing import Picture
from orthoweave.core.report.plot_options import (
    CePlot,
    DemPlot,
    OverviewPlot,
    PlotOptions,
    ShiftPlot,
)
from orthoweave.core.report.shift_accuracy import Setting
from orthoweave.core.report.shift_figures import Shown, drawings, write_figures
from orthoweave.core.windows import Window

FILES = ("01_overview.png", "02_dx.png", "03_dy.png", "04_ce.png", "05_field.png")
BY_HEIGHT = ("dem_dx.png", "dem_dy.png", "dem_radial_error.png")
UTM = "WGS 84 / UTM zone 33N"


class Wave:
    """A field for the arrows."""

    def at(self, x, y):
        """Return displacements that change along both axes."""
        return 0.37 + 0.2 * np.sin(x / 90), -0.62 + 0.2 * np.cos(y / 70)


def points(count, size, *, amplitude=1.0, noise=0.05, ground=10.0):
    """Displacements of Wave with noise; the heights rise to the right."""
    rng = np.random.default_rng(11)
    x = np.sort(rng.integers(0, size[0], count).astype(float))
    y = rng.integers(0, size[1], count).astype(float)
    dx, dy = (amplitude * (v + rng.normal(0, noise, count)) for v in Wave().at(x, y))
    status = (rng.random(count) < 0.1).astype(np.uint8) if count > 9 else np.zeros(count, np.uint8)
    sigma = np.full(count, 0.03)
    score = np.full(count, 0.9)
    heights = 100 + x
    on_map = {"east": dx * ground, "north": -dy * ground}
    return KeyPoints(x, y, dx, dy, score, sigma, sigma, status, **on_map, altitude=heights)


def shown(count=300, size=(400, 300), *, unit="m", plots=PlotOptions(), **how):  # noqa: B008
    made = points(count, size, **how)
    area = Window(0, 0, *size)
    numbers = accuracy(made, Situation(area, count, area.width * area.height, Wave(), unit=unit))
    finding = Finding(numbers, zones(made, area), altitude(made, area))
    values = np.arange(12.0).reshape(3, 4)
    frame = (-0.5, -0.5, size[0] - 0.5, size[1] - 0.5)
    picture = Picture("a_name_that_is_longer_than_a_panel_" * 3, values, values > 0, frame)
    setting = Setting(UTM, UTM, (10.0, 10.0)) if unit else Setting()
    verdict = judge(made, finding, Judging())
    return Shown(made, finding, verdict, picture, picture, setting, Wave(), plots)


CASES = {
    "many": lambda: shown(5000),
    "few": lambda: shown(),
    "one point": lambda: shown(1),
    "no points": lambda: shown(0),
    "all zero": lambda: shown(50, amplitude=0.0),
    "far from 0": lambda: shown(50, amplitude=90.0, noise=0.001),
    "wide": lambda: shown(size=(3000, 200)),
    "tall": lambda: shown(size=(200, 3000)),
    "pixels only": lambda: shown(unit="", ground=np.nan),
    "long title": lambda: replace(shown(), title_prefix="Überschrift $x$ 圖 " * 40),
    "no field": lambda: replace(shown(), local_field=None),
    "large": lambda: shown(
        plots=PlotOptions(*(kind(fig_size=20) for kind in (OverviewPlot, ShiftPlot, DemPlot)))
    ),
    "small": lambda: shown(plots=PlotOptions(OverviewPlot(7), ShiftPlot(7), DemPlot(7), CePlot(7))),
    "other CRS": lambda: replace(
        shown(), setting=Setting(UTM, "OSGB36 / British National Grid", (10.0, 10.0))
    ),
}


@pytest.fixture(autouse=True)
def matplotlib_needed():
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")


def test_captions_explain_down_where_rows_run_upward():
    setting = Setting(UTM, UTM, (10.0, 10.0), seen=((1.0, 0.0), (0.0, -1.0)))
    what = replace(shown(), setting=setting)
    captions = {one.file: one.caption for one in drawings(what)}
    assert "up on the map" in captions["03_dy.png"]
    assert "up on the map" not in "".join(one.caption for one in drawings(shown()))


@pytest.mark.parametrize("case", CASES)
def test_no_text_is_clipped_and_no_two_texts_touch(case):
    what = CASES[case]()
    for one in drawings(what):
        figure = one.draw(f"{what.title_prefix} {one.title}".strip())
        assert overlaps(figure) == [], one.file


def overlaps(figure):
    """Texts that leave the figure or lie on each other, by more than a pixel."""
    boxes = list(text_boxes(figure))
    width, height = figure.bbox.width, figure.bbox.height
    found = [
        text
        for text, box in boxes
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]
    for index, (text, box) in enumerate(boxes):
        for other, second in boxes[index + 1 :]:
            across = min(box.x1, second.x1) - max(box.x0, second.x0)
            down = min(box.y1, second.y1) - max(box.y0, second.y0)
            if across > 1 and down > 1:
                found.append((text, other))
    return found


def text_boxes(figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer, hidden = canvas.get_renderer(), list(hidden_labels(figure))
    for artist in figure.findobj(Text):
        drawn = artist.get_visible() and not any(artist is label for label in hidden)
        if drawn and artist.get_text().strip():
            yield artist.get_text(), artist.get_window_extent(renderer)


def hidden_labels(figure):
    """Labels of ticks that lie beyond their axis: Matplotlib makes but does not draw them."""
    from matplotlib.axes import Axes

    for axis in (axis for axes in figure.findobj(Axes) for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        spare = 1e-9 * (high - low)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low - spare <= tick.get_loc() <= high + spare:
                yield from (tick.label1, tick.label2)


def test_all_figures_are_written_and_kept_for_the_report(tmp_path):
    figures = write_figures(replace(shown(), title_prefix="Prefix"), str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((*FILES, *BY_HEIGHT))
    assert all(figure.markup.startswith("<svg") for figure in figures)
    assert "Overview" in figures[0].title and len(figures) == 8
    assert sum(len(figure.markup) for figure in figures) < 1_000_000


def test_without_heights_there_are_no_figures_by_altitude():
    flat = shown()
    flat = replace(flat, finding=replace(flat.finding, altitude=None))
    assert tuple(one.file for one in drawings(flat)) == FILES


def test_without_matplotlib_nothing_is_written(monkeypatch, tmp_path):
    def absent(module, purpose):
        raise MissingPackage("absent")

    monkeypatch.setattr(drawing, "require", absent)
    figures = write_figures(shown(5), str(tmp_path))
    assert [figure.markup for figure in figures] == [""] * 8
    assert list(tmp_path.iterdir()) == []
