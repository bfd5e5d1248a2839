# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything that a shift analysis found, as statistics.json."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..displacements.analysis import Analysis
from ..displacements.recalled import remembered
from ..grid import Grid
from ..matching.accuracy import in_json
from ..matching.keypoints import STATUSES
from ..options import values_of
from ..raster import crs_title
from .job import Job

VERSION = 1
"""Of the layout of the file."""


def statistics(job: Job, found: Analysis, warnings: Sequence[str]) -> dict[str, Any]:
    """Return every number of an analysis, ready for JSON; unknown ones are null."""
    pair, finding, verdict = job.inputs.pair, found.finding, found.verdict
    status = found.points.status
    return {
        "version": VERSION,
        "inputs": {
            "moving": os.path.abspath(job.inputs.moving.path),
            "reference": os.path.abspath(job.inputs.reference.path),
            "mask": job.how.mask,
            "vector_mask": job.how.vector_mask,
            "dem": job.how.dem,
        },
        "grids": {
            "moving": _grid(job.inputs.moving.grid),
            "reference": _grid(job.inputs.reference.grid),
            "working": {**_grid(pair.grid), "factor": pair.factor, "origin": list(pair.origin)},
        },
        "options": {
            **values_of(job.how),
            **vars(job.matching),
        },
        "measurement": in_json(remembered(found.measured)),
        "counts": {
            name: int(np.count_nonzero(status == code)) for code, name in enumerate(STATUSES)
        },
        "accuracy": in_json(finding.accuracy),
        "zones": in_json(finding.zones),
        "altitude": in_json(finding.altitude),
        "verdict": {
            "class": verdict.kind,
            "passed": verdict.passed,
            "sentence": verdict.sentence,
            "doubts": list(verdict.doubts),
        },
        "warnings": list(warnings),
    }


def _grid(grid: Grid) -> dict[str, Any]:
    return {
        "width": grid.width,
        "height": grid.height,
        "transform": list(grid.transform),
        "crs": crs_title(grid.crs) if grid.crs else None,
    }
