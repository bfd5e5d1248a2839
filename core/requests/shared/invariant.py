# SPDX-License-Identifier: GPL-2.0-or-later
"""How pseudo-invariant pixels are found and used: the options."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InvalidOption
from ...options import Kind, option, redefault
from .. import StatisticsMask, UsedPixels

METHODS = ("irmad", "gradient", "ndvi", "threshold", "dark_bright", "matches")


REGRESSIONS = ("orthogonal", "ordinary", "theil_sen")


@dataclass(frozen=True)
class Finding(StatisticsMask):
    """How invariant pixels are found, and what line is drawn through them."""

    method: str = option(
        Kind.CHOICE,
        "Method",
        "irmad",
        choices=METHODS,
        help="irmad: pixels that changed by chance only; gradient: edges of the same direction; "
        "ndvi: little vegetation; threshold: an expression or polygons; dark_bright: the darkest "
        "and brightest; matches: regions round key points",
    )
    red_band: int | None = option(
        Kind.INTEGER,
        "Red band",
        None,
        minimum=1,
        advanced=True,
        help="Number of the red band. With the near infrared one, pixels with vegetation are left "
        "out by every method; ndvi needs both.",
    )
    nir_band: int | None = option(
        Kind.INTEGER,
        "Near infrared band",
        None,
        minimum=1,
        advanced=True,
        help="Number of the near infrared band.",
    )
    vegetation_threshold: float = option(
        Kind.NUMBER,
        "Largest NDVI",
        0.2,
        minimum=-1,
        maximum=1,
        advanced=True,
        help="Pixels whose NDVI is larger in one of the images are vegetation.",
    )
    expression: str | None = option(
        Kind.TEXT,
        "Expression",
        None,
        advanced=True,
        help="threshold: what must hold in both images, such as b1 > 5%b1 and b4 < 0.5 * b3 (5%b1 "
        "is the 5th percentile of band 1 of the image).",
    )
    probability: float = option(
        Kind.NUMBER,
        "Probability of no change",
        0.95,
        minimum=0.5,
        maximum=0.999,
        advanced=True,
        help="irmad: pixels with a larger one are kept.",
    )
    angle_fraction: float = option(
        Kind.NUMBER,
        "Part with the smallest angles",
        0.1,
        minimum=0.001,
        maximum=0.5,
        advanced=True,
        help="gradient: part of the pixels with strong gradients that is kept.",
    )
    z_limit: float = option(
        Kind.NUMBER,
        "Largest residual",
        0.25,
        minimum=0.05,
        maximum=3,
        advanced=True,
        help="matches: how far pixels of a region may lie from the line through the key points, in "
        "robust standard deviations.",
    )
    region_radius: int = option(
        Kind.INTEGER,
        "Radius of regions",
        5,
        unit="px",
        minimum=1,
        maximum=500,
        advanced=True,
        help="matches: how far a region may grow from its key point.",
    )
    key_points: str | None = option(
        Kind.FILE,
        "Key points",
        None,
        advanced=True,
        help="matches: key points of a co-registration (GeoPackage, CSV) or tie points (JSON), "
        "instead of looking for some.",
    )
    max_samples: int = option(
        Kind.INTEGER,
        "Most pixels",
        100_000,
        minimum=100,
        advanced=True,
        help="Invariant pixels used of a pair of images; more are thinned regularly.",
    )
    min_samples: int = option(
        Kind.INTEGER,
        "Fewest pixels",
        50,
        minimum=3,
        advanced=True,
        help="With fewer invariant pixels, a pair uses all its common pixels, robustly, with a "
        "warning.",
    )
    regression: str = option(
        Kind.CHOICE,
        "Regression",
        "orthogonal",
        choices=REGRESSIONS,
        advanced=True,
        help="orthogonal: both images are noisy; ordinary: only the reference is; theil_sen: the "
        "median slope, for samples with outliers",
    )
    ignore_saturated: bool = redefault(UsedPixels, "ignore_saturated", True)

    @property
    def pixels(self) -> UsedPixels:
        """What limits the pixels that are looked at."""
        return UsedPixels(
            self.vector_mask,
            self.mask_mode,
            self.mask_field,
            None,
            self.ignore_saturated,
        )


def refuse_incomplete(how: Finding, reference: str | None) -> None:
    """Raise InvalidOption when a method lacks what it needs."""
    bands = (how.red_band, how.nir_band)
    if how.method == "ndvi" and None in bands:
        missing = "RED_BAND" if how.red_band is None else "NIR_BAND"
        raise InvalidOption(f"METHOD=ndvi needs RED_BAND and NIR_BAND; {missing} is not given.")
    if bands.count(None) == 1:
        missing = "RED_BAND" if how.red_band is None else "NIR_BAND"
        raise InvalidOption(f"The test of vegetation needs RED_BAND and NIR_BAND; {missing} is not "
                            "given.")  # fmt: skip
    if how.method == "threshold" and not (how.expression or how.vector_mask):
        raise InvalidOption(
            "METHOD=threshold needs EXPRESSION, or polygons in VECTOR_MASK inside which every "
            "pixel is invariant."
        )
    ties = (how.key_points or "").lower().endswith(".json")
    if how.key_points and how.method == "matches" and not ties and not reference:
        raise InvalidOption(
            "KEY_POINTS as a layer belong to one reference image, and REFERENCE is not given. Give "
            "it, or tie points as JSON."
        )
