# SPDX-License-Identifier: GPL-2.0-or-later
"""Key points: positions of the reference and where the moving image shows them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

STATUSES = ("used", "low score", "outlier", "out of range")
"""What became of a point, in the order of its codes in `KeyPoints.status`."""

USED, LOW_SCORE, OUTLIER, OUT_OF_RANGE = range(len(STATUSES))


@dataclass(frozen=True)
class KeyPoints:
    """Columns of equal length, one entry a point, sorted by x0, then y0.

    `x0, y0`: column and row of the pixel center in the reference, 0 = the first center;
    `dx, dy`: displacement, moving minus reference, in reference pixels, x right, y down;
    `sigma_x, sigma_y`: its standard deviation in pixels; `score`: 0 to 1; `status`: index into
    STATUSES. Unknown values are NaN; columns that are left out are filled with it.
    `east, north`: the displacement in map units (metres for a geographic CRS); `x_map, y_map`:
    the map position of the pixel center; `altitude`: height of the ground there.
    """

    x0: Column
    y0: Column
    dx: Column
    dy: Column
    score: Column
    sigma_x: Column
    sigma_y: Column
    status: NDArray[np.uint8]
    east: Column = None  # type: ignore[assignment]
    north: Column = None  # type: ignore[assignment]
    x_map: Column = None  # type: ignore[assignment]
    y_map: Column = None  # type: ignore[assignment]
    zncc_score: Column = None  # type: ignore[assignment]
    mutual_info_score: Column = None  # type: ignore[assignment]
    mi_score: Column = None  # type: ignore[assignment]
    altitude: Column = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Give every column its type and length. Raises ValueError when lengths differ."""
        for entry in fields(self):
            column = getattr(self, entry.name)
            dtype = np.uint8 if entry.name == "status" else np.float64
            if column is None:
                column = np.full(len(self.x0), np.nan)
            column = np.asarray(column, dtype)
            if column.shape != (len(self.x0),):
                raise ValueError(f"{entry.name} has shape {column.shape}, x0 {len(self.x0)}")
            object.__setattr__(self, entry.name, column)

    def __len__(self) -> int:
        """Return the number of points, rejected ones included."""
        return len(self.x0)

    @property
    def used(self) -> NDArray[np.bool_]:
        """True for the points that enter the statistics."""
        return np.asarray(self.status == USED)

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """True for points that were measured and agree with their neighbors, whatever score."""
        return np.asarray((self.status == USED) | (self.status == LOW_SCORE))

    @property
    def sigma(self) -> Column:
        """Standard deviation of a point, both axes together, px."""
        return np.asarray(np.hypot(self.sigma_x, self.sigma_y))

    @property
    def radial_error(self) -> Column:
        """Length of the displacement, px."""
        return np.asarray(np.hypot(self.dx, self.dy))

    @property
    def angle(self) -> Column:
        """Direction of (dx, dy) in degrees, clockwise from the right, in (-180, 180]."""
        # + 0.0: the angle of a negative zero is -180
        return np.asarray(np.degrees(np.arctan2(self.dy + 0.0, self.dx)))

    @property
    def bearing(self) -> Column:
        """Direction of (east, north) in degrees clockwise from map north, 0 to 360."""
        return np.asarray(np.degrees(np.arctan2(self.east, self.north)) % 360)

    def chosen(self, which: Any) -> KeyPoints:
        """Return the points of a boolean or index array, in its order."""
        return KeyPoints(**{entry.name: getattr(self, entry.name)[which] for entry in fields(self)})

    def with_columns(self, **columns: Any) -> KeyPoints:
        """Return the same points with some columns replaced."""
        return replace(self, **columns)

    @classmethod
    def none(cls) -> KeyPoints:
        """Return a table without points."""
        empty = np.empty(0)
        return cls(empty, empty, empty, empty, empty, empty, empty, np.empty(0, np.uint8))
