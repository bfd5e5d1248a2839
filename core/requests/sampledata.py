# SPDX-License-Identifier: GPL-2.0-or-later
"""Make small images with known shifts, gains, offsets and clouds, for trying the tools."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, redefault, result, verify
from . import ManyOutputs

SCENES = ("pair", "mosaic", "all")


@dataclass(frozen=True)
class Request:
    """Options of the run."""

    scene: str = option(
        Kind.CHOICE,
        "Scene",
        "all",
        choices=SCENES,
        help="pair: a reference and a moving image. mosaic: four overlapping images of different "
        "brightness, one rotated, one with a cloud. all: both",
    )
    size: int = option(
        Kind.INTEGER,
        "Size",
        512,
        unit="px",
        minimum=128,
        maximum=4096,
        help="Pixels on a side of each image.",
    )
    shift_x: float = option(
        Kind.NUMBER,
        "Shift of the pair, x",
        2.3,
        unit="px",
        minimum=-20,
        maximum=20,
        advanced=True,
        help="How far the moving image is displaced to the right.",
    )
    shift_y: float = option(
        Kind.NUMBER,
        "Shift of the pair, y",
        -1.7,
        unit="px",
        minimum=-20,
        maximum=20,
        advanced=True,
        help="How far the moving image is displaced downwards.",
    )
    seed: int = option(
        Kind.INTEGER,
        "Seed",
        1,
        minimum=0,
        maximum=2**31 - 1,
        advanced=True,
        help="Another number gives another landscape; the same number gives the same bytes.",
    )
    load_outputs: bool = redefault(ManyOutputs, "load_outputs", True)
    output_folder: str = option(
        Kind.FOLDER_OUT,
        "Output folder",
        help="Created when absent; files of the sample data that are there are replaced.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        verify(self)


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_folder: str = result(Kind.FOLDER_OUT, "Output folder")
    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Images")
    truth: str = result(Kind.JSON_OUT, "What is known about the images")
