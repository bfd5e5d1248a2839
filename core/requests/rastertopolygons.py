# SPDX-License-Identifier: GPL-2.0-or-later
"""Draw polygons round the pixels of images where a condition holds, or of equal value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..masks.sizes import size_rule, value_table
from ..options import Kind, option, redefault, result
from . import Images, ManyOutputs, Planned, footprints
from .shared.expressing import Expressing


@dataclass(frozen=True)
class Request(ManyOutputs, Expressing, Images):
    """Options of the run."""

    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_Vectorized.gpkg")
    filter_by_polygon_size: str | None = option(
        Kind.TEXT,
        "Size of polygons",
        None,
        help=">100 keeps polygons of more than 100 square map units, <=50px of at most 50 pixels, "
        ">95% those above the 95th percentile of all. A bare number means >",
    )
    polygon_buffer: float = option(
        Kind.NUMBER,
        "Buffer",
        0.0,
        unit="map units",
        help="Grow the polygons that are kept, or shrink them (negative); those of one value that "
        "overlap then become one.",
    )
    value_mapping: Any = option(
        Kind.TEXT,
        "New values",
        None,
        help="1:10,2: makes 10 of 1 and leaves out 2, before polygons are drawn: what becomes "
        "equal is one polygon.",
    )
    eight_connected: bool = option(
        Kind.FLAG,
        "Connect corners",
        False,
        advanced=True,
        help="Pixels that meet only at a corner belong to one polygon.",
    )
    simplify: float = redefault(footprints.Request, "simplify", 0.0, advanced=True)
    dry_run: bool = redefault(
        Planned,
        "dry_run",
        False,
        help="Read the images and count the polygons without writing them.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        object.__setattr__(self, "value_mapping", _mapping_text(self.value_mapping))
        super().__post_init__()
        size_rule(self.filter_by_polygon_size)
        value_table(self.value_mapping)


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Polygons")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    polygon_count: int | None = result(Kind.INTEGER, "Polygons")
    dropped_count: int | None = result(Kind.INTEGER, "Polygons dropped by their size")


def _mapping_text(mapping: Any) -> Any:
    """A table of old and new values as text; rows, or their cells one after the other."""
    if isinstance(mapping, Mapping):
        mapping = [cell for row in mapping.items() for cell in row]
    if not isinstance(mapping, Sequence) or isinstance(mapping, str):
        return mapping
    cells: list[Any] = []
    for row in mapping:
        cells += row if isinstance(row, (list, tuple)) else [row]
    words = ["" if cell is None else str(cell).strip() for cell in cells]
    return ",".join(f"{old}:{new}" for old, new in zip(words[::2], [*words[1::2], ""]))
