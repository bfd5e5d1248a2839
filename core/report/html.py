# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a run: one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

import html
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..deps import available
from ..errors import InvalidOption, MissingPackage
from ..options import Kind, options_of
from ..stage import write_text

GRADES = ("good", "usable", "poor", "failed")
"""The words of a verdict, best first."""

MAX_ROWS = 1500
"""Rows of a table beyond these are counted, not listed, so that the file stays small."""

MAX_FIGURES = 1_700_000
"""Characters of all figures together; the last ones are left out beyond."""

LEAST_PLAIN = 1e-6
"""Numbers below it are written with an exponent."""

NO_FIGURES = (
    "Figures are left out because this Python does not have Matplotlib; every number and table "
    'is here. Run "Check installation" for the line that installs it.'
)


@dataclass(frozen=True)
class Verdict:
    """How good a result is: one of GRADES, what it means for the user, and where its limits lie."""

    grade: str
    sentence: str
    thresholds: str = ""

    def __post_init__(self) -> None:
        """Refuse a word that is not a grade."""
        if self.grade not in GRADES:
            raise InvalidOption(f"Verdict: {self.grade!r} is not one of {', '.join(GRADES)}.")


@dataclass(frozen=True)
class Number:
    """A key number; None stands for what could not be computed."""

    label: str
    value: float | int | str | None
    unit: str = ""


@dataclass(frozen=True)
class Figure:
    """A drawing: inline SVG, a data address or other HTML of ours; empty: it cannot be drawn."""

    title: str
    caption: str = ""
    markup: str = ""


def figure_of(title: str, caption: str, draw: Callable[[], str]) -> Figure:
    """Return a figure from what draws its markup; without Matplotlib it is empty."""
    try:
        return Figure(title, caption, draw())
    except MissingPackage:
        return Figure(title, caption)


@dataclass(frozen=True)
class Table:
    """Rows of numbers and texts under column titles (with units)."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Repeat:
    """What is needed to repeat the run."""

    request: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str | None] = field(default_factory=dict)
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """The contents of a report, in the order in which they are read."""

    title: str
    verdict: Verdict
    numbers: tuple[Number, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    reading: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    repeat: Repeat = field(default_factory=Repeat)


def numbers_of(outcome: Any) -> tuple[Number, ...]:
    """Return the numbers of a Result, those it shares with others last.

    A label's unit stands behind a comma.
    """
    own = vars(type(outcome)).get("__annotations__", {})
    found = []
    for name, declared in sorted(options_of(outcome).items(), key=lambda item: item[0] not in own):
        if declared.kind in (Kind.INTEGER, Kind.NUMBER):
            label, _, unit = declared.label.partition(", ")
            found.append(Number(label, getattr(outcome, name), unit))
    return tuple(found)


def write_report(path: str, report: Report) -> str:
    """Write a report and return its absolute path."""
    return write_text(path, page(report))


def page(report: Report) -> str:
    """Return a report as an HTML document; every text from outside is escaped."""
    return document(report.title, "\n".join(filter(None, _sections(report))))


def document(title: str, body: str, style: str = "") -> str:
    """Return an HTML document in the look of the reports; `body` and `style` stand as they are."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n"
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def number_text(value: Any) -> str:
    """Return a number with a sensible number of digits, or a text as it is."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "not computed"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 1e-4 or value == 0:
        return f"{value:.4g}"
    short = f"{value:.1e}"
    return short if abs(value) < LEAST_PLAIN else f"{float(short):.7f}".rstrip("0")


def escape(text: Any) -> str:
    """Return a text that HTML shows as it is."""
    return html.escape(str(text), quote=True)


def _sections(report: Report) -> Iterator[str]:
    yield f"<h1>{escape(report.title)}</h1>"
    yield _verdict(report.verdict)
    yield _listed("Warnings", report.warnings)
    yield _numbers(report.numbers)
    yield from _figures(report.figures)
    yield from map(_table, report.tables)
    yield _skipped(report.skipped)
    yield _listed("How to read it", report.reading)
    yield from _repeat(report.repeat)


def _verdict(verdict: Verdict) -> str:
    limits = f"<br><small>{escape(verdict.thresholds)}</small>" if verdict.thresholds else ""
    word = f'<strong class="grade">{verdict.grade}</strong>'
    return f'<p class="verdict {verdict.grade}">{word} {escape(verdict.sentence)}{limits}</p>'


def _numbers(numbers: Iterable[Number]) -> str:
    items = "\n".join(
        f"<div><dt>{escape(one.label)}</dt> <dd>{escape(number_text(one.value))}"
        f"{_unit(one)}</dd></div>"
        for one in numbers
    )
    return f'<h2>Key numbers</h2>\n<dl class="numbers">\n{items}\n</dl>' if items else ""


def _unit(number: Number) -> str:
    shown = number.unit and number_text(number.value) != "not computed"
    return f" <small>{escape(number.unit)}</small>" if shown else ""


def _figures(figures: Iterable[Figure]) -> Iterator[str]:
    size, left_out, undrawn = 0, [], False
    for index, figure in enumerate(figures, 1):
        undrawn |= not figure.markup and not available("matplotlib")
        size += len(figure.markup)
        if size > MAX_FIGURES:
            left_out.append(figure.title)
        elif figure.markup:
            yield _figure(figure, f"f{index}-")
    if left_out:
        names = ", ".join(map(escape, left_out))
        yield f"<p>Left out to keep this file small: {names}.</p>"
    if undrawn:
        yield f"<p>{escape(NO_FIGURES)}</p>"


def _figure(figure: Figure, prefix: str) -> str:
    markup = figure.markup
    if markup.startswith("data:"):
        markup = f'<img src="{escape(markup)}" alt="{escape(figure.title)}">'
    else:
        # ids must be unique in the document, and Matplotlib numbers every drawing from 1
        markup = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{prefix}", markup)
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    return f"<figure>\n<h2>{escape(figure.title)}</h2>\n{markup}\n{caption}</figure>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "\n".join(map(_row, table.rows[:MAX_ROWS]))
    hidden = len(table.rows) - MAX_ROWS
    notes = [table.note] if table.note else []
    if hidden > 0:
        notes.append(f"{hidden:,} more rows are not listed.")
    note = f'<p class="note">{escape(" ".join(notes))}</p>' if notes else ""
    return (
        f'<h2>{escape(table.title)}</h2>\n<div class="wide"><table>\n<thead><tr>{head}</tr></thead>'
        f"\n<tbody>\n{rows}\n</tbody>\n</table></div>{note}"
    )


def _row(row: Iterable[Any]) -> str:
    return f"<tr>{''.join(map(_cell, row))}</tr>"


def _cell(value: Any) -> str:
    if value is None:
        return "<td>–</td>"
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    if numeric and not math.isfinite(value):
        return "<td class=n>–</td>"
    return f"<td{' class=n' if numeric else ''}>{escape(number_text(value))}</td>"


def _skipped(skipped: Iterable[tuple[str, str]]) -> str:
    return _listed("Skipped", tuple(f"{name}: {reason}" for name, reason in skipped))


def _listed(title: str, texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>\n" for text in texts)
    return f"<h2>{escape(title)}</h2>\n<ul>\n{items}</ul>" if items else ""


def _repeat(repeat: Repeat) -> Iterator[str]:
    if repeat.request:
        rows = tuple((name.upper(), option_text(v)) for name, v in repeat.request.items())
        yield _folded(Table("Request", ("Parameter", "Value"), rows), "all options of this run")
    if repeat.versions:
        found = tuple((name, text or "absent") for name, text in repeat.versions.items())
        yield _folded(Table("Versions", ("Program", "Version"), found), "what it was run with")
    if repeat.commands:
        lines = "\n".join(f"<pre>{_command(line)}</pre>" for line in repeat.commands)
        yield f"<h2>Repeat this run</h2>\n{lines}"


def _folded(table: Table, what: str) -> str:
    """Return a table that opens at a click; its title is the line that is clicked."""
    opened = _table(table).partition("</h2>\n")[2]
    return (
        f"<details><summary><strong>{escape(table.title)}</strong>: {escape(what)}</summary>\n"
        f"{opened}\n</details>"
    )


def _command(line: str) -> str:
    """Return a command whose lines break between arguments, not at their hyphens."""
    return " ".join(f"<span>{escape(part)}</span>" for part in line.split(" "))


def option_text(value: Any) -> str:
    """Return the value of an option as people read it."""
    if value is None or value == [] or value == ():
        return "(empty)"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return json.dumps(value)
    return os.fspath(value) if isinstance(value, (str, os.PathLike)) else number_text(value)


_STYLE = """
body{margin:0;background:#f4f5f6;color:#1d2329;font:15px/1.5 "Segoe UI",system-ui,"Noto Sans",
"DejaVu Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 2rem 3rem;background:#fff}
h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0 1rem}
h2{font-size:1.1rem;margin:2rem 0 .5rem;color:#34424f}
.verdict{border-left:6px solid #888;padding:.7rem 1rem;background:#f6f7f8;font-size:1.05rem}
.verdict small{color:#55606b}
.grade{display:inline-block;padding:.05rem .6rem;margin-right:.4rem;border-radius:3px;color:#fff;
background:#888}
.good{border-color:#1f7a3f}.good .grade{background:#1f7a3f}
.usable{border-color:#8a6d00}.usable .grade{background:#8a6d00}
.poor{border-color:#b45309}.poor .grade{background:#b45309}
.failed{border-color:#b3261e}.failed .grade{background:#b3261e}
.numbers{display:flex;flex-wrap:wrap;margin:0}
.numbers div{min-width:9rem;padding:.5rem .9rem;margin:0 .6rem .6rem 0;
background:#f1f4f6;border-radius:4px}
.numbers dt{font-size:.8rem;color:#55606b}
.numbers dd{margin:0;font-size:1.25rem;font-weight:600}
.numbers dd small{font-weight:400}
figure{margin:0}figure svg,figure img{max-width:100%;height:auto}
figcaption,.note{font-size:.85rem;color:#55606b}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.88rem}
th{text-align:left;background:#eef1f3}
th,td{padding:.25rem .7rem;border-bottom:1px solid #dfe4e8;vertical-align:top}
td{overflow-wrap:anywhere}td.n{text-align:right;font-variant-numeric:tabular-nums}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f1f4f6;padding:.6rem .8rem;
font-size:.85rem}
pre span{display:inline-block}
details{margin:2rem 0 .5rem}summary{cursor:pointer;color:#34424f}
"""
