# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of GDAL that hold for one thread and for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from osgeo import gdal


@contextmanager
def config(key: str, value: str) -> Iterator[None]:
    """Set a GDAL option for this thread only, and only for a moment."""
    before = gdal.GetThreadLocalConfigOption(key)
    gdal.SetThreadLocalConfigOption(key, value)
    try:
        yield
    finally:
        gdal.SetThreadLocalConfigOption(key, before)
