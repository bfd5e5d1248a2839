#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Write docs/algorithms from the requests and the algorithms' docstrings; --check only compares."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from worktree import ROOT, register

PAGES = ROOT / "docs" / "algorithms"
INDEX = "README.md"
MADE = "<!-- Made by dev/make_docs.py from the code; change the request or the docstring. -->"
EXAMPLES = {
    "images": ("a.tif", "b.tif"),
    "output_folder": ("out",),
    "field": ("code",),
    "expression": ("b1 > 100",),
    "rank": ("{valid_fraction}",),
    "transform": ("transform.json",),
    "key_points": ("key_points.gpkg",),
}
"""What is given for options that need it, by name; others are called as they are."""

SHOWN = {
    "applyadjustments": {"model": ("model.json",)},
    "checkinstallation": {"report": ("check.html",)},
    "classify": {"image": ("image.tif",), "model": ("model.owm",), "output": ("map.tif",)},
    "coregister": {"output": ("corrected.tif",), "report": ("report.html",)},
    "landcover": {
        "images": ("sensor_data",),
        "polygons": ("polygons.gpkg",),
        "field": ("code",),
        "output_folder": ("out",),
    },
}
"""What is given besides, where an example would do nothing without it."""


@dataclass(frozen=True)
class Page:
    """An algorithm as its file shows it, and what its operation asks and gives."""

    name: str
    title: str
    group: str
    text: str
    operation: ModuleType

    @property
    def sentence(self) -> str:
        """What the user gets, in one sentence."""
        return (self.operation.__doc__ or "").strip().partition("\n")[0]


def constants(body: Iterable[ast.stmt]) -> dict[str, Any]:
    """Return the names that are set to plain values in a module or class."""
    found = {}
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:  # not a plain value
                continue
    return found


def pages() -> list[Page]:
    """Return every algorithm, in the order of the Toolbox."""
    groups = constants(parsed(ROOT / "algorithms" / "texts.py").body)["GROUPS"]
    found = []
    for path in sorted((ROOT / "algorithms").glob("*.py")):
        for node in parsed(path).body:
            known = constants(node.body) if isinstance(node, ast.ClassDef) else {}
            if known.get("group_id") and known.get("title"):
                operation = importlib.import_module(f"orthoweave.core.requests.{path.stem}")
                group = groups[known["group_id"]]
                text = ast.get_docstring(node) or ""
                found.append(Page(path.stem, known["title"], group, text, operation))
    return sorted(found, key=lambda page: (page.group, page.title))


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def markdown(text: str) -> str:
    """Return a docstring with light HTML as Markdown."""
    pieces = re.split(r"\n\s*\n", inspect.cleandoc(text))
    joined = "\n\n".join(" ".join(piece.split()) for piece in pieces)
    joined = re.sub(r"</?b>", "**", joined)
    joined = re.sub(r"</?i>", "*", joined)
    joined = re.sub(r"</?ul>\s*", "\n", joined)
    return re.sub(r"<li>(.*?)</li>\s*", r"- \1\n", joined).strip()


def cell(text: str) -> str:
    """Return a text that may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ").replace("*.", "\\*.")


def shown(option: Any) -> str:
    """Return the default of an option as a user writes it."""
    if option.required:
        return "required"
    if option.default in (None, "", ()):
        return "created" if option.created else "–"
    if isinstance(option.default, bool):
        return "yes" if option.default else "no"
    listed = option.default if isinstance(option.default, tuple) else (option.default,)
    return cell(", ".join(f"`{item}`" for item in listed))


def meaning(option: Any) -> str:
    """Return label and help with limits and words; the default stands beside."""
    summary = option.summary.partition(" Default: ")[0]
    label = option.label
    text = label + "." if summary.rstrip(".") == label else f"**{label}.** {summary}"
    return cell(text.replace("<", "&lt;"))


def table(options: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table of options."""
    yield "| parameter | kind | default | meaning |"
    yield "|---|---|---|---|"
    for name, option in options.items():
        kind = option.kind.value.replace(" out", "")
        yield f"| `{name.upper()}` | {kind} | {shown(option)} | {meaning(option)} |"


def outputs(page: Page) -> Iterator[str]:
    """Yield the lines of the table of outputs."""
    from orthoweave.core.options import options_of

    yield "| output | kind | meaning |"
    yield "|---|---|---|"
    for name, option in options_of(page.operation.Result).items():
        kind = option.kind.value.replace(" out", "")
        yield f"| `{name.upper()}` | {kind} | {meaning(option)} |"


def needed(page: Page) -> dict[str, tuple[str, ...]]:
    """Return example values of the options that must be given."""
    from orthoweave.core.options import Kind
    from orthoweave.core.ordering import in_reading_order

    endings = {
        Kind.RASTER: ".tif",
        Kind.RASTERS: ".tif",
        Kind.VECTOR: ".gpkg",
        Kind.VECTORS: ".gpkg",
        Kind.MODEL_OUT: ".owm",
        Kind.RASTER_OUT: ".tif",
        Kind.VECTOR_OUT: ".gpkg",
        Kind.HTML_OUT: ".html",
        Kind.FIGURE_OUT: ".png",
    }
    declared = in_reading_order(page.operation.Request)
    required = {name: option for name, option in declared.items() if option.required}
    given = {
        name: EXAMPLES.get(name, (f"{name}{endings.get(option.kind, '')}",))
        for name, option in required.items()
    }
    return {**given, **SHOWN.get(page.name, {})}


def quoted(text: str) -> str:
    """Return a text as every shell takes it."""
    return text if re.fullmatch(r"[\w./-]+", text) else f'"{text}"'


def commands(page: Page) -> Iterator[str]:
    """Yield the same run for each door."""
    given = needed(page)
    qgis = [f"--{n.upper()}={quoted(text)}" for n, texts in given.items() for text in texts]
    plain = [f"--{n.replace('_', '-')} {' '.join(map(quoted, t))}" for n, t in given.items()]
    code = [f"{n}={texts if len(texts) > 1 else texts[0]!r}" for n, texts in given.items()]
    yield "```sh"
    yield " ".join(["qgis_process run", f"orthoweave:{page.name}", *qgis])
    yield " ".join(["orthoweave", page.name, *plain])
    yield "```"
    yield ""
    yield "```python"
    yield f"from orthoweave.core.operations import {page.name}"
    yield ""
    request = f"{page.name}.Request({', '.join(code)})".replace("'", '"')
    yield f"{page.name}.run({request})"
    yield "```"


def page_text(page: Page) -> str:
    """Return the page of one algorithm."""
    from orthoweave.core.ordering import in_reading_order

    declared = in_reading_order(page.operation.Request)
    plain = {n: o for n, o in declared.items() if not o.advanced}
    advanced = {n: o for n, o in declared.items() if o.advanced}
    lines = [MADE, "", f"# {page.title}", ""]
    lines += [f"`orthoweave:{page.name}` in the group *{page.group}*", ""]
    lines += [markdown(page.text), "", "## Parameters", "", *table(plain), ""]
    if advanced:
        lines += ["### Advanced", "", *table(advanced), ""]
    lines += ["## Outputs", "", *outputs(page), "", "## From a shell and from Python", ""]
    lines += [*commands(page), ""]
    return "\n".join(lines)


def index_text(listed: list[Page]) -> str:
    """Return the list of all algorithms."""
    lines = [MADE, "", "# Algorithms", "", "| algorithm | group | what it gives |", "|---|---|---|"]
    lines += [
        f"| [{page.title}]({page.name}.md) | {page.group} | {cell(page.sentence)} |"
        for page in listed
    ]
    return "\n".join([*lines, ""])


def texts() -> dict[str, str]:
    """Return the text of every generated file by name."""
    register()
    listed = pages()
    return {INDEX: index_text(listed), **{f"{page.name}.md": page_text(page) for page in listed}}


def stale(made: dict[str, str]) -> list[str]:
    """Return the names of files that are missing, differ or are not made any more."""
    there = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")}
    return sorted(name for name in {*made, *there} if made.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check return 1 when they are stale."""
    made = texts()
    outdated = stale(made)
    if "--check" in arguments:
        listed = ", ".join(outdated)
        sys.stdout.write(f"docs: {listed} must be made again: make docs\n" if outdated else "")
        return 1 if outdated else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for name in outdated:
        if name in made:
            (PAGES / name).write_text(made[name], encoding="utf-8")
        else:
            (PAGES / name).unlink()
    sys.stdout.write(f"docs: {len(outdated)} of {len(made)} pages changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
