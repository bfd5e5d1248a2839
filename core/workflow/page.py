# SPDX-License-Identifier: GPL-2.0-or-later
"""The status of a run as a picture of its tasks and as a page that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..report.html import document, escape, option_text
from ..stage import write_text
from .logs import FOLDER, log_path
from .running import Outcome
from .tasks import STATES, Graph, Task

COLORS = {
    "waiting": "#ffffff",
    "running": "#ffffff",
    "done": "#2f6fb2",
    "skipped": "#9aa5ae",
    "failed": "#b3261e",
    "not reached": "#e08a00",
}

_WIDE, _HIGH, _GAP, _BETWEEN, _MARGIN = 196, 24, 8, 26, 14
_LETTERS = 30

_STYLE = """
main{max-width:none}
.bar{height:.8rem;background:#e3e8ec;border-radius:.4rem;overflow:hidden;max-width:40rem}
.bar i{display:block;height:100%;background:#2f6fb2}
.key span{display:inline-block;margin-right:1.2rem}
.key i{display:inline-block;width:.9rem;height:.9rem;margin-right:.35rem;vertical-align:-.1rem;
border:1px solid #55606b}
svg text{font:11px "Segoe UI",system-ui,"DejaVu Sans",sans-serif}
"""


@dataclass(frozen=True)
class Section:
    """Part of the page: a title and rows of a name and a value."""

    title: str
    rows: Sequence[tuple[str, Any]]


def write_page(
    folder: str,
    title: str,
    graph: Graph,
    outcomes: Mapping[str, Outcome],
    sections: Sequence[Section] = (),
) -> str:
    """Write logs/html/index.html and logs/tasks_status_1.svg below a folder; return the page."""
    logs = os.path.join(folder, FOLDER)
    write_text(os.path.join(logs, "tasks_status_1.svg"), tasks_svg(graph, outcomes, folder, logs))
    path = os.path.join(logs, "html", "index.html")
    body = status_body(title, graph, outcomes, sections, folder, os.path.dirname(path))
    return write_text(path, document(title, body, _STYLE))


def status_body(
    title: str,
    graph: Graph,
    outcomes: Mapping[str, Outcome],
    sections: Sequence[Section],
    folder: str,
    place: str,
) -> str:
    """Return the page's body; links are relative to `place`."""
    parts = [f"<h1>{escape(title)}</h1>", *_summary(outcomes), _key()]
    parts.append(f'<div class="wide">{tasks_svg(graph, outcomes, folder, place)}</div>')
    parts += _failures(graph, outcomes, folder, place)
    for section in sections:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(option_text(value))}</td></tr>"
            for name, value in section.rows
        )
        parts.append(f"<h2>{escape(section.title)}</h2><table>{rows}</table>")
    return "\n".join(parts)


def _summary(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    counts = {state: sum(one.status == state for one in outcomes.values()) for state in STATES}
    ended = counts["done"] + counts["skipped"]
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    yield f"<p>{ended} of {len(outcomes)} tasks are finished ({said}).{_remaining(outcomes)}</p>"
    yield f'<div class="bar"><i style="width:{100 * ended / max(len(outcomes), 1):.0f}%"></i></div>'


def _remaining(outcomes: Mapping[str, Outcome]) -> str:
    """Say how long the rest takes if it goes on as so far."""
    times = [one.seconds for one in outcomes.values() if one.status == "done"]
    left = sum(one.status in ("waiting", "running") for one in outcomes.values())
    if not times or not left:
        return ""
    minutes = left * sum(times) / len(times) / 60
    return f" About {minutes:.0f} min remain." if minutes >= 1 else " Less than a minute remains."


def _key() -> str:
    items = "".join(f"<span>{_swatch(state)}{escape(state)}</span>" for state in STATES)
    return f'<p class="key">{items} A click on a task opens its log.</p>'


def _swatch(state: str) -> str:
    edge = ";border:2px solid #1f7a3f" if state == "running" else ""
    return f'<i style="background:{COLORS[state]}{edge}"></i>'


def _failures(
    graph: Graph, outcomes: Mapping[str, Outcome], folder: str, place: str
) -> Iterator[str]:
    failed = [task for task in graph.tasks if outcomes[task.name].status == "failed"]
    if not failed:
        return
    rows = "".join(
        f'<tr><td><a href="{_link(log_path(folder, task, "err"), place)}">{escape(task.name)}</a>'
        f"</td><td>{escape(outcomes[task.name].reason)}</td></tr>"
        for task in failed
    )
    yield f"<h2>What failed</h2><table>{rows}</table>"


def tasks_svg(graph: Graph, outcomes: Mapping[str, Outcome], folder: str, place: str) -> str:
    """Return the tasks as boxes with lines from what each needs, which stands to its left."""
    columns = _columns(graph)
    across = _WIDE + _BETWEEN
    boxes = {
        task.name: (_MARGIN + column * across, _MARGIN + 24 + row * (_HIGH + _GAP))
        for column, tasks in enumerate(columns)
        for row, task in enumerate(tasks)
    }
    width = 2 * _MARGIN + len(columns) * across
    height = 2 * _MARGIN + 24 + max(map(len, columns), default=0) * (_HIGH + _GAP)
    heads = (
        f'<text x="{_MARGIN + column * across}" y="{_MARGIN + 10}" font-weight="bold">'
        f"{escape(_short(', '.join(dict.fromkeys(task.step for task in tasks))))}</text>"
        for column, tasks in enumerate(columns)
    )
    lines = (
        _line(boxes[need], boxes[name]) for name, needs in graph.needs.items() for need in needs
    )
    tasks = (
        _box(task.name, boxes[task.name], outcomes[task.name], _link(_log(folder, task), place))
        for task in graph.tasks
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
        f"{''.join(heads)}{''.join(lines)}{''.join(tasks)}</svg>"
    )


def _columns(graph: Graph) -> list[list[Task]]:
    """Return the tasks by how many others must come before them, one after the other."""
    depths: dict[str, int] = {}
    columns: list[list[Task]] = []
    for task in graph.tasks:
        depth = 1 + max((depths[need] for need in graph.needs[task.name]), default=-1)
        depths[task.name] = depth
        columns += [[] for _ in range(depth + 1 - len(columns))]
        columns[depth].append(task)
    return columns


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _log(folder: str, task: Any) -> str:
    return log_path(folder, task, "out")


def _link(path: str, place: str) -> str:
    return escape(os.path.relpath(path, place).replace(os.sep, "/"))


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + _WIDE, start[1] + _HIGH // 2, end[0], end[1] + _HIGH // 2
    bend = max(20, abs(x2 - x1) // 2)
    return (
        f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" '
        'stroke="#c3ccd3"/>'
    )


def _box(name: str, place: tuple[int, int], outcome: Outcome, link: str) -> str:
    dark = outcome.status in ("done", "failed")
    edge = ("#1f7a3f", 3) if outcome.status == "running" else ("#7b8791", 1)
    shown = _short(name)
    hint = f"{name}: {outcome.reason or outcome.status}"
    return (
        f'<a href="{link}"><title>{escape(hint)}</title><rect x="{place[0]}" y="{place[1]}" '
        f'width="{_WIDE}" height="{_HIGH}" rx="4" fill="{COLORS[outcome.status]}" '
        f'stroke="{edge[0]}" stroke-width="{edge[1]}"/><text x="{place[0] + 8}" '
        f'y="{place[1] + 16}" fill="{"#fff" if dark else "#1d2329"}">{escape(shown)}</text></a>'
    )
