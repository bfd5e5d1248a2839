# SPDX-License-Identifier: GPL-2.0-or-later
"""What a co-registration leaves beside the image: the report, and images as they were matched."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..image import Array, ArrayImage, Details, Image, Mask
from ..raster import CrsMapping, same_crs
from ..registration.corrected import corrected
from ..registration.estimate import Estimate, map_unit
from ..registration.lattice import Lattice, averaged
from ..registration.points import Listed
from ..report.drawing import Picture
from ..report.html import Figure, Number, Repeat, write_report
from ..report.registration import Facts, registration_report
from ..report.registration_figures import Drawn, Place, Windows, figures
from ..report.thumbnail import small_grid
from ..requests import Writing
from ..stage import make_folder
from ..transform.models import Linear
from ..transform.warped import Warped, lattice_step
from ..windows import Window
from ..write import write

SHOWN, SIDE, LONGEST = 3, 160, 800
"""Places that are overlaid, their side in px of the lattice, longest side of the picture."""


def write_page(
    path: str,
    found: Estimate,
    points: Listed,
    *,
    names: tuple[str, str],
    warnings: Sequence[str] = (),
    repeat: Repeat = Repeat(),  # noqa: B008 - frozen
) -> str:
    """Write the report of a pair; `names` are those of the moving image and the reference."""
    facts = Facts(
        f"Co-registration: {names[0]} onto {names[1]}",
        found.accepted,
        found.reason,
        tuple(_numbers(found)),
        found.quality,
        _dropped(points),
        tuple(warnings),
        repeat,
    )
    return write_report(path, registration_report(facts, _figures(found, points, names[1])))


def write_diagnostics(folder: str, found: Estimate) -> None:
    """Write both images and their validity as the solve has seen them, at most 4 megapixels."""
    make_folder(folder)
    if found.solved is None:
        return
    held = found.solved.held
    values, valid = held.patch.warped(Linear("translation"))
    for name, image, usable in (
        ("fixed", held.reference, held.valid),
        ("moving", values, valid),
    ):
        _write(folder, f"{name}_reg", image[None], usable, found)
        _write(folder, f"{name}_mask", usable.astype(np.uint8)[None], np.ones_like(usable), found)


def _write(folder: str, name: str, values: Array, valid: Mask, found: Estimate) -> None:
    if found.solved is None:
        return
    nodata = float("nan") if values.dtype.kind == "f" else None
    details = Details(validity="all" if nodata is None else "nodata")
    image = ArrayImage(name, found.solved.held.grid, values, valid, nodata, details=details)
    write(image, os.path.join(folder, f"{name}.tif"), Writing())


def _numbers(found: Estimate) -> Iterator[Number]:
    before, after = found.rmse
    linear = found.correction.linear
    yield Number("Residual before", before, "px")
    yield Number("Residual after", after, "px")
    yield Number("Residual beyond the noise of measuring", found.quality.get("accuracy"), "px")
    yield Number("Median after", found.quality.get("median"), "px")
    yield Number("95 % within", found.quality.get("p95"), "px")
    yield Number("Shift right, down", f"{found.shift[0]:.3f}, {found.shift[1]:.3f}", "px")
    grid = found.lattice.reference.grid
    # a thousandth of a pixel
    digits = max(0, 3 - math.floor(math.log10(math.sqrt(math.prod(grid.pixel_size)))))
    east, north = (f"{one:.{digits}f}" for one in found.on_map)
    yield Number("Shift east, north", f"{east}, {north}", map_unit(grid))
    yield Number("Rotation, clockwise", f"{linear.rotation:.4f}", "°")
    yield Number("Scale", f"{linear.scale:.6f}")
    yield Number("Reliability", round(found.reliability, 1), "of 100")
    yield Number("Model", found.model_used)
    yield Number("Measure", found.metric_used or "none")


def _dropped(points: Listed) -> tuple[tuple[str, int], ...]:
    counts = Counter(str(reason) for reason in points.columns.get("reason", ()) if reason)
    return tuple(counts.most_common())


def _figures(found: Estimate, points: Listed, name: str) -> tuple[Figure, ...]:
    if not len(points.points):
        return ()
    columns = points.columns
    role = np.asarray(columns["role"]).astype(str)
    windows = Windows(
        points.points,
        float(np.max(columns["window"])),
        role,
        points.points.used & (role != "check"),
        (columns["residual_x"], columns["residual_y"]),
    )
    checked = (np.empty(0), np.empty(0))
    if found.checked is not None:
        used = found.checked.used
        ends = (found.checked.before, found.checked.after)
        checked = (np.hypot(*ends[0][used].T), np.hypot(*ends[1][used].T))
    picture = _picture(found.lattice, name)
    return figures(Drawn(picture, tuple(_places(found, windows)), windows, checked))


def _picture(lattice: Lattice, name: str) -> Picture:
    """Return the overlap as the reference shows it."""
    image, grid = lattice.reference, lattice.reference.grid
    col, row = grid.to_pixel(*lattice.grid.to_map(0, 0))
    width, height = (
        lattice.grid.width * lattice.factor[0],
        lattice.grid.height * lattice.factor[1],
    )
    small = small_grid(lattice.grid, LONGEST)
    view = Warped(image, small, "nearest")
    if not same_crs(image.grid.crs, small.crs):
        view = replace(view, mapping=CrsMapping(small.crs, image.grid.crs))
        view = replace(view, step=lattice_step(view))
    pixels = view.read(small.window)
    frame = (col - 0.5, row - 0.5, col - 0.5 + width, row - 0.5 + height)
    return Picture(name, pixels.values[0], pixels.valid, frame)


def _places(found: Estimate, windows: Windows) -> Iterator[Place]:
    """Yield the places of the windows that are known best, far from each other."""
    lattice = found.lattice
    points = windows.points
    sigma = np.where(windows.agree & np.isfinite(points.sigma), points.sigma, np.inf)
    taken: list[tuple[float, float]] = []
    views = [
        corrected(lattice.moving, correction, lattice.grid, resampling="cubic")
        for correction in (found.correction.scaled(0.0), found.correction)
    ]
    reference = lattice.grid
    far = max(reference.width * lattice.factor[0], reference.height * lattice.factor[1]) / 4
    for index in np.argsort(sigma, kind="stable"):
        if len(taken) == SHOWN or not np.isfinite(sigma[index]):
            return
        x, y = float(points.x0[index]), float(points.y0[index])
        if any(np.hypot(x - a, y - b) < far for a, b in taken):
            continue
        taken.append((x, y))
        yield _place(lattice, views, (x, y))


def _place(lattice: Lattice, views: Sequence[Image], at: tuple[float, float]) -> Place:
    grid = lattice.reference.grid
    col, row = lattice.grid.to_pixel(*grid.to_map(at[0] + 0.5, at[1] + 0.5))
    side = min(SIDE, lattice.grid.width, lattice.grid.height)
    left = int(np.clip(col - side / 2, 0, lattice.grid.width - side))
    top = int(np.clip(row - side / 2, 0, lattice.grid.height - side))
    window = Window(left, top, side, side)
    images = [averaged(image, window) for image in (lattice.seen_reference, *views)]
    valid = np.logical_and.reduce([valid for _, valid in images])
    title = f"column {at[0]:.0f}, row {at[1]:.0f}"
    return Place(title, images[0][0], images[1][0], images[2][0], valid)
