# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers of a pair of images."""

from __future__ import annotations

from dataclasses import dataclass

from ...options import Kind, result


@dataclass(frozen=True)
class Numbers:
    """Numbers of a pair, None where they are not known; pixels of the reference, y down."""

    n_key_points: int | None = result(Kind.INTEGER, "Key points in the statistics")
    mean_dx: float | None = result(Kind.NUMBER, "Mean dx, px")
    mean_dy: float | None = result(Kind.NUMBER, "Mean dy, px")
    std_dx: float | None = result(Kind.NUMBER, "Standard deviation of dx, px")
    std_dy: float | None = result(Kind.NUMBER, "Standard deviation of dy, px")
    rmse_dx: float | None = result(Kind.NUMBER, "RMSE of dx, px")
    rmse_dy: float | None = result(Kind.NUMBER, "RMSE of dy, px")
    rmse: float | None = result(Kind.NUMBER, "RMSE, px")
    ce90: float | None = result(Kind.NUMBER, "CE90, px")
    ce95: float | None = result(Kind.NUMBER, "CE95, px")
    median_dx: float | None = result(Kind.NUMBER, "Median dx, px")
    median_dy: float | None = result(Kind.NUMBER, "Median dy, px")
    nmad_dx: float | None = result(Kind.NUMBER, "NMAD of dx, px")
    nmad_dy: float | None = result(Kind.NUMBER, "NMAD of dy, px")
    uncertainty: float | None = result(Kind.NUMBER, "Uncertainty of a key point, px")
    ce90_map: float | None = result(Kind.NUMBER, "CE90 in map units")
    ce95_map: float | None = result(Kind.NUMBER, "CE95 in map units")
    rotation: float | None = result(Kind.NUMBER, "Rotation, degrees clockwise")
    scale: float | None = result(Kind.NUMBER, "Scale, moving to reference")
    shift_x: float | None = result(Kind.NUMBER, "Shift to the right, px")
    shift_y: float | None = result(Kind.NUMBER, "Shift downwards, px")
    shift_east: float | None = result(Kind.NUMBER, "Shift to the east, map units")
    shift_north: float | None = result(Kind.NUMBER, "Shift to the north, map units")
    points: int | None = result(Kind.INTEGER, "Points")
    passed: int | None = result(Kind.INTEGER, "Passed")
    verdict: str | None = result(Kind.TEXT, "Verdict")
