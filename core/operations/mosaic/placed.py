# SPDX-License-Identifier: GPL-2.0-or-later
"""The images of a mosaic where co-registration puts them, by corrections found now or before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from ...errors import NoSolution
from ...exchange.transform import read_transform
from ...image import Image
from ...mosaicking.journal import NEW, Journal, facts_of, telling
from ...progress import SILENT, Progress
from ...raster import RasterImage
from ...registration.joint import Ground, Joint
from ...transform.correction import Correction
from .. import coregisterset
from .plan import Plan

COREGISTRATION = "coregisterset"
TIE_POINTS = "tie_points.json"

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
        return _again(images, [os.path.join(journal.folder, name) for name in files], how)
    started = monotonic()
    journal.begin(COREGISTRATION)
    try:
        views, done = coregisterset.registered(images, how, progress)
    except NoSolution as error:
        raise NoSolution(f"{error} {ADVICE}") from error
    before, after = done.found.rmse
    numbers = {"rmse_before": before, "rmse_after": after, "groups": max(done.found.groups)}
    journal.finish(COREGISTRATION, [*files, TIE_POINTS], monotonic() - started, numbers)
    return Placed(views, coregisterset.applied(done.found, how))


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
