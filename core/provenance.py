# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run did, kept beside its main output so that anybody can repeat it."""

from __future__ import annotations

import functools
import glob
import json
import math
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Protocol, TypeVar

from .cluster import spread
from .deps import OPTIONAL, available
from .errors import InvalidOption, OrthoweaveError
from .options import TEMPORARY, Kind, Option, options_of, values_of
from .progress import SILENT, Progress, Recorder
from .raster import expand, open_image, refuse_all_overwriting
from .report.html import Repeat
from .stage import no_empty_folders, write_text
from .version import package_version

SUFFIX = ".orthoweave.json"

SIZED = 100
"""Images whose size is noted; to open thousands of them again would take seconds."""

_LISTS = (Kind.RASTERS, Kind.VECTORS)
_READ = (*_LISTS, Kind.RASTER, Kind.VECTOR, Kind.POINTS, Kind.LAYER, Kind.FILE)
_FILES = (*_READ, Kind.FOLDER)

RequestT = TypeVar("RequestT", contravariant=True)
ResultT = TypeVar("ResultT", covariant=True)


class Run(Protocol[RequestT, ResultT]):
    """The entry of an operation."""

    def __call__(self, request: RequestT, progress: Progress = SILENT) -> ResultT:
        """Do what the request says."""


def recorded(run: Run[RequestT, ResultT]) -> Run[RequestT, ResultT]:
    """Decorate an operation's run: after success a side-car is written beside its main output.

    The side-car is `<main output>.orthoweave.json`; for an output folder it is
    `<folder>/<id>.orthoweave.json`; a run without either writes none. The plain function stays
    reachable as `run.__wrapped__`.
    """
    algorithm = _module(run).rpartition(".")[2]

    @functools.wraps(run)
    def recording(request: RequestT, progress: Progress = SILENT) -> ResultT:
        started, clock = datetime.now(timezone.utc), time.monotonic()
        inputs = tuple(_inputs(request))  # before the run: its outputs may lie in the same folder
        rasters = [entry for kind, entry in inputs if kind in (Kind.RASTER, Kind.RASTERS)]
        scheduler = getattr(request, "scheduler", None)
        planned = getattr(request, "dry_run", False)
        with no_empty_folders(planned=planned), spread(scheduler, rasters, progress) as heard:
            _refuse_clashes(request, [entry.partition("|")[0] for _, entry in inputs])
            recorder = Recorder(heard)
            result = run(request, recorder)
        path = side_car_path(algorithm, request, result)
        if path:
            facts = _facts(algorithm, request, result)
            facts["inputs"] = [
                _input(kind, entry, sized=number < SIZED)
                for number, (kind, entry) in enumerate(inputs)
            ]
            facts["warnings"] = recorder.warnings
            facts["started"] = started.isoformat(timespec="seconds")
            facts["seconds"] = round(time.monotonic() - clock, 3)
            facts["peak_memory_mb"] = peak_memory_mb()
            facts["command"] = list(commands(algorithm, request))
            write_json(path, facts)
        return result

    return recording


def side_car_path(algorithm: str, request: Any, result: Any) -> str | None:
    """Return where the side-car of a run belongs, None when the run wrote no main output."""
    if getattr(request, "dry_run", False):
        return None
    output = getattr(result, "output", None) or getattr(request, "output", None)
    if isinstance(output, str) and output:
        return os.path.abspath(output) + SUFFIX
    folder = getattr(result, "output_folder", None) or getattr(request, "output_folder", None)
    return os.path.join(os.path.abspath(folder), algorithm + SUFFIX) if folder else None


def versions() -> dict[str, str | None]:
    """Return the versions of what this process computes with; None for what is absent.

    Nothing is imported to find out: an optional package that this run did not need is "not used".
    """
    found: dict[str, str | None] = {
        "Orthoweave": package_version(),
        "QGIS": _qgis_version(),
        "GDAL": _loaded("osgeo"),
        "Python": platform.python_version(),
        "numpy": _loaded("numpy"),
    }
    for name, package in OPTIONAL.items():
        unused = "not used" if available(name) else None
        found[package.title] = _loaded(package.module) or unused
    return found


def commands(algorithm: str, request: Any) -> tuple[str, str]:
    """Return the lines that repeat a run: for qgis_process and for Python without QGIS.

    Options that have their default are left out; relative paths are made absolute.
    """
    given = list(_arguments(request))
    qgis = ["qgis_process", "run", f"orthoweave:{algorithm}"]
    plain = ["python", "-m", "orthoweave.core.cli", algorithm]
    qgis += [f"--{name.upper()}={text}" for name, text in given]
    plain += [f"--{name.replace('_', '-')}={text}" for name, text in given]
    return shlex.join(qgis), shlex.join(plain)


def repetition(algorithm: str, request: Any) -> Repeat:
    """Return what a report says about repeating a run."""
    return Repeat(located(request), versions(), commands(algorithm, request))


def peak_memory_mb() -> float | None:
    """Return the largest memory of this process so far, MiB; None where it cannot be told."""
    if sys.platform == "win32":
        return None
    import resource  # Windows has no such module

    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def write_json(path: str, values: Mapping[str, Any]) -> None:
    """Write named values as a JSON file."""
    write_text(path, json.dumps(plain(values), indent=2, ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: numbers that are not finite become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _module(run: Any) -> str:
    return str(run.__module__)


def _facts(algorithm: str, request: Any, result: Any) -> dict[str, Any]:
    outputs, numbers = _results(result)
    return {
        "algorithm": algorithm,
        "version": package_version(),
        "request": located(request),
        "inputs": [],
        "outputs": outputs,
        "result": numbers,
        "versions": versions(),
    }


def located(request: Any) -> dict[str, Any]:
    """Return the options of a request, with paths that hold from any folder."""
    values = values_of(request)
    for name, declared in options_of(request).items():
        if declared.kind in _LISTS:
            values[name] = [_absolute(entry) for entry in values[name]]
        elif declared.kind in _FILES and values[name]:
            values[name] = _absolute(values[name])
    return values


def _results(result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    outputs: dict[str, Any] = {}
    numbers: dict[str, Any] = {}
    declared = options_of(result)
    for name, value in values_of(result).items():
        kind = declared[name].kind
        if value is not None:
            (outputs if kind.destination or kind in _FILES else numbers)[name] = value
    return outputs, numbers


def _inputs(request: Any) -> Iterator[tuple[Kind, str]]:
    for name, declared in options_of(request).items():
        value = getattr(request, name)
        if declared.kind in _FILES and value:
            for entry in _entries(value):
                yield declared.kind, entry


def _refuse_clashes(request: Any, inputs: Sequence[str]) -> None:
    """Raise InvalidOption when two files of a run are one: an output and an input, two outputs."""
    taken: dict[str, str] = {}
    outputs = []
    for name, declared in options_of(request).items():
        value = getattr(request, name)
        if not declared.kind.destination or declared.kind is Kind.FOLDER_OUT:
            continue
        if not value or value == TEMPORARY:
            continue
        path = os.path.realpath(value)
        known = taken.setdefault(os.path.normcase(path), declared.label)
        if known != declared.label:
            raise InvalidOption(
                f"{declared.label} and {known} would both be written as "
                f"{os.path.basename(path)}. Give each its own name."
            )
        outputs.append(path)
    refuse_all_overwriting(outputs, inputs)


def _entries(value: str | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    try:
        return expand(value)
    except OrthoweaveError:  # the run itself says what is wrong
        return value


def _input(kind: Kind, entry: str, *, sized: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {"path": _absolute(entry)}
    file = entry.partition("|")[0]
    if os.path.isfile(file):
        status = os.stat(file)
        changed = datetime.fromtimestamp(status.st_mtime, timezone.utc)
        facts["bytes"] = status.st_size
        facts["modified"] = changed.isoformat(timespec="seconds")
    if sized and kind in (Kind.RASTER, Kind.RASTERS):
        facts.update(_size(entry))
    return facts


def _size(path: str) -> dict[str, Any]:
    try:
        image = open_image(path)
    except OrthoweaveError:  # left out by the run too, which warned about it
        return {}
    return {"size": [image.grid.width, image.grid.height], "bands": image.bands}


def _arguments(request: Any) -> Iterator[tuple[str, str]]:
    for name, declared in options_of(request).items():
        value = getattr(request, name)
        if value is None or (not declared.required and value == declared.default):
            continue
        for text in _texts(declared, value):
            yield name, text


def _texts(declared: Option, value: Any) -> list[str]:
    if declared.kind in _LISTS:
        return [_absolute(entry) for entry in value]
    if declared.kind in _FILES:
        return [_absolute(value)]
    if declared.kind.destination:
        return [os.path.abspath(value)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, tuple):
        return [",".join(_short(item) for item in value)]
    return [json.dumps(value) if isinstance(value, Mapping) else _short(value)]


def _absolute(entry: str) -> str:
    """A path from any folder; what is not a plain file name (NETCDF:…) stays as it is."""
    file = entry.partition("|")[0]
    pattern = glob.has_magic(file) and ":" not in file
    plain_path = pattern or os.path.exists(file) or os.path.isdir(os.path.dirname(entry))
    return os.path.abspath(entry) if plain_path else entry


def _short(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else str(value)


def _loaded(module: str) -> str | None:
    found = getattr(sys.modules.get(module), "__version__", None)
    return None if found is None else str(found)


def _qgis_version() -> str | None:
    found = getattr(sys.modules.get("qgis.core"), "Qgis", None)
    return None if found is None else str(found.QGIS_VERSION)
