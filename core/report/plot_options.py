# SPDX-License-Identifier: GPL-2.0-or-later
"""How the figures of a shift analysis look: the `plot_configuration` of KARIOS's file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from ..deps import require
from ..errors import InvalidOption


@dataclass(frozen=True)
class _Sized:
    """Refuses sizes that nothing can be drawn or counted in."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name.endswith("_size") and not value > 0:
                raise InvalidOption(
                    f"plot_configuration: {entry.name} is {value}. Give a number above 0."
                )


@dataclass(frozen=True)
class OverviewPlot(_Sized):
    """Figure 01; `shift_axes_limit` (px) holds when `shift_auto_axes_limit` is False."""

    fig_size: float = 12.0
    shift_colormap: str = "viridis"
    shift_auto_axes_limit: bool = True
    shift_axes_limit: float = 2.0
    theta_colormap: str = "twilight_shifted"


@dataclass(frozen=True)
class ShiftPlot(_Sized):
    """Figures 02 and 03; the limits (px) hold when `scatter_auto_limit` is False; bins in px."""

    fig_size: float = 12.0
    scatter_colormap: str = "coolwarm"
    scatter_auto_limit: bool = True
    scatter_min_limit: float = 2.0
    scatter_max_limit: float = 4.0
    histo_mean_bin_size: float = 20.0


@dataclass(frozen=True)
class DemPlot(_Sized):
    """Figures by altitude; bins in units of the heights."""

    fig_size: float = 12.0
    show_fliers: bool = False
    histo_mean_bin_size: float = 100.0


@dataclass(frozen=True)
class CePlot(_Sized):
    """Figure 04: `fig_size` is its height, the width is 5/3 of it."""

    fig_size: float = 9.0
    ce_scatter_colormap: str = "viridis"


@dataclass(frozen=True)
class PlotOptions:
    """All of them; the names are those of the configuration file, sizes are inches.

    The colors differ from KARIOS's own defaults so that color-blind people can read them.
    """

    overview: OverviewPlot = field(default_factory=OverviewPlot)
    shift: ShiftPlot = field(default_factory=ShiftPlot)
    dem: DemPlot = field(default_factory=DemPlot)
    ce: CePlot = field(default_factory=CePlot)


def unknown_colormaps(options: PlotOptions) -> tuple[str, ...]:
    """Return the colormaps that this Matplotlib does not have; the defaults are drawn instead.

    Raises MissingPackage without Matplotlib.
    """
    known = require("matplotlib", "Figures").colormaps
    return tuple(sorted({name for name in _colormaps(options) if name not in known}))


def _colormaps(options: PlotOptions) -> Iterator[str]:
    for part in (options.overview, options.shift, options.ce):
        for entry in fields(part):
            if entry.name.endswith("colormap"):
                yield getattr(part, entry.name)
