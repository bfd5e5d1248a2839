# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of the Toolbox: translation, names of groups, docstrings as help."""

from __future__ import annotations

import inspect
import re

from qgis.PyQt.QtCore import QCoreApplication

GROUPS = {
    "alignment": "1 Alignment",
    "radiometry": "2 Radiometry",
    "masks": "3 Masks",
    "mosaic": "4 Mosaic",
    "landcover": "5 Time series and land cover",
    "workflows": "6 Workflows",
    "setup": "7 Setup",
}


def tr(text: str) -> str:
    """Return a text in the language of QGIS."""
    return QCoreApplication.translate("Orthoweave", text)


def paragraphs(docstring: str) -> str:
    """Return a docstring as light HTML: blank lines part paragraphs, tags and lists are kept."""
    pieces = re.split(r"\n\s*\n", inspect.cleandoc(docstring))
    joined = (" ".join(piece.split()) for piece in pieces)
    return "\n".join(text if text.startswith("<ul>") else f"<p>{text}</p>" for text in joined)


def first_sentence(docstring: str) -> str:
    """Return the first line of a docstring, which is one sentence."""
    return inspect.cleandoc(docstring).partition("\n")[0]
