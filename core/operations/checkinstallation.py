# SPDX-License-Identifier: GPL-2.0-or-later
"""Check which packages, formats and methods this computer has, and try a small run."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..deps import OPTIONAL, version
from ..errors import OrthoweaveError
from ..executor import processors
from ..image import Array
from ..installing import WANTED, install_line, this_home
from ..progress import SILENT, Progress
from ..provenance import recorded, repetition, versions
from ..raster import open_image
from ..raster.formats import compressions, formats, gdal_version
from ..report.html import Number, Report, Table, Verdict, write_report
from ..requests.checkinstallation import Request as Request
from ..requests.checkinstallation import Result as Result
from ..sample.scenes import mosaic
from . import globalregression, installed, mergerasters, sampledata

SIZE, SEED = 160, 1
"""The images of the self-test."""

TROUBLE = (
    OrthoweaveError,
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a probe may meet on a broken installation; each becomes a line of the report."""

ABSENT = "absent"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Check:
    """One number of the self-test beside its truth."""

    name: str
    measured: float | str
    truth: float
    tolerance: float = 0.0

    @property
    def passed(self) -> bool:
        """True when the measured number is a number near enough to the truth."""
        known = not isinstance(self.measured, str)
        return known and abs(float(self.measured) - self.truth) <= self.tolerance


@dataclass(frozen=True)
class Method:
    """A method of a tool and the packages it lacks here."""

    tool: str
    name: str
    lacks: tuple[str, ...]


class _Quiet(Progress):
    """Lets the self-test be followed and stopped, without the words of the tools it runs."""

    def __init__(self, whole: Progress) -> None:
        self._whole = whole

    def advance(self, fraction: float) -> None:
        self._whole.advance(fraction)

    def cancelled(self) -> bool:
        return self._whole.cancelled()


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Look at the installation, try a small run and say what is missing."""
    progress.phase("Looking for packages")
    packages = {name: _package(name) for name in WANTED}
    missing = tuple(name for name, text in packages.items() if text.startswith(ABSENT))
    methods = tuple(_methods(missing))
    checks: tuple[Check, ...] = ()
    if not request.quick:
        progress.phase("Running the self-test")
        checks = tuple(_self_test(_Quiet(progress.part(0.1, 0.9))))
    line = _tried(lambda: install_line(missing or WANTED, this_home(), np.__version__), None)
    tools = {method.tool for method in methods}
    found = Result(
        missing=len(missing),
        ready=len(tools - {method.tool for method in methods if method.lacks}),
        passed=None if request.quick else int(all(check.passed for check in checks)),
        install_command=line,
    )
    report = _report(request, found, packages, methods, checks)
    path = write_report(request.report, report) if request.report else None
    _say(report, missing, line, progress)
    return Result(path, found.missing, found.ready, found.passed, found.install_command)


def _package(name: str) -> str:
    """Return the version of an optional package, or "absent" and why."""
    try:
        return version(name)
    except TROUBLE as error:  # for example built for another numpy
        return f"{ABSENT} ({type(error).__name__}: {error})"


def _methods(missing: tuple[str, ...]) -> Iterator[Method]:
    """Yield the methods of every tool; an operation names their packages in NEEDS."""
    for name, module in installed(sys.modules[__package__]).items():
        needs = getattr(module, "NEEDS", ()) or (("every method", ()),)
        for method, packages in needs:
            lacks = tuple(OPTIONAL[one].title for one in packages if one in missing)
            yield Method(name, method, lacks)


def _self_test(progress: Progress) -> Iterator[Check]:
    """Make images whose truth is known, run tools on them, and compare."""
    try:
        with tempfile.TemporaryDirectory(prefix="orthoweave-check-") as folder:
            wanted = sampledata.Request(scene="mosaic", size=SIZE, seed=SEED, output_folder=folder)
            made = sampledata.run(wanted, progress.part(0.0, 0.5))
            yield Check("sampledata: images", len(made.output_layers), 4)
            yield from _gain_checks(made.output_layers, folder, progress.part(0.5, 0.8))
            yield from _merge_checks(made.output_layers, folder, progress.part(0.8, 1.0))
    except TROUBLE as error:
        yield Check("the run itself", f"{type(error).__name__}: {error}", 0)


def _gain_checks(paths: tuple[str, ...], folder: str, progress: Progress) -> Iterator[Check]:
    """Bring all images to the level of the first one, whose true gain is 1."""
    wanted = globalregression.Request(
        images=paths, model_images=("image_1",), output_folder=os.path.join(folder, "global")
    )
    found = globalregression.run(wanted, progress)
    gains = [1 / gain for frame in mosaic(SIZE, SEED).frames for gain in frame.gains]
    # the images are displaced by fractions of a pixel, and one has a cloud
    for name, gain, known in (
        ("smallest", found.gain_min, min(gains)),
        ("largest", found.gain_max, max(gains)),
    ):
        yield Check(f"globalregression: {name} gain", _number(gain), known, 0.02)
    after = _number(found.mean_difference_after)
    yield Check("globalregression: difference in the overlaps, %", after, 0.0, 4.0)


def _number(value: float | None) -> float | str:
    return "not computed" if value is None else value


def _merge_checks(paths: tuple[str, ...], folder: str, progress: Progress) -> Iterator[Check]:
    output = os.path.join(folder, "merged.tif")
    mergerasters.run(mergerasters.Request(images=paths, rule="first", output=output), progress)
    merged, first = open_image(output), open_image(paths[0])
    seen = merged.read(merged.grid.window)
    covered = _union()
    yield Check("mergerasters: columns", merged.grid.width, covered.shape[1])
    yield Check("mergerasters: rows", merged.grid.height, covered.shape[0])
    yield Check("mergerasters: covered pixels", int(seen.valid.sum()), int(covered.sum()))
    own = first.read(first.grid.window)
    part = merged.read(merged.grid.placed(first.grid))
    changed = (part.values != own.values).any(0) & own.valid
    yield Check("mergerasters: changed pixels of the first image", int(changed.sum()), 0)


def _union() -> Array:
    """Return covered[row, col] of the images' common ground, from what they were made of."""
    frames = mosaic(SIZE, SEED).frames
    left, top = (min(frame.corner[axis] for frame in frames) for axis in (0, 1))
    right, bottom = (max(frame.corner[axis] for frame in frames) + SIZE for axis in (0, 1))
    covered = np.zeros((bottom - top, right - left), bool)
    for frame in frames:
        col, row = frame.corner[0] - left, frame.corner[1] - top
        covered[row : row + SIZE, col : col + SIZE] |= frame.valid()
    return covered


def _report(
    request: Request,
    found: Result,
    packages: dict[str, str],
    methods: tuple[Method, ...],
    checks: tuple[Check, ...],
) -> Report:
    install = found.install_command or (
        f"No Python program was found below {sys.exec_prefix}; install the packages with the "
        "tool that this Python came from."
    )
    return Report(
        title="Check installation",
        verdict=_verdict(found, methods),
        numbers=(
            Number("Optional packages missing", found.missing),
            Number("Tools fully usable", found.ready),
            Number("Tools in all", len({method.tool for method in methods})),
            Number("Self-test passed", None if found.passed is None else bool(found.passed)),
        ),
        tables=(
            Table("Install line for this Python", ("Run this in a terminal",), ((install,),)),
            _package_table(packages),
            _method_table(methods),
            *((_check_table(checks),) if checks else ()),
            Table("Formats and compressions of GDAL", ("Name", "Found"), tuple(_gdal())),
            Table("This computer", ("What", "Found"), tuple(_computer())),
        ),
        skipped=(("Self-test", "left out because QUICK is set"),) if request.quick else (),
        reading=(
            "Every tool runs without optional packages; only the methods that are marked need "
            "one, and they say so when they are chosen.",
            "The install line is made for the Python that wrote this report. Start QGIS again "
            "after running it.",
            "The self-test makes images whose gains, cover and values are known, brings them to "
            "one level, merges them, and compares; its numbers must equal the truth within the "
            "tolerance.",
        ),
        repeat=repetition("checkinstallation", request),
    )


def _verdict(found: Result, methods: tuple[Method, ...]) -> Verdict:
    limits = (
        "good: nothing is missing and the self-test passed; usable: only optional packages are "
        "missing; failed: the self-test failed."
    )
    if found.passed == 0:
        text = "The self-test failed: results of this installation cannot be trusted. Its table "
        return Verdict("failed", f"{text}below shows where.", limits)
    tested = "" if found.passed is None else " and the self-test passed"
    if found.missing:
        waiting = sum(1 for method in methods if method.lacks)
        text = f"{found.missing} optional packages are missing{tested}; {waiting} methods wait "
        return Verdict("usable", f"{text}for them. The line below installs them.", limits)
    return Verdict("good", f"Every optional package is there{tested}.", limits)


def _package_table(packages: dict[str, str]) -> Table:
    known = {**versions(), "GDAL": _tried(gdal_version, "not found"), "Qt": _qt_version()}
    rows = [
        (name, "" if name in ("QGIS", "Qt") else "required", known[name] or "not in this process")
        for name in ("Orthoweave", "QGIS", "Qt", "GDAL", "Python", "numpy")
    ]
    rows += [(OPTIONAL[name].title, "optional", text) for name, text in packages.items()]
    return Table("Packages", ("Package", "Needed", "Version"), tuple(rows))


def _method_table(methods: tuple[Method, ...]) -> Table:
    rows = tuple(
        (one.tool, one.name, f"needs {' and '.join(one.lacks)}" if one.lacks else "usable")
        for one in methods
    )
    return Table("Tools and methods", ("Tool", "Method", "Here"), rows)


def _check_table(checks: tuple[Check, ...]) -> Table:
    rows = tuple(
        (one.name, one.measured, one.truth, one.tolerance, "passed" if one.passed else "failed")
        for one in checks
    )
    return Table("Self-test", ("Number", "Measured", "Truth", "Tolerance", ""), rows)


def _gdal() -> Iterator[tuple[str, str]]:
    yield from _tried(formats, {"formats": "cannot be asked"}).items()
    nothing: dict[str, bool] = {}
    for name, known in _tried(compressions, nothing).items():
        yield f"GeoTIFF with {name}", "writes" if known else ABSENT


def _computer() -> Iterator[tuple[str, str]]:
    yield "System", platform.platform()
    yield "Processors", str(processors(0))
    yield "Memory", _tried(_memory, "not known")
    yield "Free disk", _tried(_disk, "not known")
    yield "Python's folder", sys.exec_prefix


def _memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{total / 2**30:.1f} GiB"


def _disk() -> str:
    folder = tempfile.gettempdir()
    return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB in {folder}"


def _qt_version() -> str | None:
    core = sys.modules.get("qgis.PyQt.QtCore")
    return None if core is None else str(getattr(core, "QT_VERSION_STR", "unknown"))


def _tried(probe: Callable[[], Found], otherwise: Found) -> Found:
    try:
        return probe()
    except TROUBLE:
        return otherwise


def _say(report: Report, missing: tuple[str, ...], line: str | None, progress: Progress) -> None:
    """Put the verdict, and what to do, in the log."""
    progress.verdict(f"{report.verdict.grade}: {report.verdict.sentence}")
    if missing:
        progress.info(f"Missing: {', '.join(OPTIONAL[name].title for name in missing)}.")
        progress.info(f"To install: {line or 'no install line could be made for this Python'}")
    progress.advance(1.0)
