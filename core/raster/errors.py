# SPDX-License-Identifier: GPL-2.0-or-later
"""GDAL's failures as sentences, whether or not this process has switched its exceptions on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from osgeo import gdal

from ..errors import ImageIOError
from ..stage import final_names

FULL = ("TIFFAppendToStrip", "Write error", "No space left", "disk is full", "disk I/O")
"""What GDAL, libtiff and SQLite say when there is no room."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep GDAL's messages of this thread from standard error; failures show in the results."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
    finally:
        gdal.PopErrorHandler()


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn a failure of GDAL into ImageIOError("<what>: <GDAL's reason>."); GDAL itself is quiet.

    `what` is the beginning of the sentence, for example "a.tif cannot be read".
    """
    gdal.ErrorReset()
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
        failed = gdal.GetLastErrorType() >= gdal.CE_Failure
        message = gdal.GetLastErrorMsg()
    except RuntimeError as error:
        raise ImageIOError(_sentence(what, str(error))) from error
    finally:
        gdal.PopErrorHandler()
    if failed:
        raise ImageIOError(_sentence(what, message))


def _sentence(what: str, reason: str) -> str:
    text = final_names(" ".join(reason.split())).rstrip(".") or "GDAL gives no reason"
    if any(sign in text for sign in FULL):
        text = f"the disk is full or cannot be written to ({text})"
    return f"{what}: {text}."
