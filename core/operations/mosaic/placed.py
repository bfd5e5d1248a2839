# SPDX-License-Identifier: GPL-2.0-or-later
"""The images of a mosaic where co-registration puts them, by corrections found now or before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import monotonic

from ...exchange.transform import read_transform
from ...image import Image
from ...mosaicking.journal import NEW, Journal, facts_of, telling
from ...progress import SILENT, Progress
from ...raster import RasterImage
from ...registration.joint import Ground, Joint
from .. import coregisterset
from .plan import Plan

COREGISTRATION = "coregisterset"
TIE_POINTS = "tie_points.json"


def in_place(
    images: Sequence[RasterImage], plan: Plan, journal: Journal, progress: Progress = SILENT
) -> list[Image]:
    """Return every image at its place, as a view.

    Raises NoSolution when the images cannot be put in place; tie points and corrections are
    written before that.
    """
    how = plan.coregistration
    if how is None:
        return list(images)
    given = telling(how)
    given.pop("images")
    made_of = [facts_of(image.path for image in images), [image.nodata for image in images]]
    files = [f"transforms/{image.name}.json" for image in images]
    if journal.judge(COREGISTRATION, given, made_of, (), progress) != NEW:
        return _again(images, [os.path.join(journal.folder, name) for name in files], how)
    started = monotonic()
    views, done = coregisterset.registered(images, how, progress)
    before, after = done.found.rmse
    numbers = {"rmse_before": before, "rmse_after": after, "groups": max(done.found.groups)}
    journal.finish(COREGISTRATION, [*files, TIE_POINTS], monotonic() - started, numbers)
    return views


def _again(
    images: Sequence[RasterImage], files: Sequence[str], how: coregisterset.Request
) -> list[Image]:
    """Return the images by corrections in files."""
    saved = [read_transform(path) for path in files]
    grids = [image.grid for image in images]
    known = Joint(
        Ground.of(grids, grids[0].crs),
        tuple(one.correction for one in saved),
        tuple(int(one.quality.get("group", 0)) for one in saved),
        (),
        (0.0, 0.0),
        (),
        {},
    )
    return coregisterset.apply(images, known, how)
