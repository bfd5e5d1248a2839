# SPDX-License-Identifier: GPL-2.0-or-later
"""Band math, in the Toolbox."""

from __future__ import annotations

from ..core.requests import bandmath
from .base import OperationAlgorithm


class BandMath(OperationAlgorithm):
    """Computes new bands from the bands of images by an expression, one file for each image.

    <b>How to write expressions.</b> Bands are b1, b2 and so on.
    <ul><li>+ - * / // ** and parentheses; &lt; &lt;= &gt; &gt;= == != (also 0 &lt; b1 &lt; 5);
    &amp; | ~ or and, or, not, which bind weaker than comparisons.</li>
    <li>abs sqrt log log10 exp sin cos tan round floor ceil, min and max of two or more,
    where(condition, x, y), clip(x, low, high), bit(b1, n) with n = 0 for the lowest bit.</li>
    <li>pi, e, nan, inf, true, false, nodata.</li>
    <li>5%b1 is the value at the 5th percentile of the valid pixels of band 1, exactly. There is no
    modulo.</li>
    <li>b1 + b2; b1 - b2 gives two bands.</li></ul>

    <b>What comes out.</b> 1 and 0 (255 where invalid) when the expression is true or false, else
    decimal numbers with NaN where invalid, unless you choose a type. Whole numbers are calculated
    exactly. A pixel is invalid where a band that the expression uses is, and where there is no
    result: division by 0, a root or logarithm of what has none. Those are counted.

    Expressions are never run as Python. A mistake is shown with its place in the text.
    """

    operation = bandmath
    title = "Band math"
    group_id = "masks"
    keywords = ("band math", "raster calculator", "expression", "index", "ratio", "percentile")
