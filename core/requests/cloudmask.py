# SPDX-License-Identifier: GPL-2.0-or-later
"""Find clouds, haze and cloud shadows in images and write them as classes."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..options import Kind, redefault, result
from . import Images, ManyOutputs, Planned, Writing
from .shared.clouds import CloudFinding, refuse_bands


@dataclass(frozen=True)
class Request(CloudFinding, Planned, Writing, ManyOutputs, Images):
    """Options of the run."""

    output_type: str = field(default="same")
    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$_CloudMask")

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        refuse_bands(self)
        if self.method == "omnicloudmask":
            from ..masks.omnicloud import refuse_missing  # it comes with what finds clouds

            refuse_missing()


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Cloud masks")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    cloud_fraction: tuple[float, ...] = result(Kind.NUMBERS, "Share of clouds of each image")
    shadow_fraction: tuple[float, ...] = result(Kind.NUMBERS, "Share of shadows of each image")
