# SPDX-License-Identifier: GPL-2.0-or-later
"""Before and after, in the Toolbox."""

from __future__ import annotations

from ..core.requests import beforeafter
from .base import OperationAlgorithm


class BeforeAfter(OperationAlgorithm):
    """Shows images before and after a correction in two rows of small pictures, stretched alike,
    so that their brightness can be compared.

    <b>When to use it.</b> To see at a glance whether a set of images became even, and to put that
    into a document.

    <b>What comes out.</b> A PNG, PDF or SVG file, and a report with the figure and the values
    shown black and white.

    <b>How to read it.</b> With the stretch <i>both</i> equal colors mean equal values everywhere
    in the figure; with <i>row</i> only within a row, with <i>image</i> only within a picture.
    """

    operation = beforeafter
    title = "Before and after (figure)"
    group_id = "radiometry"
    keywords = ("figure", "quicklook", "preview", "before", "after", "comparison", "pictures")
