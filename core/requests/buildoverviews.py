# SPDX-License-Identifier: GPL-2.0-or-later
"""Add overviews (pyramids) to images, so that they open fast at every scale."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import RESAMPLINGS, Images, ManyOutputs, Planned, Writing


@dataclass(frozen=True)
class Request(Planned, Images):
    """Options of the run."""

    levels: tuple[float, ...] | None = option(
        Kind.NUMBERS,
        "Levels",
        None,
        help="How many times smaller each overview is, for example 2,4,8,16,32; empty: halving "
        "until the long side is below 256 px",
    )
    resampling: str = option(
        Kind.CHOICE,
        "Resampling",
        "average",
        choices=(*RESAMPLINGS, "mode"),
        help="How pixels are put together. Images with a color table or classes take nearest "
        "unless mode is chosen",
    )
    external: bool = option(
        Kind.FLAG,
        "Beside the file",
        False,
        advanced=True,
        help="Write overviews into a file .ovr beside the image instead of into the image.",
    )
    clean: bool = option(
        Kind.FLAG,
        "Remove existing ones",
        False,
        advanced=True,
        help="Remove the overviews that an image has before new ones are built.",
    )
    creation_options: str | None = redefault(
        Writing,
        "creation_options",
        None,
        help="GDAL creation options, KEY=VALUE separated by |, for the overviews and for copies; "
        "empty: as the image has them.",
    )
    output_folder: str | None = option(
        Kind.FOLDER_OUT,
        "Output folder",
        None,
        help="Folder for copies that get the overviews; empty: the images themselves get them.",
    )
    name_pattern: str = redefault(ManyOutputs, "name_pattern", "$")
    load_outputs: bool = redefault(ManyOutputs, "load_outputs", False)

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        wrong = [level for level in self.levels or () if level < 2 or level != int(level)]
        if wrong:
            raise InvalidOption(f"Levels: {wrong[0]:g} is not a whole number of 2 or more.")


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_layers: tuple[str, ...] | None = result(Kind.RASTERS, "Images with overviews")
    output_folder: str | None = result(Kind.FOLDER_OUT, "Output folder")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    images_kept: int | None = result(Kind.INTEGER, "Images that had them already")
    external_count: int | None = result(Kind.INTEGER, "Images with overviews beside them")
