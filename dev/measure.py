#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure the code against the budget of style: sizes of bodies and files, arguments, repeats."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("core", "algorithms", "provider")
BODY, NINE_IN_TEN, MEDIAN = 60, 30, 10
ARGUMENTS = 6
FILE, ALGORITHM_FILE = 400, 120
REPEAT = 6
"""Identical lines in a row that count as a repeat; imports and bare brackets are left out."""

BANNED = ("print", "eval", "exec", "breakpoint")
NAMES = ("utils", "helpers", "misc", "common", "manager", "handler", "base2")
SPDX = "# SPDX-License-Identifier: GPL-2.0-or-later"


@dataclass(frozen=True)
class Source:
    """A file of the product, parsed."""

    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.text.splitlines())


def sources() -> list[Source]:
    """Return the product's Python files that git knows or would add."""
    listed = subprocess.run(
        [
            "git",
            "-c",
            "safe.directory=*",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "*.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    names = sorted({n for n in listed if n and ("/" not in n or n.split("/")[0] in PRODUCT)})
    texts = {n: (ROOT / n).read_text(encoding="utf-8") for n in names if (ROOT / n).exists()}
    return [Source(name, text, ast.parse(text, name)) for name, text in texts.items()]


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method."""
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def docstring(node: ast.AST) -> ast.Expr | None:
    """Return the docstring of a module, class or function."""
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    constant = first.value if isinstance(first, ast.Expr) else None
    found = isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    return first if found else None


def span(node: ast.AST) -> int:
    """Return the number of lines of a node."""
    return node.end_lineno - node.lineno + 1


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function from its signature on, without docstring."""
    text = docstring(function)
    return span(function) - 1 - (span(text) if text else 0)


def argument_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of arguments, self and cls left out."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    own = names[:1] in (["self"], ["cls"])
    return len(names) + len(function.args.kwonlyargs) - own


def over_budget(source: Source) -> Iterator[str]:
    """Yield what is over budget inside one file."""
    limit = ALGORITHM_FILE if is_algorithm(source) else FILE
    if source.lines > limit:
        yield f"{source.name}: {source.lines} lines, the limit is {limit}"
    if source.text and not source.text.startswith(SPDX):
        yield f"{source.name}:1 has no SPDX line"
    if Path(source.name).stem in NAMES:
        yield f"{source.name}: the name does not say what is in it"
    for function in functions(source):
        place = f"{source.name}:{function.lineno} {function.name}"
        if body_lines(function) > BODY:
            yield f"{place}: {body_lines(function)} lines, the limit is {BODY}"
        if argument_count(function) > ARGUMENTS:
            yield f"{place}: {argument_count(function)} arguments, the limit is {ARGUMENTS}"
    yield from banned(source)


def is_algorithm(source: Source) -> bool:
    """Return True for the file of one algorithm, which is only a face of its operation."""
    return source.name.startswith("algorithms/") and any(
        isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "operation"
        for node in ast.walk(source.tree)
    )


def banned(source: Source) -> Iterator[str]:
    """Yield calls and constructs that no product file may have."""
    for node in ast.walk(source.tree):
        place = f"{source.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in BANNED:
            yield f"{place} calls {node.func.id}()"
        elif isinstance(node, ast.ExceptHandler) and broad(node):
            yield f"{place} catches everything"
        elif isinstance(node, (ast.Global, ast.Assert)):
            yield f"{place} uses {type(node).__name__.lower()}"


def broad(handler: ast.ExceptHandler) -> bool:
    """Return True for a bare except and for Exception."""
    name = getattr(handler.type, "id", "")
    return handler.type is None or name in ("Exception", "BaseException")


def code_lines(source: Source) -> list[tuple[int, str]]:
    """Return (line number, stripped text) of the lines that say something."""
    skipped: set[int] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            skipped.update(range(node.lineno, node.end_lineno + 1))
        text = docstring(node)
        if text:
            skipped.update(range(text.lineno, text.end_lineno + 1))
    return [
        (number, line.strip())
        for number, line in enumerate(source.text.splitlines(), 1)
        if number not in skipped and speaks(line.strip())
    ]


def speaks(line: str) -> bool:
    """Return True unless a line is blank, a comment or bare brackets."""
    return bool(line.strip("()[]{},:")) and not line.startswith("#")


def repeats(files: list[Source]) -> Iterator[str]:
    """Yield runs of identical lines that stand in two places, each run once."""
    places = defaultdict(list)
    lines = {source.name: code_lines(source) for source in files}
    for name, listed in lines.items():
        for start in range(len(listed) - REPEAT + 1):
            key = tuple(text for _, text in listed[start : start + REPEAT])
            places[key].append((name, start))
    told: set[tuple[str, int]] = set()
    for found in places.values():
        if len(found) < 2:
            continue
        before = {(name, start - 1) for name, start in found}
        if not before & told:
            shown = (f"{name}:{lines[name][start][0]}" for name, start in found)
            yield f"{REPEAT} or more identical lines: {' and '.join(shown)}"
        told.update(found)


def ninety(values: list[int]) -> int:
    """Return the value that nine in ten do not exceed."""
    return sorted(values)[int(0.9 * (len(values) - 1))]


def comment_share(files: list[Source]) -> float:
    """Return the percentage of comment lines."""
    lines = [line.strip() for source in files for line in source.text.splitlines()]
    written = [line for line in lines if line]
    return 100 * sum(line.startswith("#") for line in written) / max(len(written), 1)


def main() -> int:
    """Print the numbers and what is over budget; return 1 when anything is."""
    files = sources()
    bodies = [body_lines(function) for source in files for function in functions(source)]
    problems = [problem for source in files for problem in over_budget(source)]
    problems += repeats(files)
    median, most = statistics.median(bodies), ninety(bodies)
    if median > MEDIAN:
        problems.append(f"median body: {median:g} lines, the limit is {MEDIAN}")
    if most > NINE_IN_TEN:
        problems.append(f"nine bodies in ten: {most} lines, the limit is {NINE_IN_TEN}")
    sys.stdout.write(
        f"{len(files)} files, {sum(s.lines for s in files)} lines, {len(bodies)} functions; "
        f"bodies: median {median:g}, nine in ten {most}, longest {max(bodies)} lines; "
        f"comments {comment_share(files):.1f} % (advised 3-5)\n"
    )
    sys.stdout.writelines(f"  {problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
