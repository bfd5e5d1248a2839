# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure how an image is displaced from a reference, and judge how accurate it is."""

from __future__ import annotations

import os
from dataclasses import replace
from time import monotonic

from ..displacements.analysis import Limits, analyzed
from ..displacements.inputs import open_inputs
from ..displacements.kept import kept
from ..displacements.numbers import numbers_of
from ..errors import InvalidOption
from ..exchange.configuration import Configuration, read_configuration
from ..exchange.folder import refuse_inputs
from ..exchange.job import Job
from ..exchange.measuring import measured_or_resumed
from ..exchange.results import write_results
from ..matching.verdict import Verdict
from ..options import options_of
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..requests.shiftanalysis import Request as Request
from ..requests.shiftanalysis import Result as Result
from ..stage import make_folder

NEEDS = (
    ("phase correlation", ()),
    ("key points", ("cv2",)),
    ("figures", ("matplotlib",)),
)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Measure a pair, judge it, and write everything into its result folder."""
    return analyze(request, "", progress)[0]


def analyze(request: Request, name: str, progress: Progress = SILENT) -> tuple[Result, Verdict]:
    """Do what `run` does; the result folder has this name, or that of the pair."""
    heard = Recorder(progress)
    job = prepared(request, name, heard)
    with kept(job.inputs.pair) as pair:
        job = replace(job, inputs=replace(job.inputs, pair=pair))
        measured = measured_or_resumed(job, heard.part(0.0, 0.7))
        found = analyzed(job.inputs, measured, job.how, _limits(job), heard.part(0.7, 0.85))
        written = write_results(job, found, heard, heard.part(0.85, 1.0))
    progress.info(found.verdict.text)
    progress.info(f"The results are in {job.folder}.")
    progress.advance(1.0)
    outcome = Result(
        **numbers_of(found),
        output_folder=job.folder,
        key_points=written.key_points,
        report=written.report,
        statistics=written.statistics,
    )
    return outcome, found.verdict


def prepared(request: Request, name: str, progress: Progress = SILENT) -> Job:
    """Read the configuration, open the files, and say what is going to be done with them.

    Raises what `open_inputs` and `read_configuration` raise, ImageIOError when the results cannot
    be written.
    """
    started, configuration = monotonic(), Configuration()
    if request.configuration:
        configuration = read_configuration(request.configuration, progress)
    how = settled(request, configuration)
    inputs = open_inputs(how.moving, how.reference, how, progress)
    for notice in configuration.notices(inputs.grid.width, inputs.grid.height):
        progress.info(notice)
    refuse_inputs((how.key_points, how.report), inputs.paths)
    name = name or f"{inputs.moving.name}_{inputs.reference.name}"
    folder = os.path.join(os.path.abspath(how.output_folder), name)
    # better now than after the measurement
    make_folder(os.path.dirname(folder))
    return Job(request, how, configuration, inputs, folder, how.key_points, how.report, started)


def settled(request: Request, configuration: Configuration) -> Request:
    """Return the request with the values of a configuration where it has its defaults.

    Raises InvalidOption with the name of the file when one of them is out of its limits.
    """
    given = {
        name: value
        for name, value in configuration.values.items()
        if getattr(request, name) == options_of(request)[name].default
    }
    try:
        return replace(request, **given)
    except InvalidOption as error:
        # the request itself was checked before: only a value of the file can be wrong
        raise InvalidOption(f"{os.path.basename(request.configuration or '')}: {error}") from error


def _limits(job: Job) -> Limits:
    configuration = job.configuration
    return Limits(
        configuration.processing.shifting.large_shift,
        configuration.plots.dem.histo_mean_bin_size,
    )
