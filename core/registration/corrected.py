# SPDX-License-Identifier: GPL-2.0-or-later
"""A correction applied: the corrected image as a view, the grids it may get, what it declares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Union

import numpy as np
from numpy.typing import NDArray

from ..alike import file_name
from ..displacements.pair import pixel_ratio
from ..errors import IncompatibleImages, InvalidOption
from ..grid import Grid
from ..image import Cast, Details, Image, Pixels, View, representable
from ..placement import revisited
from ..progress import SILENT, Progress
from ..raster import CrsMapping, same_crs
from ..requests.shared.moving import MovedWriting
from ..transform.correction import Chain, Correction, Inverse, Mapping, moved_transform
from ..transform.labels import labels_in
from ..transform.warped import Moved, Warped, lattice_step
from ..windows import Window

Floats = NDArray[np.float64]

TOLERANCE = 0.0005
"""Error of positions between the nodes of a lattice that is allowed, px: half for the field."""

STEPS = (64, 32, 16, 8, 4, 2)

SAME_SIZE = 0.01
"""Relative difference below which pixels have one size."""

DENSITY = 33
"""Points along each edge of a footprint that is moved."""

ANY_CRS = 0.01
"""Error of a moved geotransform that is allowed, px."""

Placing = Union[Correction, Inverse]
"""A correction, or its inverse: both map positions on the map of its CRS."""


@dataclass(frozen=True)
class Declared(View):
    """The image below, with another nodata value declared (None: none)."""

    declared: float | None

    @property
    def nodata(self) -> float | None:
        """The value declared here."""
        return self.declared

    @property
    def details(self) -> Details:
        """Those of the image below, whose pixels are valid by this value or by a mask."""
        below = self.source.details
        kept = "mask" if below.validity == "nodata" else below.validity
        return replace(below, validity=kept if self.declared is None else "nodata")

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below."""
        return self.source.read(window, bands, rounded)


def chosen_resampling(image: Image, resampling: str, progress: Progress = SILENT) -> str:
    """Return the resampling of an image: what was asked for, "auto" after a look at its values."""
    reason = labels_in(image) if resampling == "auto" or image.details.color_table else ""
    if resampling != "auto":
        if reason and resampling != "nearest":
            progress.warn(
                f"{file_name(image)} has {reason}: {resampling} mixes the numbers of its classes. "
                "RESAMPLING=nearest keeps them."
            )
        return resampling
    if reason:
        progress.info(
            f"{file_name(image)} has {reason}, so it is resampled by nearest neighbor. RESAMPLING "
            "changes that."
        )
    return "nearest" if reason else "cubic"


def declared(image: Image, how: MovedWriting, reference_nodata: float | None = None) -> Image:
    """Return the image with the type and nodata value that its corrected form gets.

    The value given, else the image's, else the reference's, else NaN for decimal numbers; an image
    that has a mask or alpha keeps it. Raises InvalidOption for a value that the type cannot hold.
    """
    dtype = image.dtype if how.output_type == "same" else np.dtype(how.output_type)
    if how.output_nodata is not None and representable(how.output_nodata, dtype) is None:
        raise InvalidOption(
            f"Nodata value {how.output_nodata:g} does not fit pixels of type {dtype}. "
            "Give another one, or another OUTPUT_TYPE."
        )
    wanted = [how.output_nodata, image.nodata]
    if image.details.validity not in ("alpha", "mask"):
        wanted += [reference_nodata, math.nan if dtype.kind == "f" else None]
    fitting = (one for one in wanted if representable(one, dtype) is not None)
    typed = image if dtype == image.dtype else Cast(image, dtype.name)
    return Declared(typed, next(fitting, None))


def corrected(
    image: Image,
    placing: Placing,
    target: Grid,
    *,
    resampling: str = "cubic",
    valid_weight: float = 0.5,
) -> Image:
    """Return the image, corrected, on the pixels of a grid, as a view.

    `placing` maps true positions to those that the image shows: a Correction moves an image onto
    its reference, an Inverse moves back. The image and the grid may have any CRS.
    """
    forward = forward_of(placing)
    into = None if same_crs(target.crs, forward.crs) else CrsMapping(target.crs, forward.crs)
    seen = revisited(image)
    if forward.field is None and same_crs(image.grid.crs, forward.crs):
        transform, _ = moved_transform(image.grid, placing.inverse())
        seen = Moved(seen, replace(image.grid, transform=transform))
        view = Warped(seen, target, resampling, into, 1, False, valid_weight)
        return view if into is None else replace(view, step=lattice_step(view, TOLERANCE, STEPS))
    steps: list[Mapping] = [placing] if into is None else [into, placing]
    if not same_crs(image.grid.crs, forward.crs):
        steps.append(CrsMapping(forward.crs, image.grid.crs))
    view = Warped(seen, target, resampling, Chain(tuple(steps)), 1, False, valid_weight)
    if into is None and placing is forward and len(steps) == 1 and not target.rotated:
        return view  # a field along rows and columns is as fast as a lattice
    most = _field_step(view, forward)
    return replace(view, step=lattice_step(view, TOLERANCE, [s for s in STEPS if s <= most]))


def forward_of(placing: Placing) -> Correction:
    """Return the correction itself."""
    return placing if isinstance(placing, Correction) else placing.correction


def moved_grid(image: Image, placing: Placing) -> Grid:
    """Return the grid that puts an image's own pixels where they truly lie.

    Raises InvalidOption for a local field, and for a CRS in which the correction is not straight.
    """
    forward = forward_of(placing)
    if forward.field is not None:
        raise InvalidOption(
            "A local field cannot be stored in a geotransform. Use CORRECTION = resample."
        )
    back: Mapping = placing.inverse()
    if not same_crs(image.grid.crs, forward.crs):
        into = CrsMapping(image.grid.crs, forward.crs)
        back = Chain((into, back, into.inverse()))
    transform, wrong = moved_transform(image.grid, back)
    if not wrong <= ANY_CRS:
        raise InvalidOption(
            f"In the CRS of {file_name(image)} the correction is not straight (by {wrong:.2g} px), "
            "so a geotransform cannot hold it. Use CORRECTION = resample."
        )
    return replace(image.grid, transform=transform)


def own_place(image: Image, correction: Correction) -> Grid | None:
    """Return the grid that puts an image's own pixels in place; None where none does."""
    if correction.identity:
        return image.grid
    try:
        return None if correction.field else moved_grid(image, correction)
    except InvalidOption:  # not straight in the image's own CRS
        return None


def reference_grid(image: Image, placing: Placing, reference: Grid) -> Grid:
    """Return the part of a reference grid that the corrected image covers, at its pixel size.

    Pixels of about the reference's size become those of the reference. Raises IncompatibleImages
    when the corrected image does not reach the reference.
    """
    ratio, lattice = _ratio(image.grid, reference), reference
    if abs(ratio - 1) > SAME_SIZE:
        x, a, b, y, d, e = reference.transform
        lattice = Grid(
            math.ceil(reference.width / ratio - SAME_SIZE),
            math.ceil(reference.height / ratio - SAME_SIZE),
            (x, a * ratio, b * ratio, y, d * ratio, e * ratio),
            reference.crs,
        )
    window = reached(image, placing, lattice)
    if window.empty:
        raise IncompatibleImages(
            f"{file_name(image)}, corrected, does not reach the reference of the transform. Use "
            "OUTPUT_GRID = image."
        )
    return lattice.cropped(window)


def reached(image: Image, placing: Placing, grid: Grid) -> Window:
    """Return the window of a grid that the corrected image covers, maybe an empty one."""
    return _window(grid, moved_outline(image, placing, grid.crs)).clipped(grid.window)


def _ratio(grid: Grid, reference: Grid) -> float:
    """Side of a pixel in pixels of the reference."""
    if not same_crs(grid.crs, reference.crs):
        return pixel_ratio(reference, grid)
    return math.sqrt(math.prod(grid.pixel_size) / math.prod(reference.pixel_size))


def moved_outline(image: Image, placing: Placing, crs: str) -> tuple[Floats, Floats]:
    """Return map positions (x, y), in a CRS, of the outline of the corrected image."""
    forward = forward_of(placing)
    x, y = outline(image.grid, forward.crs)
    x, y = placing.inverse()(x, y)
    return (x, y) if same_crs(crs, forward.crs) else CrsMapping(forward.crs, crs)(x, y)


def outline(grid: Grid, crs: str) -> tuple[Floats, Floats]:
    """Return map positions (x, y), in a CRS, along the edges of a grid.

    Raises IncompatibleImages when the grid lies where the CRS does not reach.
    """
    along = np.linspace(0, 1, DENSITY)
    none, all_ = np.zeros(DENSITY), np.ones(DENSITY)
    cols = np.concatenate([along, all_, along[::-1], none]) * grid.width
    rows = np.concatenate([none, along, all_, along[::-1]]) * grid.height
    x, y = grid.to_map(cols, rows)
    if not same_crs(grid.crs, crs):
        x, y = CrsMapping(grid.crs, crs)(x, y)
        good = np.isfinite(x) & np.isfinite(y)
        if not good.any():
            raise IncompatibleImages("An image lies where the CRS of the transform ends.")
        x, y = x[good], y[good]
    return x, y


def _window(grid: Grid, at: tuple[Floats, Floats]) -> Window:
    cols, rows = grid.to_pixel(*at)
    known = np.isfinite(cols) & np.isfinite(rows)
    if not known.any():
        return Window(0, 0, 0, 0)
    cols, rows = cols[known], rows[known]
    unit = Grid(grid.width, grid.height, (0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    return unit.window_of((cols.min(), rows.min(), cols.max(), rows.max()))


def _field_step(view: Warped, forward: Correction) -> float:
    """Return the spacing of nodes, px, at which the field alone keeps to the tolerance."""
    if forward.field is None or forward.field.bend == 0:
        return math.inf
    shown = _metric_pixel(view.source.grid, forward)
    made = _metric_pixel(view.target, forward)
    # twice the curvature for lattices that do not run along u and v, and for an inverse
    return math.sqrt(8 * TOLERANCE * shown / (2 * forward.field.bend)) / made


def _metric_pixel(grid: Grid, forward: Correction) -> float:
    """Side of a pixel in metric coordinates of the correction, at the middle of a grid."""
    col, row = grid.width / 2, grid.height / 2
    x, y = grid.to_map(np.array([col, col + 1, col]), np.array([row, row, row + 1]))
    if not same_crs(grid.crs, forward.crs):
        x, y = CrsMapping(grid.crs, forward.crs)(x, y)
    u, v = forward.frame.metric(x, y)
    sides = np.hypot(u[1:] - u[0], v[1:] - v[0])
    return float(sides.mean())
