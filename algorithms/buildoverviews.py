# SPDX-License-Identifier: GPL-2.0-or-later
"""Build overviews, in the Toolbox."""

from __future__ import annotations

from ..core.requests import buildoverviews
from .base import OperationAlgorithm


class BuildOverviews(OperationAlgorithm):
    """Adds overviews (pyramids) to images, smaller copies that let them open fast at every scale.

    <b>Where they go.</b> Into the images themselves; files that cannot be changed or cannot hold
    overviews get them in a file <i>.ovr</i> beside them. A Cloud-Optimized GeoTIFF is written anew
    as such. With an output folder, copies get them and the images stay as they are.

    <b>Validity.</b> Nodata, transparent and masked pixels take no part in what is put together.
    Images with a color table or classes take nearest pixels; choose mode for the most frequent
    class.

    <b>Doing it again.</b> With <i>Resume</i> set to exists, images that have all the levels are
    left alone.
    """

    operation = buildoverviews
    title = "Build overviews"
    group_id = "mosaic"
    keywords = ("overview", "pyramid", "pyramids", "zoom", "cog", "ovr", "gdaladdo")
