# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.report.plot_options import (
    CePlot,
    DemPlot,
    OverviewPlot,
    PlotOptions,
    ShiftPlot,
    unknown_colormaps,
)


def test_the_default_colormaps_are_known():
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    assert unknown_colormaps(PlotOptions()) == ()


def test_colormaps_that_are_not_known_are_named_once():
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    plots = PlotOptions(shift=ShiftPlot(scatter_colormap="b"), ce=CePlot(ce_scatter_colormap="a"))
    plots = replace(plots, overview=OverviewPlot(theta_colormap="b"))
    assert unknown_colormaps(plots) == ("a", "b")


@pytest.mark.parametrize(
    ("kind", "name"),
    [(OverviewPlot, "fig_size"), (ShiftPlot, "histo_mean_bin_size"), (DemPlot, "fig_size")],
)
@pytest.mark.parametrize("value", [0, -1.0, float("nan")])
def test_sizes_must_be_above_0(kind, name, value):
    with pytest.raises(InvalidOption, match=f"{name} is .* Give a number above 0"):
        kind(**{name: value})
