# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a series of images against one reference: a plot and a table, one row an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .drawing import BLUE, INK, MUTED, NORMAL, ORANGE, PALE, SMALL, Sheet, inline_svg, shortened
from .figures import LABELED
from .html import Figure, Number, Table, Verdict, figure_of
from .shift_report import GRADES

COLUMNS = {
    "n_key_points": "Key points",
    "median_dx": "Median dx, px",
    "median_dy": "Median dy, px",
    "rmse": "RMSE, px",
    "ce90": "CE90, px",
    "ce90_map": "CE90, map units",
    "uncertainty": "Uncertainty, px",
    "rotation": "Rotation, °",
}
"""Numbers of a row that the table shows, by the names of the result."""

FAILED = "failed"
"""Class of an image that could not be compared at all."""


@dataclass(frozen=True)
class Row:
    """One image of a series.

    `numbers` are those of its result by name (lower case); `kind` is the class of its verdict, or
    "failed"; `sentence` the verdict, or why it failed.
    """

    name: str
    date: str = ""
    kind: str = FAILED
    sentence: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """Return a number, NaN where it is not known."""
        value = self.numbers.get(name)
        return float("nan") if value is None else float(value)


def in_order(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return rows by date where every row has one, else as they are."""
    dated = all(row.date for row in rows)
    return tuple(sorted(rows, key=lambda row: row.date)) if dated else tuple(rows)


def series_verdict(rows: Sequence[Row], reference: str, tolerance: float) -> Verdict:
    """Return how many images agree with the reference, and what the others are."""
    kinds = Counter(row.kind for row in rows)
    agree = kinds.pop("agrees", 0)
    others = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    grades = [GRADES.get(row.kind, "failed") for row in rows]
    order = ("good", "usable", "poor", "failed")
    worst = max(grades, key=order.index, default="failed")
    measured = any(grade != "failed" for grade in grades)
    return Verdict(
        "poor" if worst == "failed" and measured else worst,
        f"{agree} of {len(rows)} images agree with {reference} within {tolerance:g} px"
        + (f"; the others: {others}." if others else "."),
        "The grade is that of the worst image; poor if some could not be measured.",
    )


def series_numbers(rows: Sequence[Row]) -> tuple[Number, ...]:
    """Return the key numbers of a series."""
    known = [row for row in rows if np.isfinite(row.number("median_dx"))]
    measured = [row for row in known if GRADES.get(row.kind) != "failed"]
    numbers = [Number("Images", len(rows)), Number("Measured", len(measured))]
    if known:
        lengths = [np.hypot(row.number("median_dx"), row.number("median_dy")) for row in known]
        numbers.append(Number("Largest median shift", float(max(lengths)), "px"))
        numbers.append(Number("Largest CE90", max(row.number("ce90") for row in known), "px"))
    return tuple(numbers)


def series_tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return the numbers of a series and its sentences, one row an image, in the rows' order."""
    shown = [name for name in COLUMNS if any(np.isfinite(row.number(name)) for row in rows)]
    dates = ("Date",) if any(row.date for row in rows) else ()
    numbers = (
        (row.name, *(row.date for _ in dates), row.kind, *(_cell(row, name) for name in shown))
        for row in rows
    )
    titles = ("Image", *dates, "Verdict", *(COLUMNS[name] for name in shown))
    return (
        Table("Images", titles, tuple(numbers), "The table of the run holds all numbers."),
        Table("Verdicts", ("Image", "What was found"), tuple((r.name, r.sentence) for r in rows)),
    )


def _cell(row: Row, name: str) -> float | int | None:
    value = row.numbers.get(name)
    return None if value is None or not np.isfinite(value) else value


def series_chart(rows: Sequence[Row], tolerance: float) -> Figure:
    """Return the plot of MEDIAN_DX and MEDIAN_DY, one line an image, error bars of one NMAD."""
    title = "Median displacement of each image"
    caption = (
        "Bars: NMAD of the image's key points. Shaded: the tolerance. dx to the right and dy down "
        "are positive. Gray crosses are guesses from too few key points."
    )
    return figure_of(title, caption, lambda: inline_svg(series_figure(rows, tolerance)))


def series_figure(rows: Sequence[Row], tolerance: float) -> Any:
    """Draw MEDIAN_DX and MEDIAN_DY of all rows from top to bottom, with error bars."""
    named = len(rows) <= LABELED
    names = 3.0 if named else 0.8
    height = max(0.27 * len(rows), 0.6) if named else 6.0
    sheet = Sheet(11.0, height + 1.0, "")
    width = (11.0 - names - 0.75) / 2
    reach = _reach(rows, tolerance)
    for place, component in enumerate(("dx", "dy")):
        axes = sheet.axes(names + place * (width + 0.35), 0.3, width, height)
        _marks(axes, rows, component)
        axes.axvspan(-tolerance, tolerance, color=PALE, alpha=0.6, linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
        side = "right" if component == "dx" else "down"
        axes.set_xlabel(f"median {component} (px, positive = {side})", fontsize=NORMAL)
        axes.set_xlim(-reach, reach)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_yticks(range(len(rows)) if named else [])
        axes.set_yticklabels([_name(row) for row in rows] if named and place == 0 else [])
        axes.grid(axis="x", color=PALE, linewidth=0.8)
        axes.set_axisbelow(True)
        if place == 0 and not named:
            axes.set_ylabel("images, from top to bottom as in the table", fontsize=NORMAL)
    handles, labels = _legend(sheet.figure)
    corner = (1 - 0.3 / 11.0, 1 - (sheet.top - 0.05) / sheet.height)
    place_of = {
        "loc": "center right",
        "bbox_to_anchor": (corner[0], corner[1] - 0.12 / sheet.height),
    }
    sheet.figure.legend(handles, labels, ncol=3, frameon=False, fontsize=SMALL, **place_of)
    return sheet.figure


def _reach(rows: Sequence[Row], tolerance: float) -> float:
    """Half the width of both axes, so that dx and dy can be compared."""
    ends = [
        abs(row.number(f"median_{name}")) + np.nan_to_num(row.number(f"nmad_{name}"))
        for row in rows
        for name in ("dx", "dy")
    ]
    return 1.1 * float(max([tolerance, *(end for end in ends if np.isfinite(end))]))


def _name(row: Row) -> str:
    return shortened(f"{row.date}  {row.name}" if row.date else row.name, 38)


_STYLES = {
    "agrees": (BLUE, "o"),
    "other verdict": (ORANGE, "s"),
    "not measured": (MUTED, "x"),
}


def _style_of(row: Row) -> str:
    return row.kind if row.kind in ("agrees", "not measured") else "other verdict"


def _marks(axes: Any, rows: Sequence[Row], component: str) -> None:
    for label, (color, marker) in _STYLES.items():
        chosen = [index for index, row in enumerate(rows) if _style_of(row) == label]
        chosen = [index for index in chosen if np.isfinite(rows[index].number("median_dx"))]
        values = [rows[index].number(f"median_{component}") for index in chosen]
        spreads = [np.nan_to_num(rows[index].number(f"nmad_{component}")) for index in chosen]
        how = {"color": color, "marker": marker, "markersize": 5, "linestyle": "none"}
        axes.errorbar(values, chosen, xerr=spreads, label=label, elinewidth=1.3, capsize=2.5, **how)


def _legend(figure: Any) -> tuple[list[Any], list[str]]:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    return handles, labels
