# SPDX-License-Identifier: GPL-2.0-or-later
"""Before a pair is matched: its level in memory, the options there, and whether it shows enough."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..alike import file_name
from ..errors import NoSolution
from ..image import Image
from ..masks.restricted import Restricted
from ..matching.alignment import Aligning
from ..requests.shared.matching import PairMatching
from ..transform.models import Linear
from .lattice import Held, Lattice

WHOLE = 4_000_000
"""Pixels of an overlap that is matched as a whole; larger ones are read in windows."""

OVERVIEW = 1_000_000
"""Pixels of the level on which the start of larger ones is searched."""

TINY = 128
"""Shortest side on which the valid share is counted, px."""


def whole_factor(lattice: Lattice) -> int:
    """Return how many times the pixels of the finest level in memory are those of the lattice."""
    pixels, factor = lattice.grid.window.pixels, 1
    while pixels > WHOLE and pixels / factor**2 > OVERVIEW:
        factor *= 2
    return factor


def coarser_model(model: Linear, factor: int) -> Linear:
    """Return a model of the lattice on one whose pixels are `factor` times as large."""
    half = (factor - 1) / 2
    shift = (model.shift[0] / factor, model.shift[1] / factor)
    center = ((model.center[0] - half) / factor, (model.center[1] - half) / factor)
    return replace(model, shift=shift, center=center)


def aligning(lattice: Lattice, how: PairMatching, factor: int = 1) -> Aligning:
    """Return the options of an alignment on a level of the lattice."""
    return Aligning(
        metric=how.metric,
        edges=how.edge_proxy,
        max_shift=lattice.max_shift / factor,
        max_rotation=how.max_rotation,
        window_size=how.window_size_match,
        spacing=how.grid_spacing,
        max_points=how.max_points,
        min_reliability=how.min_reliability,
        filter_level=int(how.filter_level),
        tolerance=how.ransac_tolerance / (math.sqrt(math.prod(lattice.factor)) * factor),
    )


def refuse_empty(lattice: Lattice, held: Held, factor: int, how: PairMatching) -> None:
    """Raise NoSolution when too little of the overlap is valid, or an image shows nothing."""
    side = max(1, min(held.reference.shape) // TINY)
    valid = held.valid[::side, ::side] & held.shown(side)
    share = float(np.count_nonzero(valid)) * (factor * side) ** 2 / max(1, lattice.overlap.pixels)
    if share < how.min_valid_fraction:
        raise NoSolution(
            f"Only {100 * min(share, 1):.3g} % of the overlap is valid in both images; "
            f"MIN_VALID_FRACTION asks for {100 * how.min_valid_fraction:.3g} %. Check nodata and "
            "masks, or lower it."
        )
    for image, values, kept in (
        (lattice.reference, held.reference, held.valid),
        (lattice.moving, held.moving, held.seen),
    ):
        known = values[kept]
        if not known.size or known.min() == known.max():
            band = getattr(image_below(image), "band", 1)
            raise NoSolution(
                f"{file_name(image)} band {band} shows no structure in the overlap. Choose another "
                "band or turn EDGE_PROXY off."
            )


def image_below(image: Image) -> Image:
    """Return the view of one band that masks lie on."""
    while isinstance(image, Restricted):
        image = image.source
    return image
