# SPDX-License-Identifier: GPL-2.0-or-later
"""Algorithms run as a script of QGIS runs them."""

from __future__ import annotations

from typing import Any


def run(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run an algorithm; return its outputs."""
    import processing

    found: dict[str, Any] = processing.run(f"orthoweave:{name}", given)
    return found
