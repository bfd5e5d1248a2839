# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user should know about a solution, as sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from math import isnan

import numpy as np

from ..alike import file_name
from ..image import Image
from .agreement import Agreement
from .moments import Whole
from .regression import Solution
from .statistics import ImageSums

NAMED = 5
"""Names listed in a sentence; the others are counted."""

BLACK_BORDER = 0.02
"""Share of an image's rim that may be 0 by chance."""


def remarks(whole: Whole, solution: Solution, found: Agreement) -> Iterator[str]:
    """Yield a sentence for each thing that is not as it should be."""
    sentence = overlap_remark(list(whole.size), paired=bool(solution.used.any()))
    if sentence:
        yield sentence
    if sentence or not (whole.size > 0).any():
        return
    yield from _alone(whole, solution)
    yield from _groups(whole, solution)
    yield from _fixed(whole, solution)
    changed = [f"{pair.first} and {pair.second}" for pair in found.pairs if pair.mostly_changed]
    if changed:
        yield (
            f"Most of the common ground changed and was down-weighted in {listed(changed)}. "
            "Check these images for clouds or wrong positions."
        )


def overlap_remark(valid: Sequence[int], *, paired: bool) -> str | None:
    """Return a sentence when nothing can be compared; `valid` are the pixels of each image."""
    if sum(count > 0 for count in valid) == 1:
        return "Only one image has valid pixels; there is nothing to compare it with."
    if any(valid) and not paired:
        return f"None of the {len(valid)} images share valid pixels; nothing to solve."
    return None


def pixel_remarks(
    images: Sequence[Image], sums: Sequence[ImageSums], masked: Collection[str] = ()
) -> Iterator[str]:
    """Yield a sentence for images without usable pixels or with a border that looks undeclared.

    `masked` names those with a mask, under which nothing was counted.
    """
    for image, found in zip(images, sums):
        title = file_name(image)
        if found.valid == 0 and image.name in masked:
            yield (
                f"{title} has no valid pixels outside its mask, so nothing of it was compared; it "
                "was copied unchanged. Check the mask's values, or leave it out of MASKS."
            )
        elif found.valid == 0:
            yield f"{title} has no valid pixels; it was copied unchanged."
        elif found.used == 0:
            yield f"{title} has only saturated pixels; it was copied unchanged."
        if found.border and found.black_border >= BLACK_BORDER * found.border:
            yield (
                f"{title} declares no nodata but its border is 0. Set NODATA=0 if that is a collar."
            )


def known_remarks(pairs: int) -> Iterator[str]:
    """Yield a sentence when pairs were not looked at because they are known from a model."""
    if pairs:
        count = "1 overlap is" if pairs == 1 else f"{pairs} overlaps are"
        yield (
            f"{count} known from the given model by one mean for each image, not block by block; "
            "their differences in the report are smaller for that reason."
        )


def listed(names: Sequence[str]) -> str:
    """Return some of the names, the rest as a number."""
    more = len(names) - NAMED
    text = ", ".join(names[:NAMED])
    return f"{text} and {more} more" if more > 0 else text


def _alone(whole: Whole, solution: Solution) -> Iterator[str]:
    members = np.bincount(solution.groups)
    lone = (members[solution.groups] == 1) & (whole.size > 0)
    names = [whole.names[index] for index in np.flatnonzero(lone)]
    if names:
        yield f"Too few pixels in common with any other image, kept unchanged: {listed(names)}."


def _groups(whole: Whole, solution: Solution) -> Iterator[str]:
    members = np.bincount(solution.groups[whole.size > 0], minlength=1)
    count = int((members > 1).sum())
    if count > 1:
        fate = "all were brought to one level" if solution.aligned else "each keeps its own level"
        yield f"The images form {count} groups without common ground; {fate}."
    for group in solution.unanchored:
        names = [whole.names[index] for index in np.flatnonzero(solution.groups == group)]
        yield (
            f"No model image shares ground with {listed(names)}; these images keep their own "
            f"common {'contrast' if solution.aligned else 'level'}."
        )


def _fixed(whole: Whole, solution: Solution) -> Iterator[str]:
    texts: dict[int, list[str]] = defaultdict(list)
    for fixed in solution.fixed:
        why = "no texture" if isnan(fixed.found) else f"gain {fixed.found:.3g} out of 0.1 to 10"
        texts[fixed.image].append(f"band {fixed.band + 1}: {why}")
    for image, reasons in texts.items():
        bands = "1 band" if len(reasons) == 1 else f"{len(reasons)} bands"
        yield (
            f"{whole.names[image]} keeps gain 1 in {bands}, where only its offset is solved "
            f"({listed(reasons)})."
        )


def range_remarks(images: Sequence[Image], whole: Whole, solution: Solution) -> Iterator[str]:
    """Yield a sentence when corrected values leave the type of the images and will be cut."""
    dtype = np.result_type(*[image.dtype for image in images])
    if dtype.kind == "f":
        return
    limits = np.iinfo(dtype)
    with np.errstate(invalid="ignore"):
        ends = [solution.gains * side + solution.offsets for side in (whole.low, whole.high)]
    low, high = (
        np.where(np.isfinite(end), end, 0.0) for end in (np.minimum(*ends), np.maximum(*ends))
    )
    outside = int(np.count_nonzero(((low < limits.min - 0.5) | (high > limits.max + 0.5)).any(1)))
    if outside:
        yield (
            f"Corrected values reach from {low.min():.0f} to {high.max():.0f}; in {outside} of "
            f"{len(images)} images some lie outside {dtype.name} and are cut to its range. "
            "Choose a larger OUTPUT_TYPE to keep them."
        )
