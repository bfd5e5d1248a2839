# SPDX-License-Identifier: GPL-2.0-or-later
"""The measurement of a pair: made now, or taken from the results of an earlier run."""

from __future__ import annotations

from ..displacements.analysis import scored
from ..displacements.measure import Measured, measure
from ..displacements.recalled import foreign, recalled
from ..progress import Progress
from .job import Job
from .resume import earlier_points


def measured_or_resumed(job: Job, progress: Progress) -> Measured:
    """Measure the key points of a pair; with RESUME, take over those of its result folder."""
    how = job.how
    if how.resume:
        found = earlier_points(job.folder, *job.names, job.identity, progress)
        if found is not None:
            points, pair = scored(found.points, how.confidence), job.inputs.pair
            if found.measured is None:
                return foreign(pair, points, how.threads, progress)
            return recalled(pair, points, found.measured, job.matching)
    return measure(
        job.inputs.pair,
        job.matching,
        threads=how.threads,
        memory=how.memory,
        window_size=how.window_size,
        progress=progress,
    )
