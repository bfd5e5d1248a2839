# SPDX-License-Identifier: GPL-2.0-or-later
"""The images of a mosaic where co-registration puts them, by corrections found now or before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

from ...errors import NoOverlap, NoSolution
from ...exchange.transform import read_transform
from ...image import Image
from ...mosaicking.journal import NEW, Journal, facts_of, telling
from ...progress import SILENT, Progress, Recorder
from ...raster import RasterImage
from ...registration.joint import Ground, Joint
from ...report.network import ImageRow, NetworkFacts, PairRow
from ...transform.correction import Correction
from .. import coregisterset
from .plan import Plan

COREGISTRATION = "coregisterset"
TIE_POINTS = "tie_points.json"
NETWORK = "network"
"""What reports tell of images and pairs, among the numbers of the step."""

APART = "apart"
"""The number that says that no two images overlap."""

ADVICE = (
    'Options of this step stand in SETTINGS, such as {"coregisterset": {"GLOBAL_MODEL": "affine"}} '
    'or {"coregisterset": {"REFUSED": "unchanged"}}, which leaves such images where they are.'
)


@dataclass(frozen=True)
class Placed:
    """Images at their places, as views, and the corrections that put them there, if any."""

    images: list[Image]
    moves: tuple[Correction, ...] = ()


def in_place(
    images: Sequence[RasterImage], plan: Plan, journal: Journal, progress: Progress = SILENT
) -> Placed:
    """Return every image at its place, as a view.

    Raises NoSolution when the images cannot be put in place; tie points and corrections are
    written before that.
    """
    how = plan.coregistration
    if how is None:
        return Placed(list(images))
    given = telling(how)
    given.pop("images")
    made_of = [facts_of(image.path for image in images), [image.nodata for image in images]]
    files = [f"transforms/{image.name}.json" for image in images]
    if journal.judge(COREGISTRATION, given, made_of, (), progress) != NEW:
        if journal.numbers(COREGISTRATION).get(APART):
            return _apart(images, progress)
        for sentence in journal.numbers(COREGISTRATION).get("warnings", ()):
            progress.warn(sentence)
        return _again(images, [os.path.join(journal.folder, name) for name in files], how)
    started, heard = monotonic(), Recorder(progress)
    journal.begin(COREGISTRATION)
    try:
        views, done, facts = coregisterset.registered(images, how, heard)
    except NoSolution as error:
        raise NoSolution(f"{error} {ADVICE}") from error
    except NoOverlap:
        journal.finish(COREGISTRATION, [], monotonic() - started, {APART: True})
        return _apart(images, progress)
    before, after = done.found.rmse
    numbers = {
        "rmse_before": before,
        "rmse_after": after,
        "groups": max(done.found.groups),
        NETWORK: kept_facts(facts),
        "warnings": heard.warnings,
    }
    journal.finish(COREGISTRATION, [*files, TIE_POINTS], monotonic() - started, numbers)
    return Placed(views, coregisterset.applied(done.found, how))


def kept_facts(facts: NetworkFacts) -> dict[str, Any]:
    """Return what a journal keeps of images and pairs that were co-registered."""
    rows = {name: [asdict(one) for one in getattr(facts, name)] for name in ("images", "pairs")}
    return {**rows, "loops": facts.loops, "unit": facts.unit, "reason": facts.reason}


def network_of(journal: Journal) -> NetworkFacts | None:
    """Return what this run or an earlier one found out about images and pairs."""
    numbers = journal.numbers(COREGISTRATION) if COREGISTRATION in journal.states else {}
    kept = numbers.get(NETWORK)
    if not kept:
        return None
    return NetworkFacts(
        accepted=True,
        reason=kept["reason"],
        after=numbers["rmse_after"],
        numbers=(),
        images=tuple(ImageRow(**row) for row in kept["images"]),
        pairs=tuple(PairRow(**row) for row in kept["pairs"]),
        loops=tuple(tuple(row) for row in kept["loops"]),
        unit=kept["unit"],
    )


def _apart(images: Sequence[RasterImage], progress: Progress) -> Placed:
    progress.warn("No two images overlap: all stay where they are.")
    return Placed(list(images))


def _again(
    images: Sequence[RasterImage], files: Sequence[str], how: coregisterset.Request
) -> Placed:
    """Return the images by corrections in files."""
    saved = [read_transform(path) for path in files]
    grids = [image.grid for image in images]
    groups = tuple(int(one.quality.get("group", 0)) for one in saved)
    known = Joint(
        Ground.of(grids, grids[0].crs),
        tuple(one.correction for one in saved),
        groups,
        (),
        (0.0, 0.0),
        (),
        {group: one.reason for group, one in zip(groups, saved) if not one.accepted},
    )
    return Placed(coregisterset.apply(images, known, how), coregisterset.applied(known, how))
