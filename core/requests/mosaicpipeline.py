# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn raw overlapping images into one seamless mosaic: match colors, cut seams, blend, write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..deps import require
from ..errors import InvalidOption
from ..options import Kind, option, redefault, result
from . import ImageField, Images, mergerasters
from .shared.costs import Hiding
from .shared.regression import Estimating

STEPS = {
    "coregister": "$_Coregistered",
    "align": "$_Align",
    "global": "$_Global",
    "local": "$_Local",
    "mask": "$_Mask",
}
"""Images in between that can be saved, and what they are called."""


@dataclass(frozen=True)
class Request(ImageField, mergerasters.Merging, Images):
    """Options of the run."""

    coregister: bool = option(
        Kind.FLAG,
        "Put images in place",
        False,
        help="First move the images so that all of them fit each other where they overlap, as "
        '"Co-register a set" does',
    )
    radiometry: str = option(
        Kind.CHOICE,
        "Color matching",
        "globallocal",
        choices=("none", "global", "globallocal"),
        help="global: one gain and offset per image and band, from the overlaps; globallocal: then "
        "differences inside images too, such as vignetting and haze, by block maps",
    )
    seams: str = option(
        Kind.CHOICE,
        "Seams",
        "leastcost",
        choices=("none", "voronoi", "leastcost", "file"),
        help="leastcost: where images look alike, round objects and masked parts; voronoi: through "
        "the middle of the overlaps; file: those of SEAMLINES; none: the overlap rule alone "
        "decides (multiband then lays seams through the middle)",
    )
    rule: str = redefault(mergerasters.Merging, "rule", "multiband")
    blend_width: int = redefault(mergerasters.Merging, "blend_width", 32, advanced=True)
    resolution: str | float = redefault(
        mergerasters.Merging, "resolution", "highest", advanced=True
    )
    output: str = option(Kind.RASTER_OUT, "Mosaic", help="The mosaic, a GeoTIFF.")
    work_folder: str | None = option(
        Kind.FOLDER_OUT,
        "Work folder",
        None,
        advanced=True,
        help="Where models, seam cells and the report are kept; empty: a folder beside the mosaic "
        "with _work after its name. Nothing in it is deleted.",
    )
    seamlines: str | None = option(
        Kind.VECTOR,
        "Seam cells",
        None,
        advanced=True,
        help="Polygons with the image's name, for SEAMS = file.",
    )
    model_images: tuple[str, ...] = redefault(Estimating, "model_images", (), advanced=True)
    model_mode: str = redefault(Estimating, "model_mode", "include", advanced=True)
    statistics_mask: str | None = redefault(Estimating, "vector_mask", None, advanced=True)
    statistics_mask_mode: str = redefault(Estimating, "mask_mode", "include")
    statistics_mask_field: str | None = redefault(
        Estimating, "mask_field", None, parent="statistics_mask"
    )
    masks: str | None = redefault(
        Hiding,
        "masks",
        None,
        advanced=True,
        help="Clouds, shadows or other parts that are neither compared nor shown where another "
        "image is clear: a path with $ for the image's name, a folder (files called as the images, "
        "also with _CloudMask or _Mask behind), or one vector layer whose features bear the names "
        "of images. Rasters are masked where they are 1, 2 or 3, polygons inside",
    )
    settings: Any = option(
        Kind.JSON,
        "Settings of the steps",
        None,
        advanced=True,
        help='JSON, as text or a file: {"algorithm id": {"OPTION": value}}, for any option of '
        "coregisterset, alignrasters, globalregression, localblockadjustment, voronoiseamlines, "
        "leastcostseamlines and mergerasters that the pipeline does not decide itself",
    )
    max_open_files: int = redefault(mergerasters.Request, "max_open_files", 64)
    save_steps: tuple[str, ...] = option(
        Kind.NAMES,
        "Images in between",
        (),
        advanced=True,
        help="Also written into the work folder, any of coregister, align, global, local, mask "
        "(cut to its seam cell); empty: none",
    )
    resume: bool = option(
        Kind.FLAG,
        "Resume",
        True,
        advanced=True,
        help="Use models in the work folder again when nothing they are made of has changed, and "
        "those that were edited since; no: compute all anew.",
    )
    dry_run: bool = option(
        Kind.FLAG,
        "Plan only",
        False,
        advanced=True,
        help="Estimate all models and report, without writing images.",
    )
    report: str | None = option(
        Kind.HTML_OUT,
        "Report",
        None,
        help="What was done and how good it is; empty: report.html in the work folder.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if (self.seams == "file") != bool(self.seamlines):
            raise InvalidOption(
                "Seams: file and a layer in SEAMLINES belong together; give both or neither."
            )
        mergerasters.refuse_seamless_rule(self.rule, self.seams != "none")
        if self.seams in ("voronoi", "leastcost"):
            require("shapely.geometry", f"SEAMS = {self.seams}")
            require("scipy.spatial", f"SEAMS = {self.seams}")
        if "mask" in self.save_steps and self.seams == "none" and self.rule != "multiband":
            raise InvalidOption("Images in between: mask needs seam cells, and SEAMS is none.")
        unknown = [step for step in self.save_steps if step not in STEPS]
        if unknown:
            raise InvalidOption(
                f"Images in between: {unknown[0]!r} is not one of {', '.join(STEPS)}."
            )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str | None = result(Kind.RASTER_OUT, "Mosaic")
    output_seamlines: str | None = result(Kind.VECTOR_OUT, "Seam cells")
    work_folder: str | None = result(Kind.FOLDER_OUT, "Work folder")
    report: str | None = result(Kind.HTML_OUT, "Report")
    images_used: int | None = result(Kind.INTEGER, "Images used")
    images_skipped: int | None = result(Kind.INTEGER, "Images skipped")
    covered: float | None = result(Kind.NUMBER, "Covered fraction of the mosaic")
    hole_pixels: int | None = result(Kind.INTEGER, "Invalid pixels inside the seam cells")
    seam_length: float | None = result(Kind.NUMBER, "Length of all seams, map units")
    seam_visibility: float | None = result(
        Kind.NUMBER, "Visibility of the seams (up to 1: not seen)"
    )
    cut_visibility: float | None = result(Kind.NUMBER, "Visibility of the seams before blending")
    mean_seam_cost: float | None = result(Kind.NUMBER, "Mean cost along the seams")
    mean_center_cost: float | None = result(Kind.NUMBER, "Mean cost along center seams")
    mean_difference_before: float | None = result(Kind.NUMBER, "Overlap difference before, %")
    mean_difference_after: float | None = result(Kind.NUMBER, "Overlap difference after, %")
    read_bytes: int | None = result(Kind.INTEGER, "Bytes of pixels read")
    written_bytes: int | None = result(Kind.INTEGER, "Bytes written")
