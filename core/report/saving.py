# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures as files of their own."""

from __future__ import annotations

import os
from typing import Any

from ..stage import staged

FORMATS = {".png": "png", ".pdf": "pdf", ".svg": "svg"}
_UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}
"""Metadata that would make each file differ from the last one."""


def save_figure(figure: Any, path: str, dpi: int) -> None:
    """Write a figure as PNG, PDF or SVG, by the ending of its name (PNG without one)."""
    form = FORMATS.get(os.path.splitext(path)[1].lower(), "png")
    with staged(path) as temporary:
        figure.savefig(temporary, format=form, dpi=dpi, metadata=_UNDATED[form])
