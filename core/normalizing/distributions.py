# SPDX-License-Identifier: GPL-2.0-or-later
"""How the values of images are distributed: one read of each image, whatever its CRS."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..image import Array, Image
from ..placement import onto
from ..progress import SILENT, Progress
from ..radiometry.histograms import Distributions, Partner, Side
from ..radiometry.remarks import pixel_remarks
from ..radiometry.statistics import ImageSums, fixed_center
from ..requests import UsedPixels
from ..survey import survey
from .selecting import canvas_selection, own_selection, refuse_empty_masks


@dataclass(frozen=True)
class Look:
    """What one read of an image gave: sums of the whole image, then each side with its center."""

    own: ImageSums
    sides: tuple[Side, ...]
    centers: tuple[Array, ...]

    def forgotten(self) -> Look:
        """Return this without the histograms, which are large."""
        return replace(self, sides=())


def look_at(
    image: Image, how: UsedPixels, threads: int, progress: Progress = SILENT, *, masked: bool = True
) -> Look:
    """Read an image once; without `masked` it is a reference, whose mask may be missing.

    Raises InvalidOption when polygons or masks leave nothing.
    """
    selection = own_selection([image], how, progress, masked=masked)
    center = fixed_center([image])
    counting = Distributions(image, (center,), selection)
    survey([image], own=(counting,), canvas=image.grid, threads=threads, progress=progress)
    look = Look(counting.own.images[0], counting.sides, (center,))
    # only the caller knows what a reference without pixels means
    return _checked(image, look, how, progress) if masked or look.own.used else look


def look_at_overlap(
    image: Image, reference: Image, how: UsedPixels, threads: int, progress: Progress = SILENT
) -> Look:
    """Read an image, and the reference where both lie; the sides are both over common pixels."""
    average = reference.grid.pixel_size[0] < image.grid.pixel_size[0] * 2 / 3
    seen = onto(reference, image.grid, "average" if average else "bilinear", strict=True)
    theirs = canvas_selection([reference], image.grid, how, progress, masked=False)
    partner = Partner(seen, image.grid.placed(seen.grid), theirs)
    centers = (fixed_center([image]), fixed_center([reference]))
    counting = Distributions(image, centers, own_selection([image], how, progress), partner)
    survey([image], own=(counting,), canvas=image.grid, threads=threads, progress=progress)
    return _checked(image, Look(counting.own.images[0], counting.sides, centers), how, progress)


def _checked(image: Image, look: Look, how: UsedPixels, progress: Progress) -> Look:
    refuse_empty_masks([image], [look.own], how)
    for sentence in pixel_remarks([image], [look.own]):
        progress.warn(sentence)
    return look
