# SPDX-License-Identifier: GPL-2.0-or-later
"""Outline the valid pixels of every image as a polygon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..placement import agree_on_crs
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, crs_title, open_listed, refuse_overwriting
from ..requests.footprints import FIELDS
from ..requests.footprints import Request as Request
from ..requests.footprints import Result as Result
from ..seams.cells import union_area
from ..survey import survey
from ..vector import Feature, Footprint, FootprintTrace, Layer, always_valid, write_layers
from ..vector.styles import footprints_style

NEEDS = (("polygons", ("scipy", "shapely")),)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Outline the images of the request and write the polygons."""
    images, unreadable = open_listed(request, progress)
    output = refuse_overwriting(request.output, [image.path for image in images])
    crs = agree_on_crs(images, request.crs, progress)
    progress.phase("Outlining the valid pixels")
    footprints = [
        trace.footprints(
            crs,
            min_part=request.min_part,
            min_hole=request.min_hole,
            simplify=request.simplify,
        )[0]
        for trace in traces(images, request.threads, progress.part(0, 0.95))
    ]
    warn_of_empty(footprints, progress)
    write_layers(output, [footprint_layer(footprints, crs, request.image_field_name)])
    area = union_area([footprint.geometry for footprint in footprints])
    empty = sum(footprint.empty for footprint in footprints)
    progress.info(
        f"{len(images) - empty} of {len(images)} images cover {area:.6g} square units of "
        f"{crs_title(crs)}. The footprints are {output}."
    )
    return Result(
        output,
        images_used=len(images),
        images_skipped=unreadable,
        union_area=area,
        empty_count=empty,
    )


def traces(
    images: Sequence[RasterImage], threads: int, progress: Progress = SILENT
) -> Iterator[FootprintTrace]:
    """Yield the trace of each image; only images that can hold invalid pixels are read."""
    for image, part in zip(images, progress.split(len(images))):
        part.check()
        with FootprintTrace([image]) as trace:
            if not always_valid(image):
                survey([image], own=[trace], canvas=image.grid, threads=threads, progress=part)
            yield trace
        part.advance(1.0)


def footprint_layer(footprints: Sequence[Footprint], crs: str, field: str) -> Layer:
    """Return footprints as a styled layer; images without footprint have no feature."""
    features = tuple(_feature(footprint, field) for footprint in footprints if not footprint.empty)
    names = [footprint.name for footprint in footprints if not footprint.empty]
    fields = ((field, "string"), *FIELDS)
    style = footprints_style(names, field)
    return Layer("footprints", "MultiPolygon", crs, fields, features, style)


def warn_of_empty(footprints: Sequence[Footprint], progress: Progress) -> None:
    """Warn once of the images without footprint."""
    empty = [footprint for footprint in footprints if footprint.empty]
    for reason, names in (
        ("Without any valid pixel", [one.name for one in empty if not one.valid_pixels]),
        ("With parts below MIN_PART only", [one.name for one in empty if one.valid_pixels]),
    ):
        if names:
            progress.warn(f"{reason}, so without footprint: {', '.join(names)}.")


def _feature(footprint: Footprint, field: str) -> Feature:
    values = {
        field: footprint.name,
        "path": footprint.path,
        "bands": footprint.bands,
        "pixel_size_x": footprint.pixel_size[0],
        "pixel_size_y": footprint.pixel_size[1],
        "valid_pixels": footprint.valid_pixels,
        "valid_fraction": footprint.valid_pixels / footprint.pixels,
        "area": footprint.area,
    }
    return Feature(footprint.geometry, values)
