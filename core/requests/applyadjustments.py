# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply saved gains, offsets, curves and block maps, also to images they were not made from."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault
from .shared.blocks import METHODS, Blocking
from .shared.correcting import CorrectedResult, Reporting


@dataclass(frozen=True)
class Request(Reporting):
    """Options of the run."""

    name_pattern: str = redefault(Reporting, "name_pattern", "$_Adjusted")
    model: str | None = option(
        Kind.FILE,
        "Model",
        None,
        help="Gains, offsets or curves (JSON) saved by a tool of this group or by spectralmatch.",
    )
    reference_map: str | None = option(
        Kind.RASTER,
        "Reference map",
        None,
        help="A block map that images are brought to, saved by local block adjustment or by "
        "spectralmatch. It follows the model when both are given.",
    )
    local_maps: tuple[str, ...] = option(
        Kind.RASTERS,
        "Local maps",
        (),
        help="Block maps of the images: a path with $ for the image's name, a folder or files.",
    )
    correction_method: str = option(
        Kind.CHOICE,
        "Correction by block maps",
        "automatic",
        choices=("automatic", *METHODS),
        help="How block maps correct; automatic: as they say, else linear.",
    )
    image_names: tuple[str, ...] = option(
        Kind.PAIRS,
        "Entries by image",
        (),
        columns=("Image", "Name in the model"),
        advanced=True,
        help="Which entry of the model (and which local map) serves an image that has another "
        "name; pairs image;name, separated by commas.",
    )
    unknown_images: str = option(
        Kind.CHOICE,
        "Images without entry",
        "refuse",
        choices=("refuse", "single", "reference", "copy"),
        advanced=True,
        help="refuse: stop and name the image; single: use the only entry or local map; reference: "
        "look at the image and bring it to the reference map; copy: write it unchanged",
    )
    band_entries: tuple[str, ...] = option(
        Kind.PAIRS,
        "Entries by band",
        (),
        columns=("Band", "Number in the model"),
        advanced=True,
        help="Which band_0, band_1 … of the model serves which band of the images; pairs "
        "band;number, bands from 1, numbers of the model from 0. Bands not listed keep their own.",
    )

    alpha: float = redefault(
        Blocking,
        "alpha",
        1.0,
        label="Strength of the block maps",
        help="0 leaves what the model gives as it is, 1 applies the block maps completely.",
    )
    max_change: float = redefault(Blocking, "max_change", 4.0)

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.local_maps and not self.reference_map:
            raise InvalidOption("LOCAL_MAPS need the map they are brought to in REFERENCE_MAP.")
        if self.unknown_images == "reference" and not self.reference_map:
            raise InvalidOption("UNKNOWN_IMAGES=reference needs a block map in REFERENCE_MAP.")


@dataclass(frozen=True)
class Result(CorrectedResult):
    """What the run gives."""
