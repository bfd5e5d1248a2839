# SPDX-License-Identifier: GPL-2.0-or-later
"""How clouds are found: the options."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InvalidOption
from ...options import Kind, option

BANDS = ("blue", "green", "red", "nir", "swir", "cirrus")


@dataclass(frozen=True)
class CloudFinding:
    """Options of the methods that find clouds."""

    method: str = option(
        Kind.CHOICE,
        "Method",
        "spectral",
        choices=("spectral", "omnicloudmask"),
        help="spectral: thresholds and shapes, needs no further package. omnicloudmask: the neural "
        "network of the package of that name",
    )
    red_band: int = option(
        Kind.BAND, "Red band", 3, minimum=1, parent="images", help="Its number, from 1."
    )
    green_band: int = option(
        Kind.BAND, "Green band", 2, minimum=1, parent="images", help="Its number, from 1."
    )
    nir_band: int = option(
        Kind.INTEGER,
        "Near-infrared band",
        4,
        minimum=0,
        help="Its number; 0: the images have none (spectral only).",
    )
    blue_band: int = option(
        Kind.INTEGER,
        "Blue band",
        1,
        minimum=0,
        advanced=True,
        help="Its number; 0: none, and no haze is found.",
    )
    swir_band: int = option(
        Kind.INTEGER,
        "Short-wave infrared band",
        0,
        minimum=0,
        advanced=True,
        help="Its number (near 1.6 µm), which tells clouds from snow; 0: none.",
    )
    cirrus_band: int = option(
        Kind.INTEGER,
        "Cirrus band",
        0,
        minimum=0,
        advanced=True,
        help="Its number (near 1.38 µm), which shows thin clouds; 0: none.",
    )
    scale: float = option(
        Kind.NUMBER,
        "Scale",
        0.0,
        minimum=0,
        advanced=True,
        help="Value of reflectance 1: 10000 for Sentinel-2. 0: what the file declares, else "
        "thresholds relative to the image, which find no haze.",
    )
    down_sample: float = option(
        Kind.NUMBER,
        "Working pixel size",
        0.0,
        unit="map units",
        minimum=0,
        advanced=True,
        help="Clouds are looked for at this pixel size; 0: one that leaves at most 4 million "
        "pixels. The mask has the pixels of the image.",
    )
    sensitivity: float = option(
        Kind.NUMBER,
        "Sensitivity",
        0.5,
        minimum=0,
        maximum=1,
        advanced=True,
        help="Shifts the brightness of clouds: 0 finds those 20 % brighter, 1 also those 20 % "
        "darker.",
    )
    min_size: int = option(
        Kind.INTEGER,
        "Smallest object",
        25,
        unit="px",
        minimum=0,
        advanced=True,
        help="Clouds and shadows of fewer working pixels are dropped.",
    )
    buffer: int = option(
        Kind.INTEGER,
        "Growth",
        4,
        unit="px",
        minimum=0,
        maximum=200,
        advanced=True,
        help="Clouds and shadows grow by so many working pixels.",
    )
    sun_azimuth: float | None = option(
        Kind.NUMBER,
        "Sun azimuth",
        None,
        unit="degrees",
        minimum=-360,
        maximum=360,
        advanced=True,
        help="Where the sun stands, clockwise from north; empty: searched.",
    )
    shadows: bool = option(
        Kind.FLAG, "Shadows", True, advanced=True, help="Look for the shadows of clouds too."
    )
    omnicloud_options: str | None = option(
        Kind.TEXT,
        "Options of OmniCloudMask",
        None,
        advanced=True,
        help="key=value, separated by commas, passed to its predict_from_array, such as "
        "patch_size=500,batch_size=2. custom_models=file.pt takes TorchScript models of your own",
    )

    @property
    def bands(self) -> dict[str, int]:
        """Number of each band that the images have, by name."""
        given = {name: getattr(self, f"{name}_band") for name in BANDS}
        return {name: number for name, number in given.items() if number}


def refuse_bands(how: CloudFinding) -> None:
    """Raise InvalidOption when two bands have one number, or one that is needed has none."""
    taken: dict[int, str] = {}
    for name, number in how.bands.items():
        other = taken.setdefault(number, name)
        if other != name:
            raise InvalidOption(
                f"{other.upper()}_BAND and {name.upper()}_BAND are both {number}; give each its "
                "own band, or 0 for none."
            )
    if how.method == "omnicloudmask" and not how.nir_band:
        raise InvalidOption("NIR_BAND is 0, but omnicloudmask needs a near-infrared band.")
