# SPDX-License-Identifier: GPL-2.0-or-later
"""Move an image onto a reference to a few hundredths of a pixel, and prove it."""

from __future__ import annotations

import os

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
from ..options import values_of
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded, repetition
from ..registration.corrected import chosen_resampling, corrected, declared, moved_grid, reached
from ..registration.estimate import Estimate, estimate, pair_lattice
from ..registration.inputs import Inputs, open_inputs
from ..registration.placed import tell_changed, write_placed
from ..registration.points import Listed, listed, on_lattice
from ..registration.solve import Given, Run
from ..requests.coregister import Request as Request
from ..requests.coregister import Result as Result
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


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Estimate the correction of a pair, verify it, and write the corrected image.

    Raises NoSolution with the reason when the result is not accepted and REFUSED is fail; then
    transform, key points and report are written, the image is not.
    """
    heard = Recorder(progress)
    inputs = open_inputs(request.moving, request.reference, request, heard)
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
