# SPDX-License-Identifier: GPL-2.0-or-later
"""A correction by the geotransform alone: a copy of the file that says where it truly lies."""

from __future__ import annotations

import os

from ..grid import Transform
from ..progress import SILENT, Progress
from ..raster import RasterImage
from ..raster.copying import copy_placed
from ..raster.create import Format, optimize
from ..requests import Writing
from ..stage import staged


def write_placed(
    image: RasterImage,
    path: str,
    transform: Transform,
    request: Writing,
    progress: Progress = SILENT,
) -> None:
    """Write a GeoTIFF with the pixels of a file, bit for bit, and another geotransform.

    Raises ImageIOError with GDAL's reason.
    """
    name = os.path.basename(path)
    form = Format.parse(request.creation_options, image.dtype, cog=request.cog)
    progress.phase("Copying the image to its place")
    with staged(path) as temporary:
        copy_placed(image.path, temporary, transform, form, name, progress.part(0.0, 0.9))
        if request.cog:
            labeled = "NEAREST" if image.details.color_table else "AVERAGE"
            optimize(temporary, form, labeled, name, progress.part(0.9, 1.0))
        progress.check()
    progress.advance(1.0)
