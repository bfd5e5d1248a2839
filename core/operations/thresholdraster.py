# SPDX-License-Identifier: GPL-2.0-or-later
"""Write where a condition on the bands of images holds: 1, 0, and 255 where they are invalid."""

from __future__ import annotations

from ..errors import InvalidOption
from ..masks.evaluated import Target
from ..masks.lexing import quoted
from ..masks.machine import Expression
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage
from ..requests.thresholdraster import Request as Request
from ..requests.thresholdraster import Result as Result
from .expression.computing import INVALID, compute

NEEDS = ()


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read the condition for every image, see the images through it, and write them."""

    def aim(image: RasterImage, expression: Expression) -> Target:
        refuse_numbers(expression)
        return Target(request.output_type, INVALID)

    found = compute(request, lambda image: request.expression, aim, progress)
    share = found.ones / found.valid if found.valid else None
    if share is not None:
        progress.info(f"{100 * share:.2f} % of the valid pixels are true.")
    return Result(found.paths, found.used, found.skipped, found.valid, found.undefined, share)


def refuse_numbers(expression: Expression) -> None:
    """Raise InvalidOption for an expression that does not give true or false."""
    for text, logical in zip(expression.texts, expression.logical):
        if not logical:
            raise InvalidOption(
                f"Expression: {quoted(text)} gives numbers, not true or false; use bandmath or add "
                "a comparison."
            )
