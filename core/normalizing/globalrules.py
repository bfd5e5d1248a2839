# SPDX-License-Identifier: GPL-2.0-or-later
"""How gains and offsets are estimated from overlaps: options as rules, and who sets the level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InvalidOption
from ..image import Array, Image
from ..radiometry import comparable
from ..radiometry.regression import Rules
from ..requests.shared.regression import Estimating


def rules_of(how: Estimating) -> Rules:
    """Return how overlaps are weighed."""
    return Rules(
        mean_factor=how.mean_factor,
        std_factor=how.std_factor,
        pair_power=0.0 if how.pair_weight == "equal" else 0.5,
        robust=how.robust,
        min_overlap=how.min_overlap,
        soft_datum=how.datum == "images",
        align=how.groups == "align",
    )


def models_among(images: Sequence[Image], how: Estimating, others: Sequence[str] = ()) -> Array:
    """Return which of the images, and of others known by name only, set the common level.

    Raises InvalidOption when a name is not known, or when no image is left.
    """
    count = len(images) + len(others)
    if not how.model_images:
        return np.ones(count, bool)
    include = how.model_mode == "include"
    model = np.full(count, not include)
    named = comparable.named_images(images, how.model_images, "MODEL_IMAGES", others)
    model[list(named)] = include
    if not model.any():
        raise InvalidOption("MODEL_IMAGES excludes every image, so that none sets the level.")
    return model
