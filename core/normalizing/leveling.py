# SPDX-License-Identifier: GPL-2.0-or-later
"""Images whose levels were brought to others: what is known of each, for model and report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..alike import file_name
from ..image import Array, Image
from ..progress import Progress
from ..radiometry import comparable
from ..radiometry.adjustments import Adjustments, BandStatistics, ImageAdjustment
from ..radiometry.matched import Levels, applied, difference, flat_bands, levels_of
from ..radiometry.moments import whole_statistics
from ..radiometry.remarks import listed
from ..report.html import Figure
from ..report.levels import Distribution, LevelRow, distribution_figure
from ..requests.shared.correcting import Modeling
from ..write import Written
from .correcting import common_numbers, corrected, model_numbers
from .distributions import Look


@dataclass(frozen=True)
class Leveled:
    """An image's correction, its valid pixels, its levels and those aimed at (None: not known)."""

    adjustment: ImageAdjustment
    valid: int
    own: Levels | None
    aim: Levels | None

    @property
    def compared(self) -> bool:
        """True when there was something to compare."""
        return self.own is not None and self.aim is not None

    def difference(self, *, after: bool) -> float | None:
        """Return how far the levels lie apart, % of the mean."""
        if self.own is None or self.aim is None:
            return None
        return difference(self.adjustment if after else None, self.own, self.aim)

    @property
    def row(self) -> LevelRow:
        """The image as a row of the table."""
        mine = self.adjustment
        means = np.array([band.mean for band in mine.whole]) if mine.whole else np.zeros(0)
        return LevelRow(
            mine.name,
            mine.gains,
            mine.offsets,
            means,
            applied(replace(mine, lookups=()), means) if len(means) else means,
            self.difference(after=False),
            self.difference(after=True),
        )


def levels(look: Look, shares: Array) -> list[Levels | None]:
    """Return the levels of each side of what was seen; None where no pixel was used."""
    if not look.sides:
        return [None] * len(look.centers)
    return [levels_of(side, center, shares) for side, center in zip(look.sides, look.centers)]


def with_statistics(adjustment: ImageAdjustment, look: Look) -> ImageAdjustment:
    """Return a correction with the statistics of the whole image."""
    if not look.own.used:
        return adjustment
    whole, _ = whole_statistics([adjustment.name], [look.own], look.centers[0])
    pairs = zip(whole.mean[0], whole.std[0])
    bands = tuple(BandStatistics(float(m), float(s), look.own.used) for m, s in pairs)
    return replace(adjustment, whole=bands)


def warn_of_flat(image: Image, own: Levels, aim: Levels, progress: Progress) -> None:
    """Say in which bands no gain can be told."""
    flat = np.flatnonzero(flat_bands(own, aim, wide=own.std, wanted=aim.std)) + 1
    if flat.size:
        progress.warn(
            f"{file_name(image)} or its aim has no contrast in band "
            f"{listed([str(band) for band in flat])}, where only the offset is changed."
        )


def difference_of(leveled: Sequence[Leveled], *, after: bool) -> float | None:
    """Return the mean difference of levels of all images, % of the mean."""
    found = [one.difference(after=after) for one in leveled]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def distributions(leveled: Sequence[Leveled], bands: Sequence[str]) -> Figure:
    """Return the figure of levels before and after."""
    return distribution_figure(
        [
            Distribution(
                one.adjustment.name,
                one.own.knots,
                applied(one.adjustment, one.own.knots),
                one.aim.knots,
            )
            for one in leveled
            if one.own is not None and one.aim is not None
        ],
        bands,
    )


def curves(leveled: Sequence[Leveled]) -> dict[str, tuple[Array, Array]]:
    """Return values and what they become, of each image that was compared."""
    return {
        one.adjustment.name: (one.own.knots, applied(one.adjustment, one.own.knots))
        for one in leveled
        if one.own is not None and one.compared
    }


def skipped_images(leveled: Sequence[Leveled]) -> tuple[tuple[str, str], ...]:
    """Return the images that stay unchanged, with the reason."""
    return tuple(
        (one.adjustment.name, "no valid pixels" if not one.valid else "nothing to compare with")
        for one in leveled
        if not one.compared
    )


def numbers(leveled: Sequence[Leveled]) -> list[dict[str, Any]]:
    """Return what is known of each image, for JSON."""
    found = []
    for one in leveled:
        row = asdict(one.row)
        found.append({**row, **{n: row[n].tolist() for n in ("mean", "corrected")}})
    return found


def leveled_views(
    images: Sequence[Image], leveled: Sequence[Leveled], output_type: str
) -> list[Image]:
    """Return the corrected images as views.

    Raises what `refuse_holes` raises for an output type that cannot hold an image's holes.
    """
    comparable.refuse_holes(images, [one.valid for one in leveled], output_type)
    return [corrected(image, one.adjustment, output_type) for image, one in zip(images, leveled)]


def outcome_numbers(
    method: str,
    request: Modeling,
    written: Sequence[Written],
    leveled: Sequence[Leveled],
    skipped: int,
) -> dict[str, Any]:
    """Save the model where asked for; return the fields of a result, `skipped` not readable."""
    model = Adjustments(tuple(one.adjustment for one in leveled), method)
    idle = sum(not one.compared for one in leveled)
    return {
        **common_numbers(request, written, len(leveled) + skipped, skipped + idle),
        **model_numbers(request, model, [one.name for one in model.images]),
        "difference_before": difference_of(leveled, after=False),
        "difference_after": difference_of(leveled, after=True),
    }
