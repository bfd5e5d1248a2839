# SPDX-License-Identifier: GPL-2.0-or-later
"""Count on how many dates each pixel is clear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import IncompatibleImages
from ..image import Pixels
from ..landcover.series import mask_dates
from ..landcover.validity import ClearCount, Common
from ..placement import refuse_other_crs, revisited
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, expand, open_image, refuse_overwriting
from ..requests.pixelvalidity import Request as Request
from ..requests.pixelvalidity import Result as Result
from ..vector import Feature, FootprintTrace, Layer, write_layers
from ..vector.rings import area_of, rings_of, wkb_of
from ..vector.shaping import buffered
from ..vector.styles import cells_style
from ..windows import Window
from ..write import Beside, write
from .series.parts import typed


class ClearArea:
    """Counts clear dates and traces where there are enough, while they are written."""

    def __init__(self, trace: FootprintTrace, threshold: int) -> None:
        self._trace, self._threshold = trace, threshold
        self.total = self.never = self.enough = 0

    def feed(self, index: int, window: Window, pixels: Pixels) -> tuple[Any, tuple[int, int, int]]:
        """Look at the counts of a window."""
        counts = pixels.values[0]
        enough = counts >= self._threshold
        sums = int(counts.sum(dtype=np.int64)), int((counts == 0).sum()), int(enough.sum())
        return self._trace.feed(index, window, Pixels(pixels.values, enough)), sums

    def merge(self, partial: tuple[Any, tuple[int, int, int]]) -> None:
        """Add what a window holds."""
        self._trace.merge(partial[0])
        self.total += partial[1][0]
        self.never += partial[1][1]
        self.enough += partial[1][2]


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Count the clear dates, write the count and what was asked for besides."""
    masks = opened_masks(request.masks, progress)
    inputs = [mask.path for mask in masks]
    output = refuse_overwriting(request.output, inputs)
    common = refuse_overwriting(request.output_common, inputs) if request.output_common else None
    again = tuple(map(revisited, masks)) if common else masks
    count = ClearCount(again)
    beside = [Beside(Common(again), common, request)] if common else []
    progress.phase("Counting the clear dates")
    with FootprintTrace([count]) as trace:
        area = ClearArea(trace, request.threshold)
        view = typed(count, request.output_type)
        write(view, output, request, progress.part(0, 0.9), (area,), beside)
        polygons = _polygons(trace, count, request) if request.output_area else None
    if polygons is not None and request.output_area:
        _write_area(request.output_area, polygons, count, request.threshold)
    pixels = count.grid.window.pixels
    dates = sum(mask.bands for mask in masks)
    _remark(area, pixels, dates, request, progress, polygons)
    return Result(
        output,
        output_common=common,
        output_area=request.output_area,
        dates=dates,
        mean_clear=area.total / pixels,
        never_clear=area.never,
        clear_pixels=area.enough,
    )


def opened_masks(entries: Sequence[str], progress: Progress = SILENT) -> tuple[RasterImage, ...]:
    """Open mask series of one grid.

    Raises IncompatibleImages for another image and for different grids.
    """
    masks = tuple(open_image(path) for path in expand(entries, progress))
    refuse_other_crs(masks)
    for mask in masks:
        mask_dates(mask)
        grids = masks[0].grid, mask.grid
        same = grids[0].offset(grids[1]) == (0, 0)
        if not same or grids[0].window != grids[1].window:
            raise IncompatibleImages(
                f"{masks[0].name} and {mask.name} lie on different grids. Stack all sensors onto "
                "one grid first."
            )
    return masks


def _polygons(trace: FootprintTrace, count: ClearCount, request: Request) -> tuple[Any, ...]:
    (found,) = trace.footprints(count.grid.crs)
    return buffered(rings_of(found.geometry), -request.shrink)


def _write_area(path: str, polygons: Sequence[Any], count: ClearCount, threshold: int) -> None:
    features = tuple(
        Feature(wkb_of([polygon]), {"threshold": threshold, "area": area_of([polygon])})
        for polygon in polygons
    )
    fields = (("threshold", "integer"), ("area", "real"))
    name = f"CloudThreshold_{threshold}"
    style = cells_style("threshold")
    write_layers(path, [Layer(name, "MultiPolygon", count.grid.crs, fields, features, style)])


def _remark(
    area: ClearArea,
    pixels: int,
    dates: int,
    request: Request,
    progress: Progress,
    polygons: tuple[Any, ...] | None,
) -> None:
    progress.info(
        f"Of {dates} dates, {area.total / pixels:.1f} are clear on average; {area.never} of "
        f"{pixels} pixels are never clear."
    )
    if not area.enough:
        progress.warn(
            f"No pixel is clear on {request.threshold} dates or more: the clear area is empty."
        )
    elif polygons == ():
        progress.warn(
            f"Shrink: {request.shrink:g} map units leave nothing of the clear area. Lower it."
        )
