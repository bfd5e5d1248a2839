# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of a set of images: tie points kept for the next run, a transform each, one layer."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from ..displacements.ground import with_map
from ..errors import InvalidOption
from ..grid import Grid
from ..matching.fields import Bent
from ..matching.keypoints import USED, KeyPoints
from ..matching.network import residuals
from ..progress import SILENT, Progress
from ..registration.joint import Joint
from ..registration.ties import Tied
from ..report.network import ImageRow, PairRow
from ..stage import make_folder
from .layer import ExtraField, write_key_points
from .tiepoints import TiePoints, between, known_pairs, read_tie_points, write_tie_points
from .transform import SavedTransform, write_transform


def load_ties(
    path: str, names: Sequence[str], progress: Progress = SILENT
) -> dict[tuple[int, int], Tied]:
    """Return the tie points of a file by pairs of numbers of images, the smaller one first.

    A pair that stands there without points has been matched in vain. Raises InvalidOption when
    the file knows none of the images.
    """
    pairs = known_pairs(read_tie_points(path), names, progress)
    found: dict[tuple[int, int], Tied] = {}
    for pair in pairs:
        first, second = names.index(pair.image_1), names.index(pair.image_2)
        key = (min(first, second), max(first, second))
        if first != second and key not in found:
            whole = between(pairs, pair.image_1, pair.image_2)
            found[key] = _tied(whole, first, second)
    if not found:
        raise InvalidOption(
            f"{os.path.basename(path)} holds no tie points of two of the images. Their file names "
            "must be those of the file."
        )
    return found


def _tied(pair: TiePoints, first: int, second: int) -> Tied:
    count = len(pair)
    sigma = np.full(count, np.nan) if pair.sigmas is None else pair.sigmas
    weight = np.ones(count) if pair.weights is None else pair.weights
    return Tied(first, second, pair.first, pair.second, sigma, weight)


def save_ties(path: str, tied: Sequence[Tied], names: Sequence[str]) -> str:
    """Write the tie points of all pairs, matched in vain or not; return the absolute path."""
    pairs = [
        TiePoints(
            names[pair.first],
            names[pair.second],
            pair.p,
            pair.q,
            pair.weight,
            # JSON has no NaN
            pair.sigma if np.isfinite(pair.sigma).all() else None,
        )
        for pair in tied
    ]
    return write_tie_points(path, pairs)


def write_transforms(folder: str, saved: Sequence[SavedTransform]) -> tuple[str, ...]:
    """Write one transform for each image into a folder, under the image's name."""
    make_folder(folder)
    return tuple(
        write_transform(os.path.join(folder, os.path.splitext(one.moving.name)[0] + ".json"), one)
        for one in saved
    )


def write_tie_layer(path: str, tied: Sequence[Tied], found: Joint, names: Sequence[str]) -> str:
    """Write the tie points of all pairs as one layer, in pixels of the first image."""
    grid = found.ground.grids[0]
    parts = [_columns(pair, found, grid, names) for pair in tied if len(pair)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((columns["y0"], columns["x0"]))
    columns = {name: values[order] for name, values in columns.items()}
    own = {name: columns.pop(name) for name in ("x0", "y0", "dx", "dy", "sigma_x", "status")}
    points = KeyPoints(**own, sigma_y=own["sigma_x"], score=np.ones(len(order)))
    kinds = {"image_1": "string", "image_2": "string", "role": "string"}
    extra = tuple(
        ExtraField(name, kinds.get(name, "real"), values.tolist())
        for name, values in columns.items()
    )
    return write_key_points(path, with_map(points, grid), grid, extra)


def _columns(pair: Tied, found: Joint, grid: Grid, names: Sequence[str]) -> dict[str, Any]:
    ground = found.ground
    ties = ground.ties(pair)
    models = [Bent(one.linear, one.field) for one in found.corrections]
    places = [_pixels(found, grid, at) for at in (ties.p, ties.q)]
    # the displacement that is left, seen at the place where the first image shows the point
    rest = residuals(ties, models)
    moved = _pixels(found, grid, ties.p - rest) - places[0]
    count = len(pair)
    role = np.where(ties.held, "check", "fit")
    return {
        "x0": places[0][:, 0],
        "y0": places[0][:, 1],
        "dx": places[1][:, 0] - places[0][:, 0],
        "dy": places[1][:, 1] - places[0][:, 1],
        "sigma_x": pair.sigma,
        "status": np.full(count, USED),
        "image_1": np.full(count, names[pair.first]),
        "image_2": np.full(count, names[pair.second]),
        "role": np.where(pair.weight > 0, role, "disabled"),
        "weight": pair.weight,
        "residual_x": moved[:, 0],
        "residual_y": moved[:, 1],
    }


def _pixels(found: Joint, grid: Grid, at: Any) -> Any:
    """Return array positions of the first image's grid of metric coordinates[point, (u, v)]."""
    x, y = found.ground.frame.on_map(at[:, 0], at[:, 1])
    return np.stack(grid.to_pixel(x, y), 1) - 0.5


def image_rows(found: Joint, names: Sequence[str], fixed: Collection[int]) -> Iterator[ImageRow]:
    """Yield what a report says about each image."""
    for at, name in enumerate(names):
        correction = found.corrections[at]
        u, v = found.ground.corners(at).mean(0)
        x, y = found.ground.frame.on_map(float(u), float(v))
        moved_x, moved_y = correction(x, y)
        fate = "no tie points" if not found.groups[at] else ""
        fate = "fixed" if at in fixed else fate
        yield ImageRow(
            name,
            found.groups[at],
            (x, y),
            (float(moved_x - x), float(moved_y - y)),
            correction.linear.rotation,
            correction.linear.scale,
            fate or ("refused" if found.groups[at] in found.refusals else ""),
        )


def pair_rows(found: Joint, missing: Sequence[tuple[int, int, str]]) -> Iterator[PairRow]:
    """Yield what a report says about each pair, those without tie points last."""
    for pair in found.pairs:
        yield PairRow(pair.first, pair.second, pair.points, pair.before, pair.after)
    for first, second, why in missing:
        yield PairRow(first, second, 0, np.nan, np.nan, why)


def loops(found: Joint, names: Sequence[str]) -> Iterator[tuple[str, float, float, str]]:
    """Yield the triangles that do not close: names, sum and its deviation (px), doubtful pair."""
    for loop in found.closures:
        pixel = max(found.ground.pixel(image) for image in loop.images)
        listed = ", ".join(names[image] for image in loop.images)
        doubtful = " – ".join(names[image] for image in loop.worst)
        yield listed, loop.length / pixel, loop.sigma / pixel, doubtful
