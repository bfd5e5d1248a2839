# SPDX-License-Identifier: GPL-2.0-or-later
"""Divide the ground among overlapping images where the seams between them are seen least."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..alike import refuse_equal_names, refuse_other_bands
from ..grid import Grid
from ..image import Image
from ..masks.restricted import Restricted
from ..placement import agree_on_crs, common_canvas, onto, output_grid
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import RasterImage, open_listed, refuse_overwriting, same_crs
from ..raster.mapfiles import MapFile, write_map
from ..requests.leastcostseamlines import Request as Request
from ..requests.leastcostseamlines import Result as Result
from ..requests.shared.costs import Costing
from ..requests.voronoiseamlines import Cutting, Grounds
from ..seams.celllooks import CellsOf
from ..seams.cells import Partition
from ..seams.cellstore import CellSums
from ..seams.crossing import crossed
from ..seams.leastcost import Found, Layout, Picture, Taste, cut_cheaply
from ..seams.voronoi import partition
from ..survey import survey
from ..transform.correction import Correction
from ..vector import (
    Burned,
    FootprintTrace,
    Layer,
    always_valid,
    files_of,
    polygons_for,
    read_polygons,
    write_layers,
)
from ..vector.rings import area_of, rings_of
from .seam.areas import area_of_interest, used_ground
from .seam.costs import bands_of, ground_of, inputs_of, obstacles_of, ranks_of, weights_of
from .seam.masks import mask_files
from .voronoiseamlines import (
    REASONS,
    length_text,
    outlines,
    reasons,
    refuse_few,
    rule_for,
    seam_layers,
)

NEEDS = (("polygons, graph cuts", ("scipy", "shapely")),)

LARGEST = 128
"""Pixels of the canvas in a cell that the survey can count."""


@dataclass(frozen=True)
class LeastCost:
    """Where seams of least cost run, and how good they are."""

    found: Found
    crossed: int

    @property
    def partition(self) -> Partition:
        """The seam cells."""
        return self.found.partition


@dataclass(frozen=True)
class Outlined:
    """Footprints (well-known binary in the CRS of the canvas) of the images, and how they count.

    `guides` are the footprints without small holes, for the center seams; `within` is the area
    that is divided. `limited` says that valid pixels lie outside the footprints too. `fields` are
    further names for PRIORITY; `name` is the field with the image's name in vector layers. `moves`
    are the corrections that put the images, and so their masks, in place.
    """

    footprints: Sequence[bytes]
    guides: Sequence[bytes] | None = None
    within: bytes | None = None
    limited: bool = False
    contained: str = "top"
    fields: Sequence[Mapping[str, object]] = ()
    name: str = "image"
    moves: Sequence[Correction] = ()


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Compute the seam cells of the images of the request and write them."""
    images, unreadable = open_listed(request, progress)
    _refuse(images, request)
    output, picture = _files(request, images)
    crs = agree_on_crs(images, request.crs, progress)
    aligned = _aligned(images, crs)
    with collectors(aligned, common_canvas(aligned), request) as sums:
        progress.phase("Comparing the overlaps")
        outlined = _surveyed(images, aligned, request, sums, progress.part(0, 0.5))
        progress.phase("Computing the seams")
        found = estimate(aligned, sums, outlined, request, progress=progress.part(0.5, 0.98))
    write_layers(output, priced_layers(found, images, crs, request.image_field_name))
    if picture and found.found.picture:
        _save(found.found.picture, picture, images)
    skipped = clauses(found.partition, images)
    _conclude(found, skipped, crs, output, progress)
    cells = found.partition
    return Result(
        output,
        picture,
        images_skipped=unreadable,
        cell_count=len(cells.cells),
        seam_length=cells.seam_length,
        mean_seam_cost=found.found.seam_cost,
        mean_center_cost=found.found.center_cost,
        obstacles_crossed=found.crossed,
        gap_area=cells.gap_area,
        overlap_area=cells.overlap_area,
        skipped="; ".join(skipped),
    )


def collectors(images: Sequence[Image], canvas: Grid, how: Costing) -> CellSums:
    """Return what the survey on a canvas must count so that `estimate` can work.

    A joint collector and a context manager; `estimate` must happen inside. The images have one
    CRS.
    """
    finest = min(min(image.grid.pixel_size) for image in images)
    wanted = how.refine_to * finest / min(canvas.pixel_size)
    side = 2 ** math.ceil(math.log2(max(wanted, 1)) - 1e-6)
    return CellSums(images, canvas, min(side, LARGEST), bands_of(images, how))


def estimate(
    images: Sequence[Image],
    sums: CellSums,
    outlined: Outlined,
    how: Costing,
    *,
    corrected: Callable[[Image], Image] | None = None,
    progress: Progress = SILENT,
) -> LeastCost:
    """Lay seams between images out of the means of a survey.

    `corrected` wraps an image (here, one of means, with the name of the image) in the corrections
    that the mosaic will have. Raises InvalidOption for masks, obstacles or priorities that fit no
    image, NoSolution when rounding forbids an exact arrangement.
    """
    canvas = sums.canvas
    rule = rule_for(images, canvas.crs, Cutting(contained=outlined.contained))
    centers = partition(
        outlined.footprints,
        rule,
        guides=outlined.guides,
        within=outlined.within,
        progress=progress.part(0, 0.3),
    )
    layout = Layout(outlined.footprints, centers, rule, outlined.within)
    ranks = ranks_of(images, _fields(images, outlined), how, progress)
    taste = Taste(weights_of(how), ranks, pictured=bool(how.save_cost))
    ground = ground_of(images, canvas, how, outlined.name, progress, outlined.moves)
    views = _views(sums, outlined, corrected)
    step = progress.part(0.3, 1.0)
    found = cut_cheaply(CellsOf(sums, views, how.border), layout, taste, ground, Burned, step)
    shapes = [feature.geometry for feature in obstacles_of(how, canvas.crs)]
    return LeastCost(found, crossed(found.partition.cuts, shapes))


def priced_layers(
    found: LeastCost, images: Sequence[RasterImage], crs: str, name: str
) -> tuple[Layer, Layer]:
    """Return the layers seamlines and cuts; cuts have the mean cost along them."""
    cells, cuts = seam_layers(found.partition, images, crs, name)
    features = tuple(
        replace(feature, values={**feature.values, "cost": cut.cost})
        for feature, cut in zip(cuts.features, found.partition.cuts)
    )
    return cells, replace(cuts, fields=(*cuts.fields, ("cost", "real")), features=features)


def clauses(cells: Partition, images: Sequence[RasterImage]) -> list[str]:
    """Return for each image without cell a clause that says why."""
    worse = "is nowhere better than the images that cover it"
    return [clause.replace(REASONS["covered"], worse) for clause in reasons(cells, images)]


def _refuse(images: Sequence[RasterImage], request: Request) -> None:
    refuse_few(images)
    refuse_equal_names(images)
    for image in images[1:]:
        refuse_other_bands(images[0], image)
    bands_of(images, request)
    mask_files(images, request)


def _files(request: Request, images: Sequence[RasterImage]) -> tuple[str, str | None]:
    """Return where cells and costs go, when neither would overwrite anything."""
    layers = files_of(request.footprints, request.aoi, request.vector_mask)
    inputs = [*(image.path for image in images), *layers, *inputs_of(request)]
    output = refuse_overwriting(request.output, inputs)
    return output, refuse_overwriting(request.save_cost, inputs) if request.save_cost else None


def _aligned(images: Sequence[RasterImage], crs: str) -> tuple[Image, ...]:
    """Return the images in one CRS."""
    if all(same_crs(image.grid.crs, crs) for image in images):
        return tuple(images)
    grid = output_grid(images, crs)
    return tuple(
        image if same_crs(image.grid.crs, crs) else onto(image, grid, "bilinear")
        for image in images
    )


def _surveyed(
    images: Sequence[RasterImage],
    aligned: Sequence[Image],
    request: Request,
    sums: CellSums,
    progress: Progress,
) -> Outlined:
    """Read the overlaps, and all pixels where that is needed for outlines, once."""
    canvas, crs = sums.canvas, sums.canvas.crs
    same = all(a is b for a, b in zip(images, aligned))
    known = bool(request.footprints) or all(always_valid(image) for image in images)
    tracing = same and not known
    with FootprintTrace(images) as trace:
        survey(
            aligned,
            own=(trace,) if tracing else (),
            joint=(sums,),
            canvas=canvas,
            threads=request.threads,
            progress=progress.part(0, 0.8),
        )
        if tracing:
            exact, guides = outlines_of(trace, images, crs, request, progress.part(0.8, 1))
        else:
            exact, guides = outlines(images, crs, request, progress.part(0.8, 1))
    return Outlined(
        exact,
        guides,
        area_of_interest(request, crs, progress),
        limited=bool(request.footprints or request.vector_mask),
        contained=request.contained,
        fields=_given_fields(images, request, crs),
        name=request.image_field_name,
    )


def outlines_of(
    trace: FootprintTrace,
    images: Sequence[RasterImage],
    crs: str,
    request: Grounds,
    progress: Progress = SILENT,
) -> tuple[list[bytes], list[bytes] | None]:
    """Return footprints and guides as `outlines` does, from one trace of all images."""
    traced = [footprint.geometry for footprint in trace.footprints(crs, progress=progress)]
    exact = used_ground(traced, images, crs, request, progress)
    if not (request.min_hole > 0 or request.min_part > 0):
        return exact, None
    tidy = trace.footprints(crs, min_part=request.min_part, min_hole=request.min_hole)
    return exact, used_ground([one.geometry for one in tidy], images, crs, request)


def _given_fields(
    images: Sequence[RasterImage], request: Request, crs: str
) -> tuple[Mapping[str, object], ...]:
    """Return the fields of each image in FOOTPRINTS."""
    if not (request.footprints and request.priority):
        return ()
    names = [image.name for image in images]
    features = read_polygons(request.footprints, crs)
    found = (polygons_for(name, features, request.image_field_name, names) for name in names)
    return tuple(mine[0].values if mine else {} for mine in found)


def _fields(images: Sequence[Image], outlined: Outlined) -> list[Mapping[str, object]]:
    """Return the share of valid pixels of each image and what else is known of it."""
    given = outlined.fields or [{}] * len(images)
    found: list[Mapping[str, object]] = []
    for image, wkb, row in zip(images, outlined.footprints, given):
        width, height = image.grid.pixel_size
        whole = image.grid.window.pixels * width * height
        found.append({"valid_fraction": area_of(rings_of(wkb)) / whole, **row})
    return found


def _views(
    sums: CellSums, outlined: Outlined, corrected: Callable[[Image], Image] | None
) -> list[Image]:
    """Return the images of means, corrected, and valid inside the footprints only."""
    found: list[Image] = []
    for index, wkb in enumerate(outlined.footprints):
        view: Image = sums.image(index)
        view = corrected(view) if corrected else view
        if outlined.limited:
            view = Restricted(view, Burned(view.grid, ((wkb, 1),)))
        found.append(view)
    return found


def _save(picture: Picture, path: str, images: Sequence[RasterImage]) -> None:
    """Write costs and labels of the first level, with the names of the images."""
    known = picture.cost[np.isfinite(picture.cost)]
    top = float(np.percentile(known, 98)) if known.size else 1.0
    labels = np.where(picture.labels > 0, picture.labels, np.nan)
    names = {f"IMAGE_{number}": image.name for number, image in enumerate(images, 1)}
    found = MapFile(path, "cost", picture.grid, np.stack([picture.cost, labels]), names)
    write_map(found, ("cost", "image"), ((0.0, top), (0.0, float(len(images)))))


def _conclude(
    found: LeastCost, skipped: Sequence[str], crs: str, output: str, progress: Progress
) -> None:
    for clause in skipped:
        progress.warn(f"No seam cell: {clause}.")
    cells, cost, center = found.partition, found.found.seam_cost, found.found.center_cost
    compared = ""
    if cost is not None and center is not None:
        compared = f" Their mean cost is {cost:.3g}; through the middle it would be {center:.3g}."
    progress.info(
        f"{len(cells.cells)} cells and {len(cells.cuts)} seams of "
        f"{length_text(cells.seam_length, crs)}.{compared} They are {output}."
    )
    progress.advance(1.0)
