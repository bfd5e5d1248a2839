# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of a shift analysis that one pair and a series of images share."""

from __future__ import annotations

from dataclasses import dataclass

from ...deps import require
from ...options import Kind, option, redefault
from .. import Memory, PairBands, StatisticsMask

SUPPORTS = ("automatic", "8", "12", "16", "24")


NONE = "-"
"""What KARIOS's command line gives for a mask that is left out."""


@dataclass(frozen=True)
class Compared(PairBands):
    """Which pixels of two images are compared."""

    mask: str | None = option(
        Kind.RASTER,
        "Mask",
        None,
        help="Which pixels of the reference may be used: 0 and nodata are left out. Any grid, any "
        "CRS.",
    )
    dem: str | None = option(
        Kind.RASTER,
        "Heights (DEM)",
        None,
        help="Heights of the ground, for the analysis by altitude. Any grid and CRS.",
    )
    vector_mask: str | None = option(
        Kind.VECTOR,
        "Polygons",
        None,
        advanced=True,
        help="Polygons in any CRS that limit which pixels may be used, beside the mask.",
    )
    mask_mode: str = redefault(
        StatisticsMask,
        "mask_mode",
        "include",
        help="Whether pixels inside or outside the polygons may be used. KARIOS uses the inside.",
    )
    no_value: tuple[float, ...] = option(
        Kind.NUMBERS,
        "Values without meaning",
        (),
        advanced=True,
        help="Values that are nodata in both images, beside the declared ones; blanks or commas "
        "between.",
    )
    zero_is_nodata: bool = option(
        Kind.FLAG,
        "Zero is nodata",
        True,
        advanced=True,
        help="Value 0 is not valid in images that declare no nodata value, transparency or mask.",
    )
    configuration: str | None = option(
        Kind.FILE,
        "Configuration file",
        None,
        advanced=True,
        aliases=("conf",),
        help="JSON file of KARIOS; it gives the options that have their default here, and the "
        "look of the figures.",
    )


@dataclass(frozen=True)
class Matched:
    """How key points are found and measured."""

    max_points: int = option(
        Kind.INTEGER,
        "Most key points",
        20000,
        minimum=0,
        advanced=True,
        help="Budget for the whole image; 0: no limit.",
    )
    min_distance: float = option(
        Kind.NUMBER,
        "Smallest distance of key points",
        10.0,
        unit="px",
        minimum=2,
        maximum=500,
        advanced=True,
        help="No two key points lie nearer to each other.",
    )
    quality: float = option(
        Kind.NUMBER,
        "Smallest corner strength",
        0.01,
        minimum=1e-6,
        maximum=1,
        advanced=True,
        help="Relative to the strongest corners; less gives more points in weak texture.",
    )
    support: str = option(
        Kind.CHOICE,
        "Measuring window",
        "automatic",
        choices=SUPPORTS,
        advanced=True,
        help="Gaussian sigma of the window in which a point is measured, in pixels: wider is "
        "surer, narrower resolves finer distortions.",
    )
    feature: str = option(
        Kind.CHOICE,
        "What is compared",
        "band_pass",
        choices=("band_pass", "gradient"),
        advanced=True,
        help="gradient suits different sensors or bands, whose brightness differs in kind.",
    )
    polarity: str = option(
        Kind.CHOICE,
        "Contrast of the moving image",
        "automatic",
        choices=("automatic", "same", "inverted"),
        advanced=True,
        help="Against the reference; inverted: bright is dark.",
    )
    search: str = option(
        Kind.CHOICE,
        "Search for the start",
        "automatic",
        choices=("automatic", "none"),
        advanced=True,
        aliases=("enable-large-shift-detection=automatic",),
        help="automatic finds shifts up to hundreds of pixels and rotations; none trusts the "
        "georeferencing to 3 px.",
    )
    max_displacement: float = option(
        Kind.NUMBER,
        "Largest displacement",
        0.0,
        unit="px",
        minimum=0,
        advanced=True,
        help="Larger ones are not believed; 0: half the shorter side of the overlap.",
    )
    outliers: str = option(
        Kind.CHOICE,
        "Outliers",
        "local",
        choices=("local", "global", "none"),
        advanced=True,
        help="local compares each point with its neighbors; global is KARIOS's rule of 3 standard "
        "deviations; none keeps all.",
    )
    method: str = option(
        Kind.CHOICE,
        "Method",
        "automatic",
        choices=("automatic", "key_points", "phase_correlation"),
        advanced=True,
        help="automatic: key points where OpenCV is installed, else phase correlation of windows, "
        "which is slower and follows rotations up to 3 degrees.",
    )
    resume: bool = option(
        Kind.FLAG,
        "Resume",
        False,
        advanced=True,
        help="Take the key points of an earlier run from the result folder and do all the rest; "
        "they are measured anew when inputs or matching options differ. The table there holds no "
        "rejected points, so the layer of a resumed run has none.",
    )


@dataclass(frozen=True)
class Judged:
    """How displacements are judged."""

    confidence: float = option(
        Kind.NUMBER,
        "Smallest score",
        0.4,
        minimum=0,
        maximum=1,
        advanced=True,
        help="Points of a lower score (1 - uncertainty / 0.5 px) do not enter the statistics; 0: "
        "all do.",
    )
    pixel_size: float | None = option(
        Kind.NUMBER,
        "Pixel size",
        None,
        minimum=1e-9,
        advanced=True,
        aliases=("input-pixel-size",),
        help="Map units per pixel, for images without CRS; empty: not known.",
    )
    tolerance: float = option(
        Kind.NUMBER,
        "Tolerance",
        0.5,
        unit="px",
        minimum=1e-6,
        advanced=True,
        help="The requirement that the verdict judges: 90 % of the points must lie within.",
    )


@dataclass(frozen=True)
class Products:
    """What is written beside the numbers, and how it is titled."""

    title_prefix: str = option(
        Kind.TEXT,
        "Title prefix",
        "",
        advanced=True,
        help="Put before the titles of figures; any length.",
    )
    dem_description: str = option(
        Kind.TEXT,
        "Description of the heights",
        "",
        advanced=True,
        help="Named in the figures by altitude.",
    )
    key_points_mask: bool = option(
        Kind.FLAG,
        "Write a mask of key points",
        False,
        advanced=True,
        aliases=("generate-key-points-mask",),
        help="kp_mask.tif: 1 where a key point lies.",
    )
    delta_raster: bool = option(
        Kind.FLAG,
        "Write displacement rasters",
        False,
        advanced=True,
        aliases=("generate-intermediate-product",),
        help="kp_delta.tif, the continuous field kp_field.tif and the band-pass images.",
    )
    chips: bool = option(
        Kind.FLAG,
        "Write chips",
        False,
        advanced=True,
        aliases=("generate-kp-chips",),
        help="Small pieces of both images round up to 125 key points.",
    )


@dataclass(frozen=True)
class Analyzing(Compared, Matched, Judged, Products, Memory):
    """All of them; a request adds its images and its destinations."""

    def __post_init__(self) -> None:
        """Check the options. Raises MissingPackage for a method that needs an absent package."""
        for name in ("mask", "dem"):
            if getattr(self, name) == NONE:
                object.__setattr__(self, name, None)
        super().__post_init__()
        if self.method == "key_points":
            require("cv2", "METHOD=key_points")
