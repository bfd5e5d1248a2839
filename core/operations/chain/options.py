# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of the land cover workflow checked, and filled up from an iota2 configuration."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from ...errors import InvalidOption
from ...options import options_of, verify
from ...requests.shared.chaining import STEPS, Chaining
from ...workflow.iota2 import Configured, read_configured

NEEDED = ("images", "polygons", "field", "output_folder")


def refuse_incomplete(request: Chaining) -> None:
    """Raise InvalidOption when something that must be known is not; features need no reference."""
    builds = request.builder == "features"
    for name in ("images", "output_folder") if builds else NEEDED:
        if not getattr(request, name):
            label = options_of(request)[name].label
            raise InvalidOption(f"{label} ({name.upper()}) is missing, or a CONFIG that says it.")


def resolved(request: Chaining) -> tuple[Any, Configured]:
    """Return the request with the fields of its configuration where nothing was given.

    Raises InvalidOption when something is still missing or does not fit.
    """
    if not request.config:
        refuse_incomplete(request)
        return request, Configured()
    found = read_configured(request.config)
    known = options_of(request)
    free = {
        name: value
        for name, value in found.fields.items()
        if name in known and getattr(request, name) == known[name].default
    }
    merged = replace(request, **free)
    refuse_incomplete(merged)
    return merged, found


def refuse_absent(request: Chaining) -> None:
    """Raise InvalidOption for what cannot be done."""
    if request.merge_runs and request.runs < 2:
        raise InvalidOption("Fuse the runs: there is only one; give RUNS 2 or more.")
    if request.auto_context and request.builder != "classification":
        raise InvalidOption(
            f"Auto-context ({request.auto_context}) makes maps of pixels again and again; it needs "
            f"BUILDER classification, not {request.builder}."
        )
    if request.segments and request.builder != "objects":
        raise InvalidOption(
            f"Objects: {request.builder} looks at pixels; give BUILDER objects with SEGMENTS."
        )
    if request.sensor_fusion and request.auto_context:
        raise InvalidOption(
            "Fuse radar and optical: auto-context learns from one map of all features; give one of "
            "SENSOR_FUSION and AUTO_CONTEXT."
        )
    if request.sensor_fusion and request.builder == "objects":
        raise InvalidOption(
            "Fuse radar and optical: it fuses maps of pixels; it needs BUILDER classification, not "
            "objects, whose models see the features of all sensors together."
        )


def settings_of(kind: type, request: Any, given: dict[str, Any], **fixed: Any) -> Any:
    """Return the options of a step: those of the request that it has too, and those configured.

    What was given to the request itself beats the configuration; `fixed` beats both.
    """
    names, known = {one.name for one in fields(kind)}, options_of(request)
    strange = sorted(set(given) - names)
    if strange:
        raise InvalidOption(f"The configuration's {strange[0]} does not belong to this step.")
    shared = {n: getattr(request, n) for n in names & set(known)}
    typed = {n: v for n, v in shared.items() if v != known[n].default}
    # tasks that are on a worker do not ask for workers
    here = dict.fromkeys(names & {"scheduler"})
    found = kind(**{**shared, **given, **typed, **here, **fixed})
    verify(found)
    return found


def group_of(step: str) -> str:
    """Return the group that a step belongs to: its number from 1 in the list of steps, or a name.

    Raises InvalidOption when there is no such step.
    """
    groups = {name: group for group, names in STEPS.items() for name in (group, *names)}
    listed = [group for group, names in STEPS.items() for _ in names]
    if step.isdigit() and 1 <= int(step) <= len(listed):
        return listed[int(step) - 1]
    if step not in groups:
        raise InvalidOption(f"There is no step {step!r}; steps are 1 to {len(listed)}.")
    return groups[step]
