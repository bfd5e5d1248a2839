# SPDX-License-Identifier: GPL-2.0-or-later
"""Several images seen as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import (
    Array,
    Cast,
    Details,
    Image,
    Pixels,
    calculation,
    calculation_type,
    constant,
    representable,
)
from ..windows import Window
from .cutting import along_cells, ruled, tracked
from .mixing import Feather
from .multiband import Multiband
from .overlap import Overlap as Overlap
from .overlap import Seams as Seams
from .overlap import labels_in
from .parts import Parts
from .rules import covers

WIDE, NARROW = 8192, 2048
"""Widest and narrowest columns in which a mosaic is written, px."""

SHARED = 48 << 10
"""Bytes of a line of pixels in such a column: where blending reads around its windows, what the
next row of windows reads again is still in memory."""


@dataclass(frozen=True)
class Mosaic:
    """Images on the pixels of one grid, put together by an overlap rule or along seam cells.

    `watch` is shown the windows in which images are mixed, as they are before that.
    """

    images: tuple[Image, ...]
    places: tuple[Window, ...]
    grid: Grid
    type_name: str
    nodata: float | None
    details: Details
    overlap: Overlap
    name: str = "mosaic"
    watch: Callable[[Window, Pixels], None] | None = None

    @property
    def bands(self) -> int:
        """Bands of the images."""
        return self.images[0].bands

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the written values."""
        return np.dtype(self.type_name)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Band names of the first image."""
        return self.images[0].band_names

    @cached_property
    def parts(self) -> Parts:
        """The images and the windows of the grid that they fill."""
        return Parts(self.images, self.places, self.dtype)

    @property
    def swath(self) -> int:
        """Width of the columns in which it is written: blending reads beyond its windows."""
        if self.overlap.rule != "multiband":
            return WIDE
        return max(NARROW, min(WIDE, SHARED // (self.bands * self.dtype.itemsize)))

    @property
    def reading_bytes(self) -> int:
        """Memory that reading takes for each pixel, beside the pixels.

        For multiband a tile with its surroundings, up to three times as large, of two images and
        of what they show together.
        """
        if self.overlap.rule != "multiband":
            return 0
        return 15 * self.bands * calculation_type(self.dtype).itemsize // 2

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the mosaic; a window that one valid image fills costs no more than that image."""
        order = self.parts.under(window, backward=self.overlap.rule == "last")
        mixer = self._mixer if order else None
        outer = window if mixer is None else window.padded(mixer.margin)
        if len(self.parts.under(outer)) < 2:
            outer, mixer = window, None
        labels = self._labels(outer)
        mixed = [] if mixer is None else list(mixer.mixed(window, labels, bands))
        if labels is None:
            found = ruled(self.parts, self.overlap.rule, window, order, bands)
        else:
            inner = labels[window.within(outer)]
            found = along_cells(self.parts, self.overlap, window, inner, order, bands)
        if mixed and self.watch:
            self.watch(window, found)
        if mixed:
            found = found.with_values(found.values.copy()) if covers(found) else found
            for one in mixed:
                one.into(found.values, window)
        if found.all_valid:
            # so that nobody looks again
            found = replace(found, valid=constant(True, window.shape))
        return found if rounded else found.with_values(calculation(found.values))

    def sources(self, window: Window) -> Array:
        """Return the numbers (from 1) of the images that the pixels are of, 0 for none.

        Where images are mixed, that is the one on whose side of the seam the pixel lies.
        """
        labels = self._labels(window)
        return tracked(self.parts, self.overlap, window, labels, bands=(1,)).sources

    def _labels(self, window: Window) -> Array | None:
        seams = self.overlap.seams
        return None if seams is None else labels_in(seams.labels, window)

    @property
    def _mixer(self) -> Feather | Multiband | None:
        """How images are mixed, if they are."""
        how, seams = self.overlap, self.overlap.seams
        if how.rule == "feather":
            return Feather(self.parts, how, self._marker)
        if how.rule == "multiband" and seams is not None:
            return Multiband(self.parts, how, seams, self._marker)
        return None

    @property
    def _marker(self) -> float | None:
        """The nodata value, when the type can hold it."""
        return None if representable(self.nodata, self.dtype) is None else self.nodata


def mosaic(
    images: Sequence[Image],
    grid: Grid,
    overlap: Overlap,
    *,
    dtype: np.dtype[Any] | None = None,
    nodata: float | None = None,
) -> Mosaic:
    """Return the mosaic of images that lie on the pixels of the grid.

    `dtype` defaults to the type that holds all; without nodata the mosaic is fully valid, or has
    alpha (as its images) or a mask.
    """
    places = tuple(grid.placed(image.grid) for image in images)
    kind = np.dtype(dtype or np.result_type(*[image.dtype for image in images]))
    held = tuple(_held(image, kind) for image in images)
    details = replace(images[0].details, validity=_validity(images, places, grid))
    if overlap.rule == "count":
        kind, nodata, held = np.dtype(np.uint16), None, tuple(images)
        details = Details(metadata=details.metadata, validity="all")
    return Mosaic(held, places, grid, kind.name, nodata, details, overlap)


def _held(image: Image, kind: np.dtype[Any]) -> Image:
    """Return the image in a type whose values the mosaic can take over."""
    return image if np.can_cast(image.dtype, kind) else Cast(image, kind.name)


def _validity(images: Sequence[Image], places: Sequence[Window], grid: Grid) -> str:
    """How the mosaic says what is not valid when it has no nodata value."""
    kinds = [image.details.validity for image in images]
    if "alpha" in kinds:
        return "alpha"
    whole = all(kind == "all" for kind in kinds) and _filled(places, grid)
    return "all" if whole else "mask"


def _filled(places: Sequence[Window], grid: Grid) -> bool:
    """Return True when the windows leave no pixel of the grid uncovered."""
    cols = np.unique([edge for p in places for edge in (p.col, p.right)] + [0, grid.width])
    rows = np.unique([edge for p in places for edge in (p.row, p.bottom)] + [0, grid.height])
    covered = np.zeros((len(rows) - 1, len(cols) - 1), bool)
    for place in places:
        c, r = (
            np.searchsorted(cols, (place.col, place.right)),
            np.searchsorted(rows, (place.row, place.bottom)),
        )
        covered[r[0] : r[1], c[0] : c[1]] = True
    inside_c = (cols[:-1] >= 0) & (cols[1:] <= grid.width)
    inside_r = (rows[:-1] >= 0) & (rows[1:] <= grid.height)
    return bool(covered[np.ix_(inside_r, inside_c)].all())
