# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands cost, run one after the other. Run as a script it is our command line."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
GTIFF = ["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=DEFLATE", "PREDICTOR=2"]
CO = [text for option in GTIFF for text in ("-co", option)]


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system, children included), wall seconds, peak memory in MiB."""

    cpu: float
    wall: float
    peak: float


def register() -> None:
    """Make this work tree importable as `orthoweave`, whatever its folder is called."""
    spec = importlib.util.spec_from_file_location(
        "orthoweave", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    sys.modules["orthoweave"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def orthoweave(*arguments: str) -> list[str]:
    """Return the command line that runs ours from this work tree."""
    return [sys.executable, __file__, *arguments]


def cases() -> Any:
    """Return ../shared/tools/make_cases.py, which makes images out of the imagery beside it."""
    if not SHARED.is_dir():
        raise SystemExit(f"{SHARED} is not there: the benchmark needs its imagery.")
    sys.path.insert(0, str(SHARED / "tools"))
    return importlib.import_module("make_cases")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


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


if __name__ == "__main__":
    register()
    from orthoweave.core.cli import main

    sys.exit(main(sys.argv[1:]))
