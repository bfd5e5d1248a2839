# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import os
import sys


def give_back() -> None:
    """Give freed memory back, which the C library of Linux keeps for each thread that had some.

    Elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    # other C libraries than GNU's have none
    if trim is not None:
        trim(0)


def whole_memory() -> int | None:
    """Return the bytes of memory that this machine has, None where it does not tell (Windows)."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
