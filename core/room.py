# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether there is room on disk for what a run will write."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence

from .errors import ImageIOError
from .image import Image
from .raster.create import Format
from .requests import Writing
from .seams.mosaic import Mosaic

COMPRESSED = 0.3
"""Compressed imagery rarely shrinks below a third."""


def needed_bytes(images: Sequence[Image], request: Writing) -> float:
    """Return about how many bytes the files of images take while they are written."""
    needed = 0.0
    for image in images:
        pixels, sample = image.grid.window.pixels, image.dtype.itemsize
        if isinstance(image, Mosaic):
            # ground between images stays sparse
            pixels = min(pixels, sum(place.pixels for place in image.places))
        form = Format.parse(request.creation_options, image.dtype, cog=request.cog)
        needed += pixels * image.bands * sample * (COMPRESSED if form.compressed else 1.0)
    # two copies become one COG at a time
    return needed + (needed / len(images) if request.cog and images else 0.0)


def refuse_full_disk(needed: float, *paths: str) -> None:
    """Raise ImageIOError when the disk of a file to be written has fewer bytes than are needed."""
    for folder in dict.fromkeys(os.path.dirname(os.path.abspath(path)) for path in paths):
        free = shutil.disk_usage(folder).free if os.path.isdir(folder) else math.inf
        if needed > free:
            raise ImageIOError(
                f"This run needs about {size_text(needed)} on disk; {size_text(free)} are free in "
                f"{folder}. Free some, or choose another folder."
            )


def size_text(count: float) -> str:
    """Return bytes as people read them, in steps of a thousand."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
