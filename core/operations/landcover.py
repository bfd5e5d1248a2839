# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a land cover map of many tiles and dates in one run, as iota2 does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ..cluster import Cluster
from ..errors import NoSolution
from ..executor import processors
from ..options import values_of
from ..progress import SILENT, Progress
from ..provenance import recorded, versions
from ..requests.landcover import Request as Request
from ..requests.landcover import Result as Result
from ..room import size_text
from ..stage import make_folder, write_text
from ..workflow.estimate import (
    Amount,
    Estimate,
    compression,
    estimated,
    refuse_small_disk,
)
from ..workflow.logs import FOLDER, pack
from ..workflow.names import FOLDERS
from ..workflow.page import Section, write_page
from ..workflow.running import Here, Outcome, Place, Run, there
from ..workflow.state import State, locked, read_state, sizes
from ..workflow.tasks import Graph, graph_of
from .chain.checking import check, warn_of_others
from .chain.options import refuse_absent, resolved
from .chain.plan import Plan, planned
from .chain.segments import bytes_by_pixel
from .chain.tasks import tasks_of
from .chain.tiles import Tile

NEEDS = (
    ("maxlik, mlp, one tile", ()),
    ("rf, svm", ("cv2",)),
    ("several tiles", ("scipy", "shapely")),
    ("figures", ("matplotlib",)),
    ("SCHEDULER", ("dask",)),
)

MAPS = ("Classif_Seed_{}.tif", "Classif_Seed_{}_ColorIndexed.tif", "Confidence_Seed_{}.tif")


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Plan the run, estimate what it needs, and do its tasks.

    Raises NoSolution with the names of the tasks that failed.
    """
    request, configured = resolved(request)
    refuse_absent(request)
    for warning in configured.warnings:
        progress.warn(warning)
    plan = planned(request, configured, progress)
    check(plan, progress)
    graph = graph_of(tasks_of(plan))
    needed = estimate(plan)
    for line in needed.lines():
        progress.info(line)
    if request.dry_run:
        for line in steps_text(graph):
            progress.info(line)
        return Result(request.output_folder, (), tasks_done=0, tasks_skipped=0)
    folder = plan.tree.folder
    state = read_state(folder, progress) if os.path.isdir(folder) else State(folder)
    there = sum(os.path.getsize(path) for path in state.files()) if request.resume else 0
    refuse_small_disk(folder, needed, there)
    with locked(folder, progress):
        return _done(plan, graph, progress)


def estimate(plan: Plan) -> Estimate:
    """Return what a run needs."""
    return estimated(
        [_amount(plan, tile) for tile in plan.tiles],
        compression(plan.tiles[0].opened),
        processors(plan.request.threads),
        plan.writing().memory,
    )


def _amount(plan: Plan, tile: Tile) -> Amount:
    request = plan.request
    bands = max(source.bands for source in tile.sources)
    features = sum(
        max(1, len(source.dates)) * (source.bands + len(request.indices)) for source in tile.sources
    )
    return Amount(
        pixels=tile.grid.window.pixels,
        bands=bands,
        dates=sum(max(1, len(source.dates)) for source in tile.dated),
        features=features,
        classes=len(plan.legend.names) or 10,
        # with two kinds of sensors: a map of each, and the fused one
        maps=len(plan.models_in(tile)) * len(plan.runs) * (3 if request.sensor_fusion else 1),
        runs=len(plan.runs),
        probability=request.probability,
        written=request.write_features,
        rounds=request.auto_context,
        objects=bytes_by_pixel(plan, features) if request.builder == "objects" else 0.0,
    )


def steps_text(graph: Graph) -> Iterator[str]:
    """Yield a line for each step: its number, name and tasks."""
    steps: dict[str, list[str]] = {}
    for task in graph.tasks:
        steps.setdefault(task.step, []).append(task.name)
    for number, (step, names) in enumerate(steps.items(), 1):
        yield f"Step {number}: {step}, {len(names)} tasks ({', '.join(names[:3])})."


def _done(plan: Plan, graph: Graph, progress: Progress) -> Result:
    """Do the tasks, keep the page up to date, and say how it ended."""
    request, folder = plan.request, plan.tree.folder
    state = read_state(folder, progress)
    if request.clean:
        progress.info(f"{state.clean()} files of earlier runs were removed.")
    warn_of_others(plan, state, progress)
    tiles = (os.path.dirname(plan.grid_file(tile)) for tile in plan.tiles)
    for path in (*(os.path.join(folder, name) for name in FOLDERS), *tiles):
        make_folder(path)
    tell = _Page(plan, graph)
    made = Run(graph, state, tell)
    tell(made.outcomes)
    with _pool(plan, progress) as pool:
        made.go(pool, resume=request.resume, progress=progress.part(0.0, 0.99))
    tell(made.outcomes)
    write_text(os.path.join(folder, FOLDER, "run.log"), _log(made.outcomes))
    failed = [name for name, one in made.outcomes.items() if one.status == "failed"]
    if failed:
        raise NoSolution(_failure(failed, made.outcomes, folder))
    if not request.keep_intermediate:
        _drop(plan, state)
    progress.advance(1.0)
    return _result(plan, made.outcomes, tell.path)


@contextmanager
def _pool(plan: Plan, progress: Progress) -> Iterator[Place]:
    folder, retries, cluster = plan.tree.folder, plan.request.retries, progress.workers
    if not isinstance(cluster, Cluster):
        yield Here(folder, retries)
        return
    with there(cluster, folder, retries) as pool:
        yield pool


class _Page:
    """Rewrites the status page whenever a task begins or ends."""

    def __init__(self, plan: Plan, graph: Graph) -> None:
        self._plan, self._graph = plan, graph
        self.path = ""

    def __call__(self, outcomes: Mapping[str, Outcome]) -> None:
        folder = self._plan.tree.folder
        sections = _sections(self._plan)
        self.path = write_page(folder, f"Land cover: {folder}", self._graph, outcomes, sections)


def _sections(plan: Plan) -> tuple[Section, ...]:
    told = [(name.upper(), value) for name, value in values_of(plan.request).items()]
    told += [
        (f"{step}: {name.upper()}", value)
        for step, given in plan.steps.items()
        for name, value in given.items()
    ]
    inputs = [(tile.name, ", ".join(tile.files)) for tile in plan.tiles]
    inputs.append(("reference", plan.request.polygons or ""))
    final = plan.tree.at("final")
    folders = [path for path in (final, os.path.join(final, "vectors")) if os.path.isdir(path)]
    outputs = [
        (os.path.relpath(file, final), size_text(status.st_size))
        for path in folders
        for file, status in sizes(path, os.listdir(path))
    ]
    return (
        Section("Configuration", told),
        Section("Environment", list(versions().items())),
        Section("Inputs", inputs),
        Section("Outputs", outputs),
    )


def _log(outcomes: Mapping[str, Outcome]) -> str:
    lines = (
        f"{name}: {one.status}, {one.seconds:.1f} s {one.reason}".rstrip()
        for name, one in outcomes.items()
    )
    return "\n".join(lines) + "\n"


def _failure(failed: Sequence[str], outcomes: Mapping[str, Outcome], folder: str) -> str:
    left = sum(one.status == "not reached" for one in outcomes.values())
    reasons = " ".join(f"{name}: {outcomes[name].reason}" for name in failed[:3])
    more = f" (and {len(failed) - 3} more)" if len(failed) > 3 else ""
    return (
        f"{len(failed)} of {len(outcomes)} tasks failed: {', '.join(failed[:3])}{more}; {left} "
        f"were not reached. {reasons} All logs are in {pack(folder)}; a new run goes on from here."
    )


def _drop(plan: Plan, state: State) -> None:
    """Remove what is only needed to resume: all that tasks wrote outside of final."""
    kept = os.path.join(plan.tree.at("final"), "")
    for path in state.files():
        if not path.startswith(kept):
            os.remove(path)


def _result(plan: Plan, outcomes: Mapping[str, Outcome], page: str) -> Result:
    counts = [one.status for one in outcomes.values()]
    final = [plan.tree.final(name.format(run)) for run in plan.runs for name in MAPS]
    final += [plan.tree.final("PixelsValidity.tif"), plan.tree.final("features_map.tif")]
    report = plan.tree.final("RESULTS.html")
    scores = _scores(plan.tree.final("RESULTS.json"))
    return Result(
        plan.tree.folder,
        tuple(path for path in final if os.path.isfile(path)),
        report=report if os.path.isfile(report) else None,
        status_page=page,
        accuracy=scores.get("overall"),
        kappa=scores.get("kappa"),
        tasks_done=counts.count("done"),
        tasks_skipped=counts.count("skipped"),
    )


def _scores(path: str) -> dict[str, float | None]:
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8") as file:
        mean = json.load(file)["mean"]
    return {name: mean[name]["mean"] for name in ("overall", "kappa")}
