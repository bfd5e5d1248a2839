# SPDX-License-Identifier: GPL-2.0-or-later
"""The order in which people read the options of a request: dialog, docs and command line."""

from __future__ import annotations

from .options import Kind, Option, options_of

INPUTS = (Kind.RASTERS, Kind.POINTS, Kind.RASTER, Kind.VECTORS)


def in_reading_order(request: type) -> dict[str, Option]:
    """Return inputs first, then the operation's own options, then those it shares, outputs last.

    What must be given comes before what may be, and lists of images before single ones.
    """

    def place(item: tuple[str, Option]) -> tuple[bool, bool, int, int]:
        name, option = item
        if option.kind.destination:
            return (True, not option.required, 0, 0)
        holders = [name in getattr(kind, "__dataclass_fields__", ()) for kind in request.__mro__]
        depth = len(holders) - holders[::-1].index(True)
        family = INPUTS.index(option.kind) if option.kind in INPUTS else len(INPUTS)
        return (False, not option.required, family, depth)

    return dict(sorted(options_of(request).items(), key=place))
