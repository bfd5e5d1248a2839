# SPDX-License-Identifier: GPL-2.0-or-later
"""Corrected files: copies that say where they truly lie, and what is told about new pixels."""

from __future__ import annotations

import os

import numpy as np

from ..grid import Transform
from ..image import Image
from ..progress import SILENT, Progress
from ..raster import RasterImage
from ..raster.copying import copy_placed
from ..raster.create import Format, optimize
from ..requests import Writing
from ..stage import staged
from ..write import Written


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


def tell_changed(
    written: Written, source: Image, view: Image, request: Writing, progress: Progress
) -> None:
    """Warn about values of an image that its corrected file could not keep."""
    if written.moved_from_nodata and view.nodata is not None:
        progress.warn(
            f"{written.moved_from_nodata} values of valid pixels would have been the output's "
            f"nodata value ({view.nodata:g}); they were moved to the value beside it."
        )
    # overshoot of a kernel at the end of the image's own type is no loss
    if written.clipped and not np.can_cast(source.dtype, view.dtype):
        progress.warn(
            f"{written.clipped} values were beyond {request.output_type} and were cut to its "
            "range. Choose another OUTPUT_TYPE."
        )
