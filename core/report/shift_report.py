# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a shift analysis: verdict, numbers in pixels and on the ground, figures, chips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..matching.accuracy import LIMITS, Accuracy, Axis, Distances, Solved
from ..matching.altitude import PER, Altitude
from ..matching.keypoints import STATUSES, USED, KeyPoints
from ..matching.verdict import Verdict as ShiftVerdict
from ..matching.zones import Zone
from .html import Figure, Number, Repeat, Report, Table, Verdict, number_text
from .shift_figures import Shown
from .shift_links import Chip, Product, chips_figure, products_figure

GRADES = {
    "agrees": "good",
    "constant shift": "usable",
    "rotation and scale": "usable",
    "linear distortion": "usable",
    "height dependent": "poor",
    "local distortion": "poor",
    "not measured": "failed",
}
"""The grade of each class of verdict."""

REASONS = {
    "low score": "their score is below CONFIDENCE: known too poorly for the statistics",
    "outlier": "they disagree with their neighbors: clouds, shadows, change, wrong matches",
    "out of range": "they lie farther from their place than MAX_DISPLACEMENT",
}

READING = (
    "A displacement says where the moving image shows what the reference shows at a key point: "
    "dx to the right, dy down, in pixels of the reference; east and north are the same on the map.",
    "CE90 is the distance within which 90 % of the key points lie; RMSE is the root of the mean "
    "squared distance; NMAD is a standard deviation that outliers hardly change.",
    "The uncertainty is how well one key point is known; the 95 % intervals of means and medians "
    "come from drawing parts of the image again, since neighbors err together.",
    "What would remain says how far a correction of that kind can get.",
    "ZNCC is 1 for chips that look the same and 0 for unlike ones; MI likewise, for images of "
    "different sensors.",
)

_REMOVED_NAMES = {
    "mean": "the mean shift",
    "median": "the median shift",
    "similarity": "shift, rotation and scale",
    "affine": "shift, rotation, scale and shear",
    "field": "the local field",
}


@dataclass(frozen=True)
class Input:
    """An image that was read: what it served as, its file, size and CRS in words."""

    role: str
    file: str
    size: str = ""
    pixel_size: str = ""
    crs: str = ""


@dataclass(frozen=True)
class Extras:
    """What a report tells beside the measurement.

    `folder` is where the page lies, for its links; `left_out` are names and reasons; `seconds` of
    the run so far.
    """

    folder: str
    inputs: tuple[Input, ...] = ()
    products: tuple[Product, ...] = ()
    chips: tuple[Chip, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float | None = None
    repeat: Repeat = field(default_factory=Repeat)


def shift_report(shown: Shown, figures: tuple[Figure, ...], extras: Extras) -> Report:
    """Return the report of a pair; `figures` are those of `write_figures`."""
    finding = shown.finding
    drawn = (
        *figures,
        products_figure(extras.products, extras.folder),
        chips_figure(extras.chips),
    )
    return Report(
        title=f"Shift analysis: {shown.moving.name} against {shown.reference.name}",
        verdict=page_verdict(shown.verdict, shown.setting.tolerance),
        numbers=(*_numbers(finding.accuracy), *_time(extras.seconds)),
        figures=tuple(one for one in drawn if one.markup or one in figures),
        tables=(
            *_statistics(finding.accuracy),
            *_models(finding.accuracy),
            _zones(finding.zones, finding.accuracy.ground),
            *_altitude(finding.altitude),
            *_inputs(extras.inputs),
        ),
        skipped=(*_rejected(shown.points), *extras.left_out),
        reading=(READING[0], *filter(None, [shown.setting.turned]), *READING[1:]),
        warnings=extras.warnings,
        repeat=extras.repeat,
    )


def page_verdict(verdict: ShiftVerdict, tolerance: float) -> Verdict:
    """Return a verdict on a pair as reports show it: its grade, its class and its sentences."""
    kind = verdict.kind
    return Verdict(
        GRADES[kind],
        f"{kind[0].upper()}{kind[1:]}. {verdict.text}",
        f"good: 90 % of the key points lie within {tolerance:g} px (TOLERANCE); usable: a shift or "
        "a linear correction removes most of the error; poor: it takes more; failed: not measured.",
    )


def _numbers(found: Accuracy) -> Iterator[Number]:
    pixels, ground = found.pixels, found.ground
    yield Number("Key points used", found.n)
    yield Number("CE90", pixels.ce90, "px")
    if ground is not None:
        yield Number("CE90", ground.ce90, ground.unit)
    yield Number("CE95", pixels.ce95, "px")
    if ground is not None:
        yield Number("CE95", ground.ce95, ground.unit)
    yield Number("RMSE", pixels.rmse, "px")
    if ground is not None:
        yield Number("RMSE", ground.rmse, ground.unit)
    yield Number("Median dx, right", pixels.x.median, "px")
    yield Number("Median dy, down", pixels.y.median, "px")
    if ground is not None:
        yield Number("Median east", ground.x.median, ground.unit)
        yield Number("Median north", ground.y.median, ground.unit)
    yield Number("Uncertainty of a point", found.uncertainty, "px")
    if found.similarity is not None:
        yield Number("Rotation, clockwise", found.similarity.rotation, "°")
        yield Number("Scale", f"{found.similarity.scale:.6f}")


def _time(seconds: float | None) -> tuple[Number, ...]:
    return () if seconds is None else (Number("Time", round(seconds, 1), "s"),)


_ROWS = (
    *(("Minimum", "minimum"), ("Maximum", "maximum"), ("Median", "median"), ("Mean", "mean")),
    *(("Standard deviation", "std"), ("NMAD", "nmad"), ("RMSE", "rmse"), ("90 % within", "le90")),
)


def _statistics(found: Accuracy) -> Iterator[Table]:
    """Tables of the statistics and of what would remain."""
    if not found.n:
        return
    both = [found.pixels, *([found.ground] if found.ground is not None else [])]
    columns = [f"{name}, px" for name in ("dx (right)", "dy (down)", "length")]
    if found.ground is not None:
        columns += [f"{name}, {found.ground.unit}" for name in ("east", "north", "length")]
    axes = [axis for one in both for axis in (one.x, one.y, one.radial)]
    rows = [(label, *(getattr(axis, name) for axis in axes)) for label, name in _ROWS]
    for label, name in (("mean", "mean_interval"), ("median", "median_interval")):
        rows.append((f"95 % interval of the {label}", *(_interval(axis, name) for axis in axes)))
    shares = "; ".join(
        f"{100 * share:.1f} % within {limit:g} px"
        for limit, share in zip(LIMITS, found.shares)
        if np.isfinite(share)
    )
    note = (
        f"{found.n:,} key points, {number_text(found.percent_matched)} % of {found.tried:,} tried, "
        f"{number_text(found.percent_confident)} % of {found.valid_pixels:,} valid pixels. {shares}"
    )
    yield Table("Statistics", ("", *columns), tuple(rows), note.strip())
    yield _remaining(both)


def _interval(axis: Axis, name: str) -> str | None:
    interval = getattr(axis, name)
    if not np.isfinite(interval.low):
        return None
    return f"{number_text(interval.low)} to {number_text(interval.high)}"


def _remaining(both: list[Distances]) -> Table:
    rows = [
        ("nothing", *(one.rmse for one in both)),
        *(
            (text, *(_known(getattr(one.remaining, name)) for one in both))
            for name, text in _REMOVED_NAMES.items()
        ),
    ]
    columns = tuple(f"RMSE, {one.unit}" for one in both)
    return Table("What would remain after a correction", ("Removed", *columns), tuple(rows))


def _models(found: Accuracy) -> Iterator[Table]:
    rows = [
        (name, *_solved(solved))
        for name, solved in (("similarity", found.similarity), ("affine", found.affine))
        if solved is not None
    ]
    columns = (
        *("Model", "dx at its center, px", "dy at its center, px"),
        *("Rotation, clockwise, °", "Scale", "Shear, °"),
    )
    if rows:
        yield Table("Models", columns, tuple(rows), "± is the standard error.")


def _solved(solved: Solved) -> tuple[str, ...]:
    errors, (dx, dy) = solved.errors, solved.model.shift
    return (
        _with_error(dx, errors.shift_x),
        _with_error(dy, errors.shift_y),
        _with_error(solved.rotation, errors.rotation),
        _with_error(solved.scale, errors.scale),
        _with_error(solved.shear, errors.shear),
    )


def _with_error(value: float, error: float) -> str:
    """A number with as many decimals as its standard error makes sense of."""
    if not np.isfinite(error) or error <= 0:
        return number_text(value)
    decimals = int(np.clip(1 - np.floor(np.log10(error)), 0, 9))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def _zones(zones: tuple[Zone, ...], ground: Distances | None) -> Table:
    names = ["median_dx", "median_dy", "nmad_dx", "nmad_dy"]
    columns = ["Median dx, px", "Median dy, px", "NMAD dx, px", "NMAD dy, px"]
    if ground is not None:
        names += ["median_east", "median_north"]
        columns += [f"Median {side}, {ground.unit}" for side in ("east", "north")]
    rows = tuple((zone.name, zone.n, *(_known(getattr(zone, n)) for n in names)) for zone in zones)
    return Table("By zone", ("Zone", "Key points", *columns), rows)


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


_QUANTITIES = {"dx": "dx", "dy": "dy", "radial": "length"}
_GROUND = {"east": "east", "north": "north", "radial_map": "length on the map"}


def _altitude(found: Altitude | None) -> Iterator[Table]:
    """Tables of the slopes and of the bins of heights."""
    if found is None:
        return
    names = {**_QUANTITIES, **_GROUND}
    slopes = tuple(
        (
            f"{names[key]}, {'px' if key in _QUANTITIES else 'map units'}",
            one.value,
            f"{number_text(one.low)} to {number_text(one.high)}",
            one.effect,
            one.certain,
        )
        for key, one in found.slopes.items()
    )
    word = "depends" if found.depends else "does not depend"
    columns = ("", f"Change per {PER:g} of height", "95 % interval", "Over the heights", "Certain")
    note = f"The displacement {word} on height (heights from {found.low:.5g} to {found.high:.5g})."
    yield Table("By altitude: slopes", columns, slopes, note)
    rows = tuple(
        (
            f"{one.low:g} to {one.high:g}",
            one.n,
            *(v for k in _QUANTITIES for v in (one.mean[k], one.std[k])),
        )
        for one in found.bins
    )
    heads = [f"{kind} {name}, px" for name in _QUANTITIES.values() for kind in ("Mean", "Std")]
    yield Table("By altitude: bins", ("Altitude", "Key points", *heads), rows)


def _inputs(inputs: tuple[Input, ...]) -> Iterator[Table]:
    rows = tuple((one.role, one.file, one.size, one.pixel_size, one.crs) for one in inputs)
    if rows:
        yield Table("Inputs", ("Role", "File", "Size, px", "Pixel size", "CRS"), rows)


def _rejected(points: KeyPoints) -> Iterator[tuple[str, str]]:
    for code, status in enumerate(STATUSES):
        count = int(np.count_nonzero(points.status == code))
        if code != USED and count:
            what = "1 key point" if count == 1 else f"{count:,} key points"
            yield f"{what} ({status})", REASONS[status]
