# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operations on time series share: series and masks opened, dates and types written."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np

from ...errors import InvalidOption
from ...image import Cast, Image, representable
from ...landcover.series import layout, mask_dates
from ...raster import RasterImage, open_image, refuse_overwriting
from ...stage import write_text


def open_series(path: str) -> RasterImage:
    """Open a series; raises IncompatibleImages when its bands are not named as those of one."""
    image = open_image(path)
    layout(image)
    return image


def open_masks(path: str) -> RasterImage:
    """Open a mask series; raises IncompatibleImages when its bands are not named so."""
    image = open_image(path)
    mask_dates(image)
    return image


def dates_beside(output: str, ending: str, listed: str | None) -> str:
    """Return where the dates of an output are written.

    Raises InvalidOption when that is the file that lists which dates are asked for.
    """
    path = f"{os.path.splitext(output)[0]}_{ending}.txt"
    return refuse_overwriting(path, [listed] if listed else [])


def write_dates(path: str, dates: Iterable[str]) -> str:
    """Write the days of dates, one YYYYMMDD a line; return the file's path."""
    return write_text(path, "".join(f"{date[:8]}\n" for date in dates))


def typed(view: Image, wanted: str) -> Image:
    """Return a view in the output type asked for.

    Raises InvalidOption when the type cannot hold the value that says what is missing on a date.
    """
    if wanted == "same" or np.dtype(wanted) == view.dtype:
        return view
    if view.nodata is not None and representable(view.nodata, np.dtype(wanted)) is None:
        raise InvalidOption(
            f"Output type: {wanted} cannot hold {view.nodata:g}, which marks missing values. "
            "Choose int16, int32, float32 or float64."
        )
    return Cast(view, wanted)
