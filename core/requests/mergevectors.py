# SPDX-License-Identifier: GPL-2.0-or-later
"""Join vector layers into one: side by side, overlaid, or where all of them lie."""

from __future__ import annotations

from dataclasses import dataclass

from ..deps import require
from ..errors import InvalidOption
from ..options import Kind, option, result
from . import Threads


@dataclass(frozen=True)
class Request(Threads):
    """Options of the run."""

    vectors: tuple[str, ...] = option(
        Kind.VECTORS,
        "Vector layers",
        help="Layers, files, folders (their *.gpkg) or patterns.",
    )
    method: str = option(
        Kind.CHOICE,
        "Method",
        "keep",
        choices=("keep", "union", "intersection"),
        help="keep: all features of all layers, as they are; union: polygons are overlaid, and "
        "every piece of ground is there once with the attributes of all layers that cover it; "
        "intersection: only the ground that all layers cover",
    )
    name_field: str = option(
        Kind.TEXT,
        "Field for names",
        "",
        help="Name of a new field that holds the names of the files a feature comes from; empty: "
        "no such field.",
    )
    name_separator: str = option(
        Kind.TEXT,
        "Text between names",
        "_",
        advanced=True,
        help="Where a feature comes from several files.",
    )
    crs: str | None = option(
        Kind.CRS,
        "CRS",
        None,
        advanced=True,
        help="CRS of the result; empty: of the first layer that has one.",
    )
    layer_name: str = option(
        Kind.TEXT, "Layer of the result", "merged", advanced=True, help="Its name in the file."
    )
    output: str = option(Kind.VECTOR_OUT, "Merged layer", help="A GeoPackage.")

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if not self.layer_name.strip():
            raise InvalidOption("Layer of the result: LAYER_NAME is empty. Give it a name.")
        if self.name_field.lower() in ("fid", "geom"):
            raise InvalidOption(
                f"Field for names: {self.name_field!r} is taken. Choose another name, for example "
                "source."
            )
        if self.method != "keep":
            require("scipy", f"METHOD = {self.method}")
            require("shapely", f"METHOD = {self.method}")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str = result(Kind.VECTOR_OUT, "Merged layer")
    layers_used: int | None = result(Kind.INTEGER, "Layers used")
    feature_count: int | None = result(Kind.INTEGER, "Features written")
    repaired: int | None = result(Kind.INTEGER, "Invalid geometries repaired")
    skipped: int | None = result(Kind.INTEGER, "Features without usable geometry")
