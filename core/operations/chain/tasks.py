# SPDX-License-Identifier: GPL-2.0-or-later
"""A land cover run as tasks, of the groups of steps that are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from ...errors import InvalidOption
from ...requests.shared.chaining import GROUPS
from ...workflow.tasks import Task
from . import early, late, objecttasks
from .plan import Plan
from .sensing import refuse_unseen


def tasks_of(plan: Plan) -> list[Task]:
    """Return the tasks of the groups that are asked for.

    Raises InvalidOption when what earlier groups make is not there.
    """
    makers: dict[str, Callable[[Plan], Iterator[Task]]] = {
        "init": early.init,
        "sampling": early.sampling,
        "learning": late.learning,
        "classification": late.classification,
        "mosaic": late.mosaic,
        "validation": late.validation,
        "regularization": late.regularization,
        "vectorization": late.vectorization,
        "statistics": late.statistics,
    }
    request = plan.request
    if request.builder == "objects":
        makers.update(sampling=objecttasks.sampling, mosaic=late.mosaic_of_objects)
    refuse_unseen(plan)
    first, last = GROUPS.index(request.first_step), GROUPS.index(request.last_step)
    if request.builder == "features":
        return [*early.init(plan), *early.features_map(plan)]
    found: list[Task] = []
    for group, maker in makers.items():
        if GROUPS.index(group) <= last:
            found += maker(plan)
    skipped = [task for task in found if GROUPS.index(task.group) < first]
    missing = [path for task in skipped for path in task.outputs if not os.path.exists(path)]
    if missing:
        raise InvalidOption(
            f"First group of steps: {request.first_step} needs {len(missing)} files of earlier "
            f"steps, such as {missing[0]}. Begin with init."
        )
    return [task for task in found if GROUPS.index(task.group) >= first]
