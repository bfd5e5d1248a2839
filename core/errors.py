# SPDX-License-Identifier: GPL-2.0-or-later
"""Every error a user can cause: one root, one sentence each."""

from __future__ import annotations


class OrthoweaveError(Exception):
    """Root of all errors whose text is written for the user: what, where, values, remedy."""


class InvalidOption(OrthoweaveError):
    """An option of a request has a value that cannot be used."""


class IncompatibleImages(OrthoweaveError):
    """Images that do not fit each other or the operation."""


class NoOverlap(IncompatibleImages):
    """Images of which no two show the same ground, where that is needed."""


class ImageIOError(OrthoweaveError):
    """A file that cannot be read or written."""


class NoSolution(OrthoweaveError):
    """An estimate that did not converge or has too little evidence."""


class MissingPackage(OrthoweaveError):
    """An optional package that this Python does not have."""


class Cancelled(Exception):
    """The user stopped the run; not an error."""
