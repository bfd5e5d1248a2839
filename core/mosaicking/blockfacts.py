# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known about block maps besides the maps, kept for later runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ..errors import InvalidOption
from ..exchange.blockmaps import load_maps, save_maps
from ..image import Image
from ..normalizing.blocking import BlockEstimate, Blocking
from ..normalizing.loadedblocks import estimate_loaded
from ..radiometry.blockagreement import Differences
from ..radiometry.shading import Shading, Trial

LISTS = ("names", "pixels", "changed")


def facts_of_blocks(found: BlockEstimate) -> dict[str, Any]:
    """Return what the files of block maps do not tell."""
    return {
        **{name: list(getattr(found, name)) for name in LISTS},
        "pairs": [list(pair) for pair in found.pairs],
        "differences": [asdict(one) for one in found.differences],
        "trials": [[group, asdict(trial)] for group, trial in found.shading.trials],
        "limited": found.limited,
        "blocks_used": found.blocks_used,
    }


def saved_blocks(
    found: BlockEstimate, files: tuple[str, str], images: Sequence[Image], how: Blocking
) -> BlockEstimate:
    """Write block maps, `files` being that of the reference and the pattern of the local ones.

    The maps that are returned are those in the files, as later runs will find them.
    """
    save_maps(found.maps, *files, images, how.correction_method)
    return replace(found, maps=read_blocks(files, images, how, None).maps)


def read_blocks(
    files: tuple[str, str],
    images: Sequence[Image],
    how: Blocking,
    known: Mapping[str, Any] | None,
) -> BlockEstimate:
    """Read the block maps of an earlier run; `known` are its facts, None if they do not hold."""
    loaded = load_maps(files[0], (files[1],), images)
    if loaded is None:
        raise InvalidOption(f"{files[0]} is gone; start again with RESUME = false.")
    found, _ = estimate_loaded(images, loaded, how)
    found = replace(found, band_names=images[0].band_names)
    if not known:
        return found
    differences = [Differences(one["pooled"], tuple(one["pairs"])) for one in known["differences"]]
    trials = tuple((group, Trial(**trial)) for group, trial in known["trials"])
    return replace(
        found,
        shading=Shading(found.shading.fields, trials),
        differences=(differences[0], differences[1], differences[2]),
        pairs=tuple((first, second) for first, second in known["pairs"]),
        limited=known["limited"],
        blocks_used=known["blocks_used"],
        names=tuple(known["names"]),
        pixels=tuple(known["pixels"]),
        changed=tuple(known["changed"]),
    )
