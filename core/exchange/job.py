# SPDX-License-Identifier: GPL-2.0-or-later
"""A shift analysis that is under way: what was asked, with what, and where its results go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from time import monotonic
from typing import Any

from ..displacements.inputs import Inputs
from ..displacements.measure import Matching
from ..requests.shared.comparing import Analyzing
from .configuration import Configuration
from .resume import fingerprint

COMPARED = ("moving_band", "reference_band", "mask_mode", "no_value", "zero_is_nodata")
"""Options that change key points, beside those of the matching."""

JUDGED = ("confidence", "large_shift")
"""What the matching knows and its points do not depend on."""


@dataclass(frozen=True)
class Job:
    """A pair and how it is analyzed.

    `how` is the request `asked` with the values of the configuration file. Results go to `folder`,
    the layer and the report to these paths too.
    """

    asked: Analyzing
    how: Analyzing
    configuration: Configuration
    inputs: Inputs
    folder: str
    key_points: str | None = None
    report: str | None = None
    started: float = 0.0

    @property
    def names(self) -> tuple[str, str]:
        """Names of moving image and reference, without folder and extension."""
        return (self.inputs.moving.name, self.inputs.reference.name)

    @property
    def files(self) -> tuple[str, str]:
        """File names of moving image and reference."""
        first, second = (
            os.path.basename(i.path) for i in (self.inputs.moving, self.inputs.reference)
        )
        return (first, second)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return monotonic() - self.started

    @property
    def matching(self) -> Matching:
        """How key points are found and measured."""
        how, file = self.how, self.configuration.processing
        support = self.configuration.support
        given = support is not None and how.support == "automatic"
        return Matching(
            max_points=how.max_points,
            min_distance=how.min_distance,
            quality=how.quality,
            support=f"{support:g}" if given else how.support,
            feature=how.feature,
            polarity=how.polarity,
            search=how.search,
            max_displacement=how.max_displacement,
            outliers=how.outliers,
            confidence=how.confidence,
            method=how.method,
            corner_box=file.matching.corner_box,
            capture_window=file.matching.window,
            first_column=file.matching.first_column,
            large_shift=file.shifting.large_shift,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What a later run compares before it takes over the key points."""
        how = self.how
        options = {name: getattr(how, name) for name in COMPARED}
        options.update((k, v) for k, v in vars(self.matching).items() if k not in JUDGED)
        files = fingerprint(
            moving_image=self.inputs.moving.path,
            reference=self.inputs.reference.path,
            mask=how.mask,
            vector_mask=how.vector_mask,
        )
        return {"inputs": files, "matching": options}
