# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that finished work has left behind."""

from __future__ import annotations

import ctypes
import sys

import numpy as np

LARGEST = 31 << 20
"""Bytes of an array that the allocator of Linux still learns from."""


def reuse_memory() -> None:
    """Let the allocator keep what a window gives back for the next one, until `give_back`.

    That of Linux goes by the largest array it ever took back: smaller ones come from memory that
    it has, which need not be cleared by the system each time.
    """
    np.empty(LARGEST, np.uint8)


def give_back() -> None:
    """Return to the system what the allocator keeps for later, where it keeps much.

    The one of Linux holds on to tens of megabytes for every thread that has worked on windows.
    """
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
