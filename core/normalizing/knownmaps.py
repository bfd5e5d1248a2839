# SPDX-License-Identifier: GPL-2.0-or-later
"""Saved block maps for images, some of which they were not made from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..alike import file_name
from ..errors import InvalidOption
from ..exchange.blockmaps import Loaded, load_maps
from ..image import Image
from ..placement import refuse_other_crs
from ..progress import SILENT, Progress
from ..radiometry.blockmaps import BlockMaps, LocalMap
from ..raster import RasterImage
from ..requests.shared.blocks import Blocking
from .blocking import block_corrected
from .loadedblocks import estimate_loaded


@dataclass(frozen=True)
class Mapping:
    """Which maps are used, how, and what is done with images that have none."""

    reference: str
    local: tuple[str, ...]
    how: Blocking
    automatic: bool
    unknown: str
    order: tuple[int, ...]
    threads: int


def loaded_maps(
    images: Sequence[RasterImage], mapping: Mapping, progress: Progress = SILENT
) -> Loaded:
    """Read the maps; every image has one of its own or may do without.

    Raises InvalidOption for an image without local map that may not be copied, and what
    load_maps raises.
    """
    refuse_other_crs(images)
    loaded = load_maps(mapping.reference, mapping.local, images, progress)
    if loaded is None:
        raise InvalidOption(f"{mapping.reference} holds no block map.")
    loaded = _in_order(loaded, mapping.order)
    unknown = [image for image in images if image.name not in loaded.names]
    if not unknown or mapping.unknown in ("copy", "reference"):
        return loaded
    if mapping.unknown == "single" and len(loaded.local) == 1:
        shared = tuple(replace(loaded.local[0], name=image.name) for image in unknown)
        return replace(loaded, local=(*loaded.local, *shared))
    raise InvalidOption(
        f"There is no local map for {file_name(unknown[0])} to bring it to "
        f"{os.path.basename(mapping.reference)}. Give LOCAL_MAPS, IMAGE_NAMES or "
        "UNKNOWN_IMAGES=reference."
    )


def maps_for(
    images: Sequence[Image], loaded: Loaded, mapping: Mapping, progress: Progress = SILENT
) -> BlockMaps:
    """Return the maps of images, given as they are when maps are applied.

    What an image without map shows is computed when it is to be brought to the reference; only
    then, or when gamma needs limits that the maps do not tell, are images read.
    """
    how = mapping.how
    if mapping.automatic and loaded.method:
        how = replace(how, correction_method=loaded.method)
    wanted = list(images)
    if mapping.unknown != "reference":
        wanted = [image for image in images if image.name in loaded.names]
    if not wanted:
        methods = loaded.methods(how.correction_method, images[0].bands)
        return BlockMaps(loaded.grid, loaded.reference, (), methods)  # type: ignore[arg-type]
    found, _ = estimate_loaded(wanted, loaded, how, threads=mapping.threads, progress=progress)
    return found.maps


def mapped(image: Image, maps: BlockMaps, mapping: Mapping, output_type: str) -> Image | None:
    """Return the image corrected by its map, as a view; None when it has none."""
    if image.name not in {local.name for local in maps.local}:
        return None
    return block_corrected(image, maps, mapping.how, output_type)


def _in_order(loaded: Loaded, order: tuple[int, ...]) -> Loaded:
    """The maps with their bands in the order of the images'."""
    bands = 0 if loaded.reference is None else len(loaded.reference)
    if max(order) >= bands:
        raise InvalidOption(
            f"Entries by band: the block maps have {bands} bands, numbered from 0, and "
            f"{max(order)} is asked for."
        )
    chosen = list(order)
    ends = [tuple(v[at] for at in order) if v else () for v in (loaded.low, loaded.high)]
    offset = frozenset(new for new, old in enumerate(order) if old in loaded.offset_bands)
    return replace(
        loaded,
        reference=None if loaded.reference is None else loaded.reference[chosen],
        local=tuple(_local_in_order(local, chosen) for local in loaded.local),
        offset_bands=offset,
        low=ends[0],
        high=ends[1],
    )


def _local_in_order(local: LocalMap, order: list[int]) -> LocalMap:
    return replace(local, values=local.values[order])
