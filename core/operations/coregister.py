# SPDX-License-Identifier: GPL-2.0-or-later
"""Move an image onto a reference to a few hundredths of a pixel, and prove it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from ..alike import file_name
from ..errors import IncompatibleImages, InvalidOption, NoSolution
from ..exchange.given import read_given
from ..exchange.layer import ExtraField, write_key_points
from ..exchange.registration import write_diagnostics, write_page
from ..exchange.transform import SavedTransform, Side, write_transform
from ..grid import Grid
from ..image import Image
from ..masks.edges import Rim, eroded
from ..matching.keypoints import KeyPoints
from ..options import Kind, option, redefault, result, values_of
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded, repetition
from ..raster import refuse_overwriting
from ..registration.corrected import (
    MovedWriting,
    chosen_resampling,
    corrected,
    declared,
    moved_grid,
    reached,
)
from ..registration.estimate import Estimate, estimate, pair_lattice
from ..registration.inputs import Inputs, open_inputs, outputs_of
from ..registration.options import MODELS, PairMasking, PairMatching
from ..registration.placed import tell_changed, write_placed
from ..registration.points import Listed, listed, on_lattice
from ..registration.solve import Given, Run
from ..requests import EdgeTrim
from ..transform.correction import Correction, identity
from ..write import write

NEEDS = (("all models but local", ()), ("local", ("scipy",)), ("report figures", ("matplotlib",)))

FEWEST = 3
"""Points without which not even a shift is supported."""

KINDS = {
    "id": "integer",
    "window": "integer",
    "level": "integer",
    "role": "string",
    "reason": "string",
    **dict.fromkeys(("l1_outlier", "l2_outlier", "l3_outlier", "outlier"), "integer"),
}
"""Types of the columns beside those of all key points; the others are numbers."""


@dataclass(frozen=True)
class Request(PairMatching, PairMasking, EdgeTrim, MovedWriting):
    """Options of the run."""

    moving: str = option(Kind.RASTER, "Moving image", help="The image that is moved.")
    reference: str = option(Kind.RASTER, "Reference", help="The image that stays.")
    model: str = option(
        Kind.CHOICE,
        "Model",
        "rigid",
        choices=MODELS,
        help="Upper limit of what the correction may do. translation: a shift. rigid: also a "
        "rotation. similarity: also a scale. affine: also shear. local: affine and a smooth field. "
        "It is lowered with a warning where the images do not support it",
    )
    output_grid: str = option(
        Kind.CHOICE,
        "Output grid",
        "moving",
        choices=("moving", "reference"),
        help="moving: the pixels of the moving image. reference: those of the reference, where the "
        "moved image lies on it",
    )
    resampling: str = redefault(MovedWriting, "resampling", "auto", advanced=True)
    tie_points: str | None = option(
        Kind.FILE,
        "Key points to use",
        None,
        advanced=True,
        help="A .points file of the georeferencer, key points of an earlier run (GeoPackage, CSV), "
        "a table of AROSICS or tie points in JSON.",
    )
    tie_point_use: str = option(
        Kind.CHOICE,
        "What key points are used for",
        "add",
        choices=("only", "add", "start"),
        advanced=True,
        help="only: nothing is matched. add: they count beside the windows. start: they give the "
        "place where matching starts",
    )
    diagnostics_folder: str | None = option(
        Kind.FOLDER_OUT,
        "Diagnostics folder",
        None,
        advanced=True,
        help="Both images as they were matched, and their validity: fixed_reg.tif, moving_reg.tif, "
        "fixed_mask.tif, moving_mask.tif.",
    )
    output: str | None = option(
        Kind.RASTER_OUT,
        "Corrected image",
        None,
        created=True,
        help="GeoTIFF; without a name the correction is only estimated.",
    )
    transform: str | None = option(
        Kind.JSON_OUT,
        "Transform",
        None,
        help="The correction, to apply it to other bands, masks and resolutions.",
    )
    key_points: str | None = option(
        Kind.VECTOR_OUT,
        "Key points",
        None,
        advanced=True,
        help="Every window with its displacement, and why it was used or not.",
    )
    report: str | None = option(
        Kind.HTML_OUT, "Report", None, created=True, help="What was done and how good it is."
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if 0 < self.window_size_match < 16:
            raise InvalidOption(f"Matching window: {self.window_size_match} is below 16.")
        for size in self.solve_resolutions:
            if not 0 <= size < math.inf:
                raise InvalidOption(f"Pixel sizes of the solve: {size:g} is not 0 or a pixel size.")
        if self.tie_point_use != "add" and not self.tie_points:
            raise InvalidOption(
                f"TIE_POINT_USE = {self.tie_point_use} needs the key points: name their file in "
                "TIE_POINTS."
            )
        if self.correction == "geotransform":
            if self.model == "local":
                raise InvalidOption(
                    "A local field cannot be stored in a geotransform. Use CORRECTION = resample."
                )
            if self.output_grid == "reference":
                raise InvalidOption(
                    "CORRECTION = geotransform leaves all pixels as they are, so the output keeps "
                    "the moving image's grid. Use OUTPUT_GRID = moving."
                )


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output: str | None = result(Kind.RASTER_OUT, "Corrected image")
    transform: str | None = result(Kind.JSON_OUT, "Transform")
    key_points: str | None = result(Kind.VECTOR_OUT, "Key points")
    report: str | None = result(Kind.HTML_OUT, "Report")
    rmse_before: float | None = result(Kind.NUMBER, "Residual before, px")
    rmse_after: float | None = result(Kind.NUMBER, "Residual after, px")
    shift_x: float | None = result(Kind.NUMBER, "Shift to the right, px")
    shift_y: float | None = result(Kind.NUMBER, "Shift down, px")
    shift_east: float | None = result(Kind.NUMBER, "Shift east, map units")
    shift_north: float | None = result(Kind.NUMBER, "Shift north, map units")
    rotation: float | None = result(Kind.NUMBER, "Rotation clockwise, °")
    scale: float | None = result(Kind.NUMBER, "Scale")
    points: int | None = result(Kind.INTEGER, "Windows that agree")
    n_points: int | None = result(Kind.INTEGER, "Windows matched")
    n_inliers: int | None = result(Kind.INTEGER, "Windows in the fit")
    reliability: float | None = result(Kind.NUMBER, "Reliability")
    accepted: int | None = result(Kind.INTEGER, "Accepted")
    model_used: str | None = result(Kind.TEXT, "Model used")
    metric_used: str | None = result(Kind.TEXT, "Measure used")
    reason: str | None = result(Kind.TEXT, "Reason")


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Estimate the correction of a pair, verify it, and write the corrected image.

    Raises NoSolution with the reason when the result is not accepted and REFUSED is fail; then
    transform, key points and report are written, the image is not.
    """
    heard = Recorder(progress)
    inputs = open_inputs(request.moving, request.reference, request, heard)
    for path in outputs_of(request, ("output", "transform", "key_points", "report")):
        refuse_overwriting(path, [*inputs.paths, *filter(None, (request.tie_points,))])
    lattice = pair_lattice(inputs.matched_reference, inputs.matched_moving, request.model, request)
    given = _given(inputs, request, heard)
    known = None if given is None else Given(on_lattice(given, lattice), request.tie_point_use)
    work = Run(request.threads, heard.part(0.0, 0.6))
    found = estimate(lattice, request.model, request, work, known)
    if found.lowered:
        heard.warn(found.lowered)
    _settle_refusal(found, request, heard)
    _write_evidence(inputs, found, given, request, heard)
    if not found.accepted and request.refused == "fail":
        raise NoSolution(found.reason)
    output = _written(inputs, found, request, heard.part(0.65, 1.0)) if request.output else None
    progress.info(found.reason)
    progress.advance(1.0)
    return _result(found, request, output)


def apply(inputs: Inputs, found: Estimate, request: Request, progress: Progress = SILENT) -> Image:
    """Return the moving image, corrected, as a view: nothing is computed yet."""
    correction = found.correction
    if not found.accepted and request.refused == "unchanged":
        correction = identity(correction.crs, correction.frame)
    resampling = chosen_resampling(inputs.moving, request.resampling, progress)
    typed = declared(inputs.moving, request, inputs.reference.nodata)
    target = inputs.moving.grid
    if request.output_grid == "reference":
        target = _on_reference(inputs, correction)
    moved = corrected(
        typed, correction, target, resampling=resampling, valid_weight=request.valid_weight
    )
    rim = Rim(
        request.edge_trim_depth if request.edge_trim else 0,
        request.edge_trim_band,
        request.edge_trim_below if request.edge_trim else None,
        request.edge_trim_above if request.edge_trim else None,
    )
    return eroded(moved, rim, name="EDGE_TRIM_BAND")


def _on_reference(inputs: Inputs, correction: Correction) -> Grid:
    """Return the part of the reference's grid on which the corrected image lies."""
    grid = inputs.reference.grid
    window = reached(inputs.moving, correction, grid)
    if window.empty:
        raise IncompatibleImages(
            f"{file_name(inputs.moving)}, corrected, does not reach {file_name(inputs.reference)}. "
            "Use OUTPUT_GRID = moving."
        )
    return grid.cropped(window)


def _given(inputs: Inputs, request: Request, progress: Progress) -> KeyPoints | None:
    if not request.tie_points:
        return None
    ends = [
        (os.path.basename(path), image.grid)
        for path, image in (
            (request.reference, inputs.reference),
            (request.moving, inputs.moving),
        )
    ]
    points = read_given(request.tie_points, ends[0], ends[1], progress)
    count = int(points.used.sum())
    if request.tie_point_use == "only" and count < FEWEST:
        text = f"{count} enabled point{'s' * (count != 1)}"
        raise InvalidOption(f"{text}; {request.model} needs {FEWEST}.")
    progress.info(f"{count} of {len(points)} given key points are enabled.")
    return points


def _settle_refusal(found: Estimate, request: Request, progress: Progress) -> None:
    """Warn about what becomes of a result that is not accepted."""
    if found.accepted or request.refused == "fail":
        return
    fate = {
        "unchanged": "The image is written uncorrected (REFUSED = unchanged).",
        "force": "The correction is applied all the same (REFUSED = force).",
    }[request.refused]
    progress.warn(f"{found.reason} {fate}")


def _write_evidence(
    inputs: Inputs,
    found: Estimate,
    given: KeyPoints | None,
    request: Request,
    progress: Recorder,
) -> None:
    """Write what a run leaves whether its result is accepted or not."""
    if request.transform:
        write_transform(request.transform, saved(inputs, found, request))
    points = Listed(KeyPoints.none(), {})
    if request.key_points or request.report:
        points = listed(found, given, request.min_reliability)
    if request.key_points:
        extra = tuple(
            ExtraField(name, KINDS.get(name, "real"), values.tolist())
            for name, values in points.columns.items()
        )
        write_key_points(request.key_points, points.points, inputs.reference.grid, extra)
    if request.diagnostics_folder:
        write_diagnostics(request.diagnostics_folder, found)
    if request.report:
        progress.phase("Writing the report")
        write_page(
            request.report,
            found,
            points,
            names=(file_name(inputs.moving), file_name(inputs.reference)),
            warnings=progress.warnings,
            repeat=repetition("coregister", request),
        )


def saved(inputs: Inputs, found: Estimate, request: Request) -> SavedTransform:
    """Return the correction with all that its file tells."""
    moving, reference = inputs.moving, inputs.reference
    return SavedTransform(
        found.correction,
        Side(file_name(moving), moving.grid, request.moving_band, moving.nodata),
        Side(file_name(reference), reference.grid, request.reference_band, reference.nodata),
        request.model,
        found.model_used,
        found.metric_used,
        found.quality,
        found.accepted,
        found.reason,
        values_of(request),
    )


def _written(inputs: Inputs, found: Estimate, request: Request, progress: Progress) -> str:
    """Write the corrected image, or the image unchanged at its place."""
    output = os.path.abspath(request.output or "")
    if request.correction == "geotransform":
        correction = found.correction
        if not found.accepted and request.refused == "unchanged":
            correction = identity(correction.crs, correction.frame)
        placed = moved_grid(inputs.moving, correction)
        write_placed(inputs.moving_file, output, placed.transform, request, progress)
        return output
    view = apply(inputs, found, request, progress)
    progress.check()
    progress.phase("Writing the corrected image")
    done = write(view, output, request, progress)
    tell_changed(done, inputs.moving, view, request, progress)
    return output


def _result(found: Estimate, request: Request, output: str | None) -> Result:
    before, after = found.rmse
    linear, shift = found.correction.linear, found.shift
    quality = found.solved.quality if found.solved else None
    return Result(
        output=output,
        transform=request.transform,
        key_points=request.key_points,
        report=request.report,
        rmse_before=before,
        rmse_after=after,
        shift_x=shift[0],
        shift_y=shift[1],
        shift_east=found.on_map[0],
        shift_north=found.on_map[1],
        rotation=linear.rotation,
        scale=linear.scale,
        points=found.points,
        n_points=quality.points if quality else 0,
        n_inliers=found.points,
        reliability=found.reliability,
        accepted=int(found.accepted),
        model_used=found.model_used,
        metric_used=found.metric_used,
        reason=found.reason,
    )
