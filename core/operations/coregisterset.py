# SPDX-License-Identifier: GPL-2.0-or-later
"""Move overlapping images together so that all of them fit each other, without a reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..alike import file_name
from ..errors import NoOverlap, NoSolution
from ..exchange.network import (
    image_rows,
    load_ties,
    loops,
    pair_rows,
    save_ties,
    write_tie_layer,
    write_transforms,
)
from ..exchange.transform import SavedTransform, Side
from ..grid import Grid
from ..image import Image
from ..matching.fields import Smoothing
from ..matching.network import Adjusting
from ..options import values_of
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded, repetition
from ..raster import RasterImage, open_listed, output_paths, refuse_all_overwriting
from ..registration.corrected import corrected, declared, moved_outline, own_place
from ..registration.estimate import map_unit
from ..registration.gridding import Lattices, seen_on
from ..registration.joint import Approach, Ground, Joint, joint
from ..registration.members import Found, Members, members_of, tied_pairs
from ..registration.overlaps import covers, overlapping
from ..registration.placed import write_placed
from ..report.html import numbers_of, write_report
from ..report.network import NetworkFacts, finite, network_report
from ..requests.alignrasters import parsed
from ..requests.coregisterset import Request as Request
from ..requests.coregisterset import Result as Result
from ..requests.shared.moving import MovedWriting
from ..transform.correction import Correction, identity
from ..transform.warped import Moved
from ..vector import files_of
from ..write import write

NEEDS = (("global models", ()), ("local model", ("scipy",)), ("report figures", ("matplotlib",)))


@dataclass(frozen=True)
class Estimate:
    """The corrections of a set, and the tie points they come from."""

    found: Joint
    points: Found


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Find tie points in all overlaps, adjust the network, and write the corrected images.

    Raises NoSolution with the reason when the result is not accepted and REFUSED is fail; then
    tie points, transforms, key points and report are written, the images are not.
    """
    heard = Recorder(progress)
    images, skipped = open_listed(request, heard)
    members = members_of(images, request, band=request.band, nodata=request.nodata, progress=heard)
    paths = _destinations(images, members, request)
    done = estimate(members, request, heard.part(0.0, 0.7))
    outcome = _outcome(done, members, request, skipped, paths)
    _tell(done, members, request, heard)
    _write_evidence(done, members, outcome, request, heard)
    _refuse(done, request)
    heard.phase("Writing the corrected images")
    views = apply(images, done.found, request)
    for at, part in enumerate(heard.part(0.75, 1.0).split(len(images))):
        _write(images[at], views[at], paths[at], request, part)
    progress.info(_reason(done))
    progress.advance(1.0)
    return outcome


def registered(
    images: Sequence[RasterImage], request: Request, progress: Progress = SILENT
) -> tuple[list[Image], Estimate, NetworkFacts]:
    """Return every image at its place, as a view, and what was found out.

    Tie points and transforms are written, no image.
    """
    band, nodata = request.band, request.nodata
    members = members_of(images, request, band=band, nodata=nodata, progress=progress)
    done = estimate(members, request, progress)
    _tell(done, members, request, progress)
    if request.transforms:
        write_transforms(request.transforms, list(_saved(done, members, request)))
    _refuse(done, request)
    return apply(images, done.found, request), done, network_facts(done, members)


def _refuse(done: Estimate, request: Request) -> None:
    if not done.found.accepted and request.refused == "fail":
        raise NoSolution(_reason(done))


def estimate(members: Members, request: Request, progress: Progress = SILENT) -> Estimate:
    """Return the corrections of the images. Raises NoSolution when no pair can be matched."""
    crs = members.images[0].grid.crs
    ground = Ground.of([image.grid for image in members.images], crs)
    progress.phase("Looking for overlaps")
    found = covers(members.images, crs, threads=request.threads, progress=progress.part(0.0, 0.15))
    pairs = overlapping(found, request.min_overlap_fraction)
    known = {}
    if request.load_tie_points:
        known = load_ties(request.load_tie_points, members.names, progress)
    every = sorted({*pairs, *known})
    if not every:
        raise NoOverlap(
            f"None of {', '.join(members.names[:12])} overlap each other. Check the "
            "georeferencing, or lower MIN_OVERLAP_FRACTION."
        )
    points = tied_pairs(members, every, known, request, progress.part(0.15, 1.0))
    if request.save_tie_points:
        save_ties(request.save_tie_points, points.tied, members.names)
    if len(points.missing) == len(every):
        raise NoSolution(
            f"None of {len(every)} overlapping pairs could be matched. {points.missing[0][2]}"
        )
    nodes = ground.nodes(members.resistance, request.geolocation_sigma)
    near = tuple(ground.near(one, request.max_shift) for one in points.tied)
    solved = joint(ground, near, nodes, _approach(members, request), members.names)
    return Estimate(solved, replace(points, tied=near))


def _approach(members: Members, request: Request) -> Approach:
    """Return how the set is corrected."""
    network = Adjusting(
        request.global_model,
        request.robust_loss,
        request.robust_scale,
        request.pair_weighting == "equal",
    )
    local = Smoothing(
        np.array(members.hold),
        request.local_spacing,
        request.local_smoothness,
        request.local_bending,
        request.local_falloff,
        request.local_model,
    )
    bent = request.local_model != "none"
    return Approach(
        network, request.global_strength, local if bent else None, request.local_strength
    )


def apply(images: Sequence[RasterImage], found: Joint, request: Request) -> list[Image]:
    """Return every image at its place, as a view; on new pixels where these are needed."""
    lattices: list[Grid | None] = [None] * len(images)
    if request.resolution != "native" or request.tap:
        size = parsed(request.resolution)
        lattices = [*Lattices(found.ground.crs, size, tap=request.tap).of(images)]
    ways = applied(found, request)
    return [_view(*one, request) for one in zip(images, ways, lattices)]


def applied(found: Joint, request: Request) -> tuple[Correction, ...]:
    """Return the correction that each image gets: refused ones may be left out."""
    return tuple(
        identity(correction.crs, correction.frame)
        if request.refused == "unchanged" and group in found.refusals
        else correction
        for group, correction in zip(found.groups, found.corrections)
    )


def _view(
    image: RasterImage, correction: Correction, lattice: Grid | None, request: Request
) -> Image:
    """Return an image at its place: its own pixels, or those of a lattice."""
    place = own_place(image, correction)
    typed = request.output_type != "same" or request.output_nodata is not None
    if typed or lattice is not None or place is None:
        how = MovedWriting(output_type=request.output_type, output_nodata=request.output_nodata)
        seen = declared(image, how)
    else:
        seen = image
    if place is not None:
        moved = seen if place == image.grid else Moved(seen, place)
        return moved if lattice is None else seen_on(moved, lattice, request.resampling)
    target = lattice or image.grid
    x, y = moved_outline(image, correction, target.crs)
    box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    target = target.cropped(target.window_of(box))
    return corrected(seen, correction, target, resampling=request.resampling)


def _write(
    image: RasterImage, view: Image, path: str, request: Request, progress: Progress
) -> None:
    """Write an image: as a copy that lies elsewhere, or with new pixels."""
    as_it_is = view is image or (isinstance(view, Moved) and view.source is image)
    if as_it_is and request.nodata is None and not request.build_overviews:
        write_placed(image, path, view.grid.transform, request, progress)
    else:
        write(view, path, request, progress)


def _destinations(
    images: Sequence[RasterImage], members: Members, request: Request
) -> tuple[str, ...]:
    inputs = [image.path for image in members.images]
    inputs += [request.load_tie_points] if request.load_tie_points else []
    besides = files_of(request.save_tie_points, request.key_points, request.report)
    refuse_all_overwriting(besides, inputs)
    paths = output_paths(images, request.output_folder, request.name_pattern)
    refuse_all_overwriting(paths, inputs)
    return paths


def _outcome(
    done: Estimate, members: Members, request: Request, skipped: int, paths: Sequence[str]
) -> Result:
    found = done.found
    written = found.accepted or request.refused != "fail"
    return Result(
        output_layers=tuple(paths) if written else (),
        transforms=request.transforms,
        key_points=request.key_points,
        save_tie_points=request.save_tie_points,
        report=request.report,
        rmse_before=finite(found.rmse[0]),
        rmse_after=finite(found.rmse[1]),
        pairs=len(found.pairs),
        group_count=max(found.groups),
        images_used=sum(group > 0 for group in found.groups[: members.written]),
        images_skipped=skipped,
        accepted=int(found.accepted),
    )


def _tell(done: Estimate, members: Members, request: Request, progress: Progress) -> None:
    """Say what a user must know beside the result."""
    found, names = done.found, members.names
    for first, second, why in done.points.missing:
        progress.info(f"{names[first]} and {names[second]} have no tie points: {why}")
    if done.points.missing:
        progress.warn(
            f"{len(done.points.missing)} of {len(done.points.tied)} overlapping pairs could not be "
            "matched; the report names them."
        )
    alone = [name for name, group in zip(names[: members.written], found.groups) if not group]
    if alone:
        progress.warn(f"Without tie points, and so left where they are: {', '.join(alone)}.")
    if max(found.groups) > 1:
        progress.warn(
            f"The images form {max(found.groups)} groups without tie points between them; each is "
            "corrected for itself."
        )
    if found.closures:
        first, second = found.closures[0].worst
        progress.warn(
            f"{len(found.closures)} triangles of pairs do not close; the most doubtful pair is "
            f"{names[first]} and {names[second]}. See the report."
        )
    if not found.accepted and request.refused != "fail":
        fate = "uncorrected" if request.refused == "unchanged" else "corrected all the same"
        count = sum(group in found.refusals for group in found.groups)
        progress.warn(
            f"{_reason(done)} {count} images are written {fate} (REFUSED = {request.refused})."
        )


def _reason(done: Estimate) -> str:
    found = done.found
    if found.refusals:
        return next(iter(found.refusals.values()))
    before, after = found.rmse
    return (
        f"The correction was accepted: residual {before:.3g} px before, {after:.3g} px after, on "
        f"{len(found.pairs)} pair{'s' * (len(found.pairs) != 1)}."
    )


def _write_evidence(
    done: Estimate, members: Members, outcome: Result, request: Request, progress: Recorder
) -> None:
    """Write what a run leaves whether its result is accepted or not."""
    found = done.found
    if request.transforms:
        write_transforms(request.transforms, list(_saved(done, members, request)))
    if request.key_points:
        write_tie_layer(request.key_points, done.points.tied, found, members.names)
    if request.report:
        progress.phase("Writing the report")
        facts = replace(
            network_facts(done, members),
            numbers=numbers_of(outcome),
            warnings=tuple(progress.warnings),
            repeat=repetition("coregisterset", request),
        )
        write_report(request.report, network_report(facts))


def network_facts(done: Estimate, members: Members) -> NetworkFacts:
    """Return what a report tells of images and pairs."""
    found, fixed = done.found, [at for at, one in enumerate(members.resistance) if np.isinf(one)]
    return NetworkFacts(
        found.accepted,
        _reason(done),
        found.rmse[1],
        (),
        tuple(image_rows(found, members.names, fixed)),
        tuple(pair_rows(found, done.points.missing)),
        tuple(loops(found, members.names)),
        unit=map_unit(members.images[0].grid),
    )


def _saved(done: Estimate, members: Members, request: Request) -> Iterator[SavedTransform]:
    """Yield the correction of each image that is written, with all that its file tells."""
    found, options = done.found, values_of(request)
    for at, image in enumerate(members.images[: members.written]):
        side = Side(file_name(image), image.grid, max(1, request.band), image.nodata)
        own = [pair for pair in found.pairs if at in (pair.first, pair.second)]
        numbers = {
            "rmse_before": found.rmse[0],
            "rmse_after": found.rmse[1],
            "n_points": sum(pair.points for pair in own),
            "pairs": len(own),
            "group": found.groups[at],
        }
        refusal = found.refusals.get(found.groups[at], "")
        yield SavedTransform(
            found.corrections[at],
            side,
            side,
            request.global_model,
            request.global_model,
            request.metric if request.metric == "mutual_information" else "ncc",
            numbers,
            not refusal,
            refusal or _reason(done),
            options,
        )
