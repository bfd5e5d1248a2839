# SPDX-License-Identifier: GPL-2.0-or-later
"""The version of the plugin, from metadata.txt."""

from __future__ import annotations

from pathlib import Path


def package_version() -> str:
    """Return the version that metadata.txt declares."""
    path = Path(__file__).resolve().parent.parent / "metadata.txt"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    found = (line.partition("=")[2].strip() for line in text.splitlines() if _is_version(line))
    return next(found, "unknown")


def _is_version(line: str) -> bool:
    return line.partition("=")[0].strip() == "version"
