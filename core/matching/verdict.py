# SPDX-License-Identifier: GPL-2.0-or-later
"""What the displacements mean: one class, one sentence, and the doubts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .accuracy import Accuracy, Distances, Solved
from .altitude import Altitude
from .keypoints import LOW_SCORE, OUT_OF_RANGE, OUTLIER, KeyPoints
from .zones import Zone

CLASSES = (
    *("not measured", "agrees", "constant shift", "rotation and scale"),
    *("linear distortion", "height dependent", "local distortion"),
)
"""What a pair can be, in the order in which it is tried."""

Row = tuple[float, float]

FEWEST, FEWEST_ZONES = 20, 4
"""Points, and zones that hold some, below which nothing is said about accuracy."""

FEW = 100
"""Points below which the numbers are doubted."""

REMOVED = 0.8
"""Share of the squared error that the dominant cause explains."""

MANY_REJECTED = 0.25
"""Share of measured points that disagree with their neighbors, above which it is told."""

NOTICED = 2.0
"""Standard errors from which a rotation or scale counts as found."""

FELT = 0.005
"""Pixels below which a shift, or what rotation and scale displace, is none."""


@dataclass(frozen=True)
class Judging:
    """What the verdict needs beside the numbers.

    `tolerance` in px; `confidence`: smallest score that was used; `large_shift`: the offset found
    at the start where it was large; `inverted`: the contrast of the moving image is inverted;
    `seen`: rows that turn (dx, dy) into px to the right and down as the map shows them.
    """

    tolerance: float = 0.5
    confidence: float = 0.4
    large_shift: tuple[float, float] | None = None
    inverted: bool = False
    seen: tuple[Row, Row] = ((1.0, 0.0), (0.0, 1.0))


@dataclass(frozen=True)
class Finding:
    """Everything that was found about a pair's points."""

    accuracy: Accuracy
    zones: tuple[Zone, ...]
    altitude: Altitude | None = None


@dataclass(frozen=True)
class Verdict:
    """A class of CLASSES, the sentences that say it, and doubts, each a sentence."""

    kind: str
    sentence: str
    doubts: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True when the moving image agrees with the reference."""
        return self.kind == "agrees"

    @property
    def text(self) -> str:
        """Everything in one paragraph."""
        return " ".join((self.sentence, *self.doubts))


def judge(points: KeyPoints, found: Finding, how: Judging) -> Verdict:
    """Return the verdict on a pair from all its points, rejected ones included."""
    kind = kind_of(found, how.tolerance)
    doubts = tuple(_doubts(points, found, how))
    if kind == "not measured":
        return Verdict(kind, _not_measured(points, found, how), doubts)
    tail = _tail(kind, found, how)
    return Verdict(kind, " ".join((_requirement(kind, found.accuracy, how), *tail)), doubts)


def kind_of(found: Finding, tolerance: float) -> str:
    """Return the first of CLASSES that fits."""
    numbers = found.accuracy
    spread = sum(zone.n > 0 for zone in found.zones)
    if numbers.n < FEWEST or spread < FEWEST_ZONES or numbers.uncertainty > tolerance:
        return "not measured"
    pixels = numbers.pixels
    if pixels.ce90 <= tolerance:
        return "agrees"
    left = pixels.remaining
    for kind, rest in (
        ("constant shift", left.median),
        ("rotation and scale", left.similarity),
        ("linear distortion", left.affine),
    ):
        if rest <= tolerance or rest**2 <= (1 - REMOVED) * pixels.rmse**2:
            return kind
    depends = found.altitude is not None and found.altitude.depends
    return "height dependent" if depends else "local distortion"


def _requirement(kind: str, numbers: Accuracy, how: Judging) -> str:
    word = "meets" if kind == "agrees" else "does not meet"
    pixels = numbers.pixels
    return (
        f"The moving image {word} {plain(how.tolerance)} px: 90 % of {grouped(numbers.n)} key "
        f"points lie within {_beside(pixels.ce90, how.tolerance)} px{_on_ground(numbers.ground)}."
    )


def _beside(value: float, limit: float) -> str:
    """A number with two decimals, or with more where two would put it across the limit."""
    texts = [f"{value:.{decimals}f}" for decimals in range(2, 8)]
    return next((t for t in texts if (float(t) <= limit) == (value <= limit)), texts[-1])


def _on_ground(ground: Distances | None) -> str:
    if ground is None or not ground.unit:
        return ""
    return f" ({short(ground.ce90)} {ground.unit})"


def _tail(kind: str, found: Finding, how: Judging) -> list[str]:
    """The sentences on cause and cure."""
    numbers = found.accuracy
    left = numbers.pixels.remaining
    shift = _shift(numbers.pixels, how)
    if kind in ("agrees", "constant shift"):
        cure = f"; without that shift {left.median:.2f} px would remain"
        cure = cure if _shifted(numbers.pixels) else ""
        return [f"{shift}{cure}.", f"Rotation and scale: {_turn_found(numbers)}."]
    if kind == "rotation and scale" and numbers.similarity is not None:
        turn = _turn(numbers.similarity)
        return [f"It is {turn}; without that {left.similarity:.2f} px would remain.", f"{shift}."]
    if kind == "linear distortion" and numbers.affine is not None:
        return [_bent(numbers.affine, left.affine), f"{shift}."]
    if kind == "height dependent" and found.altitude is not None:
        return [_climb(found.altitude), f"{shift}."]
    return [_local(found), f"{shift}."]


def _shift(pixels: Distances, how: Judging) -> str:
    length, error = _length(pixels)
    sure = f"uncertainty {error:.2f}" if error >= FELT else "uncertainty below 0.01"
    if not _shifted(pixels):
        return f"No shift was found ({sure} px)"
    right, down = (x * pixels.x.median + y * pixels.y.median for x, y in how.seen)
    where = directions(right, down)
    return f"It is shifted by {length:.2f} px, {where} ({sure})"


def _shifted(pixels: Distances) -> bool:
    length, error = _length(pixels)
    return length >= FELT and not length < error


def _length(pixels: Distances) -> tuple[float, float]:
    """Length of the median displacement and its standard error, px."""
    errors = (pixels.x.median_interval.error, pixels.y.median_interval.error)
    return math.hypot(pixels.x.median, pixels.y.median), math.hypot(*errors)


def directions(right: float, down: float) -> str:
    """Return a displacement in words: "right 0.37 and up 0.62"."""
    parts = []
    for value, words in ((right, ("right", "left")), (down, ("down", "up"))):
        if abs(value) >= FELT:
            parts.append(f"{words[value < 0]} {abs(value):.2f}")
    return " and ".join(parts)


def _turn_found(numbers: Accuracy) -> str:
    solved, left = numbers.similarity, numbers.pixels.remaining
    if solved is None:
        return "not known"
    parts = []
    if abs(solved.rotation) > NOTICED * solved.errors.rotation:
        parts.append(_rotation(solved))
    if abs(solved.scale - 1) > NOTICED * solved.errors.scale:
        parts.append(_scale(solved))
    felt = left.mean**2 - left.similarity**2 >= FELT**2
    return " and ".join(parts) if parts and felt else "none found"


def _turn(solved: Solved) -> str:
    return f"{_rotation(solved)} and {_scale(solved)}"


def _rotation(solved: Solved) -> str:
    side = "counter-clockwise" if solved.rotation < 0 else "clockwise"
    error = solved.errors.rotation
    return f"turned by {short(abs(solved.rotation), 3)}° {side} (uncertainty {_about(error)}°)"


def _scale(solved: Solved) -> str:
    word = "smaller" if solved.scale < 1 else "larger"
    change, error = 100 * abs(solved.scale - 1), 100 * solved.errors.scale
    return f"{short(change, 3)} % {word} (uncertainty {_about(error)} %)"


def _about(error: float) -> str:
    return "below 0.001" if error < 0.001 else short(error)


def _bent(solved: Solved, left: float) -> str:
    wide, high = (100 * (scale - 1) for scale in solved.scales)
    return (
        f"It is {_rotation(solved)}, {_longer(wide)} along x, {_longer(high)} along y and sheared "
        f"by {short(abs(solved.shear), 3)}° (uncertainty {_about(solved.errors.shear)}°); without "
        f"that {left:.2f} px would remain."
    )


def _longer(percent: float) -> str:
    return f"{short(abs(percent), 3)} % {'shorter' if percent < 0 else 'longer'}"


def _climb(found: Altitude) -> str:
    parts = [
        f"{axis} by {found.slopes[axis].value:+.2f} px"
        for axis in ("dx", "dy")
        if axis in found.slopes and found.slopes[axis].certain
    ]
    return (
        f"The displacement changes with height: {' and '.join(parts)} per 100 height units; "
        f"without that {found.rmse_after:.2f} px would remain."
    )


def _local(found: Finding) -> str:
    rest = found.accuracy.pixels.remaining.field
    cure = "" if math.isnan(rest) else f"; without the local field {rest:.2f} px would remain"
    base = math.hypot(found.accuracy.pixels.x.median, found.accuracy.pixels.y.median)
    held = [zone for zone in found.zones if zone.n]
    far = max(held, key=lambda zone: math.hypot(zone.median_dx, zone.median_dy))
    length = math.hypot(far.median_dx, far.median_dy)
    largest = f", most in the zone {far.name} ({length:.2f} px)" if length > base else ""
    return f"It is distorted locally{largest}{cure}."


def _not_measured(points: KeyPoints, found: Finding, how: Judging) -> str:
    numbers = found.accuracy
    lead = "The moving image could not be measured against the reference: "
    if numbers.n == 0:
        return lead + _no_point(points, how)
    spread = sum(zone.n > 0 for zone in found.zones)
    if numbers.n < FEWEST:
        what = "1 key point" if numbers.n == 1 else f"{numbers.n} key points"
        reason = f"only {what} could be used, and {FEWEST} are needed"
    elif spread < FEWEST_ZONES:
        reason = f"key points lie in {spread} of 9 zones, and {FEWEST_ZONES} are needed"
    else:
        reason = (
            f"a key point is known to {numbers.uncertainty:.2f} px only, which is more than the "
            f"{plain(how.tolerance)} px asked for"
        )
    pixels = numbers.pixels
    half = f"{'it lies' if numbers.n == 1 else '90 % of them lie'} within {pixels.ce90:.2f} px"
    cure = "Try another band, or mask what changed"
    return f"{lead}{reason}. {cure}. As far as can be told, {half}{_on_ground(numbers.ground)}."


def _no_point(points: KeyPoints, how: Judging) -> str:
    if not len(points):
        return "no key point was found in both images."
    best = float(np.max(points.score))
    if (points.status == LOW_SCORE).any() and best < how.confidence:
        return (
            f"no key point reaches a score of {how.confidence:g} (the best has {best:.2f}). Try "
            "FEATURE = gradient, a larger SUPPORT, another band, or a lower CONFIDENCE."
        )
    return f"all {grouped(len(points))} key points were rejected (the best score is {best:.2f})."


def _doubts(points: KeyPoints, found: Finding, how: Judging) -> list[str]:
    numbers, doubts = found.accuracy, []
    if FEWEST <= numbers.n < FEW:
        doubts.append(f"Only {numbers.n} key points were used.")
    empty = [zone.name for zone in found.zones if not zone.n]
    if numbers.n >= FEWEST and empty:
        where = ", ".join(empty)
        doubts.append(f"Key points are spread unevenly: none lies in the zones {where}.")
    doubts.extend(_rejected(points))
    if how.inverted:
        doubts.append("The contrast of the moving image is inverted against the reference.")
    if how.large_shift is not None:
        dx, dy = how.large_shift
        doubts.append(large_shift_sentence(dx, dy))
    return doubts


def large_shift_sentence(dx: float, dy: float) -> str:
    """Return the sentence that tells a large offset found at the start, in px."""
    return f"A large shift of ({dx:.0f}, {dy:.0f}) px was found and taken into account."


def _rejected(points: KeyPoints) -> list[str]:
    if not len(points):
        return []
    doubts = []
    wrong = int(np.count_nonzero(points.status == OUTLIER))
    if wrong > MANY_REJECTED * len(points):
        share = 100 * wrong / len(points)
        doubts.append(
            f"{share:.0f} % of {grouped(len(points))} key points disagree with their neighbors and "
            "were rejected."
        )
    far = int(np.count_nonzero(points.status == OUT_OF_RANGE))
    if far > 0.1 * len(points):
        share = 100 * far / len(points)
        doubts.append(f"{share:.0f} % of the key points lie beyond MAX_DISPLACEMENT.")
    return doubts


def grouped(number: int) -> str:
    """Return a whole number with its digits in groups of three: 4 812."""
    return f"{number:,}".replace(",", " ")


def short(value: float, digits: int = 2) -> str:
    """Return a number with so many significant digits, without exponent; 0 below a millionth."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 6)}f}"
    return text if float(text) else "0"


def plain(value: float) -> str:
    """Return a number with the digits that it has, without exponent."""
    return str(np.format_float_positional(value, trim="-"))
