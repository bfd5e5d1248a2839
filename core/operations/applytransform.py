# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply a saved correction to an image, a mask or another resolution of the same scene."""

from __future__ import annotations

import numpy as np

from ..alike import file_name
from ..errors import IncompatibleImages, InvalidOption
from ..exchange.transform import SavedTransform, Side, read_transform, refuse_refused
from ..grid import Grid
from ..image import Array, Image
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_image, refuse_overwriting
from ..raster.crs import crs_title, is_geographic
from ..registration.corrected import (
    Placing,
    chosen_resampling,
    corrected,
    declared,
    moved_grid,
    outline,
    reached,
    reference_grid,
)
from ..registration.placed import tell_changed, write_placed
from ..requests.applytransform import Request as Request
from ..requests.applytransform import Result as Result
from ..write import write

NEEDS = ()


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read the transform, see the image through it, and write it."""
    saved = read_transform(request.transform)
    refuse_refused(saved, request.transform, allowed=request.allow_refused)
    image = open_image(request.image, request.nodata)
    refuse_unplaced("IMAGE", image)
    read = [request.image, request.transform, *filter(None, [request.template])]
    output = refuse_overwriting(request.output, read)
    placing = _placing(saved, request)
    _tell(saved, image, request, progress)
    if request.correction == "geotransform":
        placed = moved_grid(image, placing)
        write_placed(image, output, placed.transform, request, progress)
        return Result(output, 0)
    resampling = chosen_resampling(image, request.resampling, progress)
    target = _target(saved, image, placing, request)
    view = corrected(
        declared(image, request, _onto(saved, request).nodata),
        placing,
        target,
        resampling=resampling,
        valid_weight=request.valid_weight,
    )
    progress.check()
    progress.phase("Writing the corrected image")
    written = write(view, output, request, progress.part(0.02, 1.0))
    if resampling != "nearest":
        tell_changed(written, image, view, request, progress)
    return Result(output, written.moved_from_nodata)


def refuse_unplaced(role: str, image: RasterImage) -> None:
    """Raise IncompatibleImages for an image that does not say where it lies."""
    if not image.grid.crs:
        raise IncompatibleImages(
            f"{role} {file_name(image)} has no coordinate reference system. Assign one (Raster ▸ "
            "Projections) and run again."
        )


def _placing(saved: SavedTransform, request: Request) -> Placing:
    correction = saved.correction.scaled(request.strength)
    if request.strength != 1:
        least, x, y = correction.least_determinant()
        if not least > 0:
            raise InvalidOption(
                f"Strength: with {request.strength:g} the local field folds over near ({x:.9g}, "
                f"{y:.9g}). Lower it."
            )
    return correction.inverse() if request.direction == "inverse" else correction


def _onto(saved: SavedTransform, request: Request) -> Side:
    """The image whose place the result takes."""
    return saved.moving if request.direction == "inverse" else saved.reference


def _target(saved: SavedTransform, image: Image, placing: Placing, request: Request) -> Grid:
    if request.output_grid == "reference":
        return reference_grid(image, placing, _onto(saved, request).grid)
    if request.template is None:
        return image.grid
    template = open_image(request.template)
    refuse_unplaced("TEMPLATE", template)
    refuse_apart(image, placing, template)
    return template.grid


def refuse_apart(image: Image, placing: Placing, template: Image) -> None:
    """Raise IncompatibleImages when the corrected image lies beside a template."""
    if reached(image, placing, template.grid).empty:
        raise IncompatibleImages(
            f"{file_name(image)}, corrected, does not reach TEMPLATE {file_name(template)}. Check "
            "the georeferencing, or use OUTPUT_GRID = image."
        )


def _tell(saved: SavedTransform, image: RasterImage, request: Request, progress: Progress) -> None:
    """Say what is applied, and warn when the image lies beside the area it was made for."""
    forward = saved.correction
    back = request.direction == "inverse"
    made_for, onto = (saved.reference, saved.moving) if back else (saved.moving, saved.reference)
    progress.info(
        f"Transform of {made_for.name} onto {onto.name} ({saved.model_used}, "
        f"{crs_title(forward.crs)}), strength {request.strength:g}."
    )
    away = _distance(outline(image.grid, forward.crs), outline(made_for.grid, forward.crs))
    if away > 0:
        unit = "°" if is_geographic(forward.crs) else "m"
        progress.warn(
            f"IMAGE {file_name(image)} lies {away:.6g} {unit} from the area of the transform; the "
            "correction is extrapolated."
        )


def _distance(a: tuple[Array, Array], b: tuple[Array, Array]) -> float:
    """Distance of the boxes round two outlines, 0 when they touch."""
    gaps = [max(0.0, p.min() - q.max(), q.min() - p.max()) for p, q in zip(a, b)]
    return float(np.hypot(*gaps))
