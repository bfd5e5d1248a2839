# SPDX-License-Identifier: GPL-2.0-or-later
"""What all runs that correct images end with: views, files, counts, report."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

from ..errors import InvalidOption
from ..image import Image
from ..progress import Progress
from ..provenance import repetition, write_json
from ..radiometry.adjusted import Adjusted
from ..radiometry.adjustments import Adjustments, ImageAdjustment
from ..radiometry.lookup import Curve, LookedUp
from ..raster import RasterImage, output_paths, refuse_overwriting
from ..report.html import Report, write_report
from ..requests.shared.correcting import Correcting, Modeling, Reporting
from ..resuming import files_below
from ..stage import write_text
from ..vector import files_of
from ..write import Written, paths_of, write_all

RequestT = TypeVar("RequestT", bound="Reporting")


def destinations(
    images: Sequence[RasterImage],
    request: Reporting,
    inputs: Iterable[str | None] = (),
    outputs: Iterable[str | None] = (),
) -> tuple[str, ...]:
    """Return the path of each corrected image; every output is checked against all inputs.

    `inputs` are files read besides the images, `outputs` what is written besides images, model and
    report. Raises InvalidOption when an output would replace an input or another output.
    """
    paths = output_paths(images, request.output_folder, request.name_pattern)
    mask = getattr(request, "vector_mask", None)
    read = [*(image.path for image in images), *files_of(mask), *filter(None, inputs)]
    given = (getattr(request, "output_model", None), request.report, *outputs)
    more = [os.path.abspath(path) for path in given if path]
    for path in more:
        refuse_overwriting(path, read)
    written = paths if getattr(request, "write_images", True) else ()
    _refuse_replacing((*written, *more), read)
    return paths


def _refuse_replacing(outputs: Sequence[str], inputs: Iterable[str]) -> None:
    """Raise InvalidOption for an output that is an input under its name, or written twice."""
    read, seen = {os.path.realpath(path): path for path in inputs}, set()
    for path in map(os.path.realpath, outputs):
        name = os.path.basename(path)
        if path in read:
            raise InvalidOption(f"Output would overwrite the input {name}. Choose another name.")
        if path in seen:
            raise InvalidOption(f"{name} would be written twice. Choose other names.")
        seen.add(path)


def corrected(image: Image, mine: ImageAdjustment, output_type: str = "same") -> Image:
    """Return the image with its gains and offsets, or its curves, as a view."""
    if not mine.lookups:
        return Adjusted(image, mine.gains, mine.offsets, output_type)
    curves = tuple(Curve(one.x, one.y, gain) for one, gain in zip(mine.lookups, mine.gains))
    return LookedUp(image, curves, output_type)


def written_images(
    views: Sequence[Image], paths: Sequence[str], request: Correcting, progress: Progress
) -> list[Written]:
    """Write the corrected images, unless only the model is wanted."""
    if not request.write_images:
        progress.info("Only the model is saved; no image is written.")
        return []
    progress.phase("Writing the corrected images")
    return write_all(views, paths, exact(request, views), progress)


def exact(request: RequestT, views: Sequence[Image]) -> RequestT:
    """Return a request with the files of images instead of folders and patterns."""
    files = dict.fromkeys(path for view in views for path in files_below(view))
    return replace(request, images=tuple(files))


def common_numbers(
    request: Reporting, written: Sequence[Written], images: int, skipped: int
) -> dict[str, Any]:
    """Return the fields of CorrectedResult; `skipped` of `images` were not corrected."""
    samples = sum(one.valid_pixels * len(one.sample) for one in written)
    return {
        "output_layers": paths_of(written),
        "report": request.report and os.path.abspath(request.report),
        "images_used": images - skipped,
        "images_skipped": skipped,
        "clipped_fraction": sum(one.clipped for one in written) / max(1, samples),
        "moved_from_nodata": sum(one.moved_from_nodata for one in written),
    }


def model_numbers(request: Modeling, model: Adjustments, names: Sequence[str]) -> dict[str, Any]:
    """Write the model, and return the fields that ModeledResult adds; `names` are the images."""
    if request.output_model:
        write_text(request.output_model, model.text() + "\n")
    gains = [gain for name in names for gain in model.of(name).gains]
    return {
        "output_model": request.output_model and os.path.abspath(request.output_model),
        "gain_min": min(gains),
        "gain_max": max(gains),
    }


def conclude(
    algorithm: str,
    request: Reporting,
    report: Report,
    outcome: Any,
    more: dict[str, Any],
    progress: Progress,
) -> None:
    """Say the verdict; write the report with how to repeat the run, and its numbers beside it."""
    if request.report:
        path = write_report(request.report, replace(report, repeat=repetition(algorithm, request)))
        write_json(path + ".json", {**asdict(outcome), **more})
    progress.verdict(report.verdict.sentence)
    progress.advance(1.0)
