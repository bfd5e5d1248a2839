# SPDX-License-Identifier: GPL-2.0-or-later
"""What the reports of block maps show: fields inside images, corrections, overlaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..image import Array
from .figures import Drawn, band_title, panels, picture_strip
from .html import Figure, Table

READING = (
    "The difference in the overlaps is that of block means of two images. Shading is a smooth "
    "factor inside each image, such as darker corners; it is used only when it explains cells of "
    "the overlaps that it was not fitted to.",
    "Block maps hold what remains. They make images meet where they overlap and fade out where "
    "only one image is. Blocks that differ as much as a thick cloud are left alone; smaller real "
    "changes cannot be told from haze: keep them out of the statistics with polygons or masks.",
)

CURVES = 24
"""Images whose fields are drawn."""

PICTURES = 8
"""Images whose corrections are drawn."""

WIDEST = 120
"""Pixels of a picture's longer side at least: a block becomes a square of several."""

BRIGHTER, DARKER = np.array([178.0, 74.0, 20.0]), np.array([20.0, 92.0, 130.0])


def shading_figure(fields: Array, names: Sequence[str], bands: Sequence[str] = ()) -> Figure:
    """Draw the factor of each image from its middle to its corners, one panel per band.

    `fields`[image, term, band] are 0 where there is none: then nothing is drawn.
    """
    title = "Shading inside images"
    caption = (
        "What each image is multiplied by, from its middle (0) to its corners (1); means over all "
        "directions."
    )
    shown = [index for index in range(len(names)) if fields[index].any()][:CURVES]
    if not shown:
        return Figure(title, "No smooth field inside images was found or wanted.")
    radius = np.linspace(0.0, 1.0, 41)
    contents = {}
    for band in range(fields.shape[2]):
        contents[band_title(bands, band)] = [
            Drawn(radius, _radial(fields[index, :, band], radius), number, names[index])
            for number, index in enumerate(shown)
        ]
    return panels(contents, ("distance from the middle", "factor"), title=title, caption=caption)


def shading_table(trials: Sequence[tuple[int, str, float, float, bool]]) -> Table:
    """Return the table of fields tried: group, kind, part explained and needed, accepted."""
    return Table(
        "Shading that was tried",
        ("Group", "Kind", "Explained", "Needed", "Result"),
        tuple(
            (group, kind, explained, needed, "accepted" if accepted else "rejected")
            for group, kind, explained, needed, accepted in trials
        ),
        "Fields are fitted to every other cell of the overlaps, like the white squares of a "
        "chessboard, and judged on the black ones: the part of the disagreement that they explain "
        "there. What would reach below 0.5 or above 2 anywhere on an image is rejected too. "
        "Images of one group are connected by overlaps.",
    )


def corrections_figure(changes: Sequence[tuple[str, Array]], images: int) -> Figure:
    """Draw what images are corrected by, block by block: (name, relative change[row, col]).

    `images` says how many there are in all.
    """
    known = [np.abs(change[np.isfinite(change)]) for _, change in changes]
    found = np.concatenate([np.zeros(1), *known])
    most = max(float(np.percentile(found, 98)), 1e-6)
    pictures = [(name, _picture(change, most)) for name, change in changes]
    caption = (
        f"Blue: darker, orange: brighter, by up to {100 * most:.2g} % (means over the bands; gray: "
        "no pixels)."
    )
    if len(changes) < images:
        caption += f" The first {len(changes)} of {images} images."
    return picture_strip(pictures, title="Corrections of the blocks", caption=caption)


def difference_table(
    names: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    pixels: Sequence[int],
    steps: Sequence[tuple[str, Sequence[float | None]]],
) -> Table:
    """Return the table of overlaps: (title, difference of each pair) for each step."""
    rows = [
        (names[first], names[second], size, *(found[at] for _, found in steps))
        for at, ((first, second), size) in enumerate(zip(pairs, pixels))
        if all(len(found) > at for _, found in steps)
    ]
    rows.sort(key=lambda row: -float(row[-1] or 0.0))
    return Table(
        "Overlaps after each step, worst first",
        ("Image", "Image", "Common pixels", *(f"{title}, %" for title, _ in steps)),
        tuple(rows),
        "Differences of block means without sign, in % of the mean, averaged over the bands.",
    )


def _radial(coefficients: Array, radius: Array) -> Array:
    """A field averaged over all directions at parts of the way to the corners."""
    return np.asarray(1.0 + coefficients[0] + coefficients[1] * (radius**2 - 1 / 3))


def _picture(change: Array, most: float) -> Array:
    """A picture [row, col, 3] (uint8) of a relative change, several pixels for each block."""
    part = np.clip(np.nan_to_num(change) / most, -1, 1)[..., None]
    color = 255 + np.abs(part) * (np.where(part > 0, BRIGHTER, DARKER) - 255)
    color = np.where(np.isfinite(change)[..., None], color, 205).astype(np.uint8)
    times = max(1, -(-WIDEST // max(change.shape)))
    return np.repeat(np.repeat(color, times, axis=0), times, axis=1)
