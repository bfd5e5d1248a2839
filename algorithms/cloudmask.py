# SPDX-License-Identifier: GPL-2.0-or-later
"""Cloud mask, in the Toolbox."""

from __future__ import annotations

from ..core.requests import cloudmask
from .base import OperationAlgorithm


class CloudMask(OperationAlgorithm):
    """Finds thick and thin clouds and their shadows and writes them as classes: 0 clear, 1 thick
    cloud, 2 thin cloud, 3 cloud shadow, 255 invalid.

    <b>Methods.</b> "spectral" needs nothing but the image: clouds are bright, white and smooth,
    haze is blue, and shadows are dark ground where the clouds lie when they are moved away from
    the sun. "omnicloudmask" asks the neural network of the package OmniCloudMask, if it is
    installed.

    <b>How to get good masks.</b> Give the <i>Scale</i> (advanced; 10000 for Sentinel-2), so that
    brightness means the same in every image and haze can be found; without it only thick clouds
    and shadows are. A near-infrared band helps with shadows, a short-wave infrared one with snow,
    a cirrus band with thin clouds. Give the <i>Sun azimuth</i> when no shadows are found or they
    lie on the wrong side.

    <b>What comes out.</b> A mask for each image on its pixels, with named colors. 0 is clear and
    never nodata. Look at the mask: bright roofs and sand can look like clouds.
    """

    operation = cloudmask
    title = "Cloud mask"
    group_id = "masks"
    keywords = ("cloud", "shadow", "haze", "cirrus", "mask", "omnicloudmask", "sentinel-2")
