# SPDX-License-Identifier: GPL-2.0-or-later
"""Layers that show how center lines were drawn: overlaps, crossings, seeds, diagrams, lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...image import Image
from ...progress import SILENT, Progress
from ...seams.drafting import Drawing
from ...vector import Feature, Layer, point_features
from ...vector.styles import cells_style, cuts_style

MOST_DIAGRAMS = 100
"""Diagrams that get a layer of their own."""

_PAIR = (("image_a", "string"), ("image_b", "string"))
_NUMBERED = (("number", "integer"), *_PAIR)


def draft_layers(
    drawings: Sequence[Drawing], images: Sequence[Image], crs: str, progress: Progress = SILENT
) -> Iterator[Layer]:
    """Yield the layers of DEBUG_VECTORS: `number` tells the overlaps apart, from 1."""
    known = [
        {
            "number": number + 1,
            "image_a": images[drawing.pair[0]].name,
            "image_b": images[drawing.pair[1]].name,
        }
        for number, drawing in enumerate(drawings)
    ]
    outlines = [Feature(drawing.outline, own) for drawing, own in zip(drawings, known)]
    style = cells_style("number")
    yield Layer("emp_outline", "MultiPolygon", crs, _NUMBERED, tuple(outlines), style)
    for name in ("intersections", "voronoi_seeds"):
        fields, features = _points(name, drawings, known)
        yield Layer(name, "Point", crs, fields, features)
    lines = [Feature(w, own) for drawing, own in zip(drawings, known) for w in drawing.lines]
    yield Layer("cutlines", "LineString", crs, _NUMBERED, tuple(lines), cuts_style())
    for drawing, own in zip(drawings[:MOST_DIAGRAMS], known):
        cells = tuple(
            Feature(wkb, {"image": images[image].name}) for image, wkb in drawing.diagram()
        )
        fields = (("image", "string"),)
        yield Layer(f"voronoi_{own['number']}", "MultiPolygon", crs, fields, cells)
    if len(drawings) > MOST_DIAGRAMS:
        progress.warn(
            f"There are {len(drawings)} overlaps; only the first {MOST_DIAGRAMS} have a layer of "
            "Voronoi cells in DEBUG_VECTORS."
        )


def _points(
    name: str, drawings: Sequence[Drawing], known: Sequence[dict[str, object]]
) -> tuple[tuple[tuple[str, str], ...], tuple[Feature, ...]]:
    """Return fields and features of the crossings of boundaries, or of the seeds along them."""
    if name == "intersections":
        found = [(drawing.corners, own) for drawing, own in zip(drawings, known)]
        fields: tuple[tuple[str, str], ...] = _NUMBERED
    else:
        found = [
            (seeds, {"number": own["number"], "image": own[key]})
            for drawing, own in zip(drawings, known)
            for seeds, key in zip(drawing.seeds, ("image_a", "image_b"))
        ]
        fields = (("number", "integer"), ("image", "string"))
    features = (
        feature
        for points, own in found
        for feature in point_features(
            points[:, 0], points[:, 1], {key: [value] * len(points) for key, value in own.items()}
        )
    )
    return fields, tuple(features)
