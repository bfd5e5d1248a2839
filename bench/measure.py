# SPDX-License-Identifier: GPL-2.0-or-later
"""Run commands one after the other and note what each costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system, children included), wall seconds, peak memory in MiB."""

    cpu: float
    wall: float
    peak: float


def orthoweave(*arguments: str) -> list[str]:
    """Return the command line that runs ours from this work tree."""
    start = (
        "import importlib.util, sys;"
        f"s = importlib.util.spec_from_file_location('orthoweave', {str(ROOT / '__init__.py')!r}, "
        f"submodule_search_locations=[{str(ROOT)!r}]);"
        "m = sys.modules['orthoweave'] = importlib.util.module_from_spec(s);"
        "s.loader.exec_module(m);"
        "from orthoweave.core.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    return [sys.executable, "-c", start, *arguments]


def cost_of(command: list[str], repeats: int = 1) -> Cost:
    """Return the cheapest of several runs of a command; raises RuntimeError when one fails."""
    return min((_once(command) for _ in range(repeats)), key=lambda cost: cost.cpu)


def table(title: str, rows: list[tuple[str, Cost]], base: str) -> str:
    """Return a Markdown table of costs, with ratios to the row called base."""
    reference = dict(rows)[base]
    lines = [f"### {title}", "", "| run | CPU s | × copy | wall s | × copy | peak MiB |"]
    lines.append("|---|---|---|---|---|---|")
    for name, cost in rows:
        lines.append(
            f"| {name} | {cost.cpu:.2f} | {cost.cpu / reference.cpu:.2f} | {cost.wall:.2f} | "
            f"{cost.wall / reference.wall:.2f} | {cost.peak:.0f} |"
        )
    return "\n".join(lines) + "\n"


WAITING = (
    "import json, os, subprocess, sys;"
    "process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL);"
    "_, status, usage = os.wait4(process.pid, 0);"
    "print(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))"
)
"""A small process that starts the command: Linux counts the memory of whoever starts one as its."""


def _once(command: list[str]) -> Cost:
    started = monotonic()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", WAITING, *command],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    status, cpu, peak = json.loads(done.stdout.splitlines()[-1])
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-800:]}")
    # ru_maxrss is in KiB on Linux
    return Cost(cpu, monotonic() - started, peak / 1024)
