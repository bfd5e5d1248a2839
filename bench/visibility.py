# SPDX-License-Identifier: GPL-2.0-or-later
"""How much the seams of mosaics show, ours and those of others, after the same color matching.

Visibility: |mean of 5 px on one side - mean of 5 px on the other| along a seam,
over the same at lines 20, 30 and 40 px beside it. All mosaics are made of the images as
mosaicpipeline corrects them (globallocal). Others: gdalwarp -cblend along center cuts and along
our seams, and the hard cut of spectralmatch (its own cut lines when a Python that has it is given,
else center cuts, which are its rule).

What the number can tell. "No seam" is the same line in each image alone, where there is no seam at
all: on calm ground, where least-cost seams run, it is far below 1 (Brighton .70, Quebec .75, NAIP
.44). That is what a seam that cannot be seen has, and multiband blending is near it (.65, .76,
.56). A feather along the same seams has less (.51, .69, .39): over its width it shows the average
of two images, and where these do not fit to the pixel (leaves, shadows, other years) the average is
flatter than either. A strip that is flatter than its surroundings is seen, as blur and as things
that stand there twice, but this measure takes it for even less of a seam. So what keeps the
images' detail cannot get below a feather along the same seams; what does, gets there by averaging,
as our own rule feather with the number of gdalwarp's. On made tiles, which fit exactly, all ways
have the number of no seam. The default stays multiband, which changes fine detail over at the seam
and only brightness far from it; a BLEND_WIDTH of 16 to 64 px moves the number by .01.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from measure import orthoweave, register
from osgeo import gdal, ogr

WIDTH = 32
"""Blend width in pixels; gdalwarp's is that on each side."""

COLUMNS = (
    "no seam",
    "ours",
    "our seams, hard",
    "our seams, gdalwarp -cblend",
    "center cuts, gdalwarp -cblend",
    "spectralmatch's cut",
)

LIMIT = 1.10
"""Most that made mosaics may have after globallocal."""


def rows(sets: Mapping[str, Sequence[Path]], folder: Path, python: str = "") -> Iterator[str]:
    """Yield the lines of the table: one set of images after the other."""
    register()
    yield "\n| visibility of seams | " + " | ".join(COLUMNS) + " |\n|---" + "|---" * 6 + "|"
    worst = 0.0
    for title, images in sets.items():
        found = ways(list(images), folder / title.replace(" ", "_"), python)
        yield f"| {title} | " + " | ".join(f"{found[name]:.2f}" for name in COLUMNS) + " |"
        if title.startswith("made"):
            worst = max(worst, found["ours"])
        peers = min(found[name] for name in COLUMNS[-2:])
        if found["ours"] >= peers:
            yield f"\n{title}: ours does not show less than the best peer.\n"
    yield f"\nMade mosaics after globallocal: at most {worst:.2f} (limit {LIMIT:.2f})."


def ways(images: list[Path], folder: Path, python: str) -> dict[str, float]:
    """Return the visibility of the seams of one set in all ways."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["--images", *map(str, images)]
    mosaic, center = folder / "mosaic.tif", folder / "center.gpkg"
    how = ["--save-steps", "local", "--build-overviews", "no", "--resume", "no"]
    told = run("mosaicpipeline", *names, "--output", str(mosaic), *how)
    work = folder / "mosaic_work"
    matched = [work / f"{image.stem}_Local.tif" for image in images]
    run("voronoiseamlines", "--images", *map(str, matched), "--output", str(center))
    ours = work / "seamlines.gpkg"
    foreign = cut_lines(matched, folder / "spectralmatch.gpkg", python) or center
    hard, feathered, centered, cut = (
        folder / f"{name}.tif" for name in ("hard", "feathered", "centered", "cut")
    )
    for output, cells in ((hard, ours), (cut, foreign)):
        merge(matched, cells, output)
    for output, cells in ((feathered, ours), (centered, center)):
        warp(matched, cells, output)
    return {
        "ours": told["seam_visibility"],
        "no seam": alone(matched, ours),
        "our seams, hard": shown(hard, ours, matched),
        "our seams, gdalwarp -cblend": shown(feathered, ours, matched),
        "center cuts, gdalwarp -cblend": shown(centered, center, matched),
        "spectralmatch's cut": shown(cut, foreign, matched),
    }


def run(tool: str, *arguments: str) -> dict[str, Any]:
    """Run a tool from the command line and return its numbers."""
    command = orthoweave(tool, *arguments, "--json")
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    numbers: dict[str, Any] = json.loads(done.stdout)
    return numbers


def merge(images: Sequence[Path], cells: Path, output: Path) -> None:
    """Put images together along cells without mixing."""
    along = ["--seamlines", str(cells), "--rule", "last", "--build-overviews", "no"]
    run("mergerasters", "--images", *map(str, images), *along, "--output", str(output))


def warp(images: Sequence[Path], cells: Path, output: Path) -> None:
    """Put images together with gdalwarp, each blended over those before along its cell."""
    box = gdal.BuildVRT("", [str(image) for image in images])
    left, dx, _, top, _, dy = box.GetGeoTransform()
    low, right = top + dy * box.RasterYSize, left + dx * box.RasterXSize
    output.unlink(missing_ok=True)
    known = cell_names(cells)
    for image in images:
        name = next(one for one in (image.stem, image.stem.replace("_Local", "")) if one in known)
        if not output.exists():
            bounds = (left, low, right, top)
            gdal.Warp(str(output), str(image), outputBounds=bounds, xRes=dx, yRes=-dy)
            continue
        gdal.Warp(
            gdal.Open(str(output), gdal.GA_Update),
            str(image),
            cutlineDSName=str(cells),
            cutlineLayer="seamlines",
            cutlineWhere=f"image = '{name}'",
            cutlineBlend=WIDTH / 2,
        )


def cell_names(cells: Path) -> list[str]:
    """Return the names of the images that have a cell."""
    dataset = ogr.Open(str(cells))
    return [feature["image"] for feature in dataset.GetLayer(0)]


CUTTING = """
import sys
from osgeo import ogr
from spectralmatch import voronoi_center_seamline
named = ogr.GetDriverByName
# what it asks for is called Memory before GDAL 3.11
ogr.GetDriverByName = lambda name: named(name) or named("Memory")
output, spacing, *images = sys.argv[1:]
voronoi_center_seamline(images, output, min_point_spacing=float(spacing), image_field_name="image")
"""

SPACING = 10
"""Pixels between the points from which it lays its cut lines."""


def cut_lines(images: Sequence[Path], output: Path, python: str) -> Path | None:
    """Return the cells of spectralmatch, None when it is not there or fails."""
    if not python:
        sys.stderr.write("spectralmatch is not installed here: center cuts are its rule.\n")
        return None
    output.unlink(missing_ok=True)
    spacing = SPACING * gdal.Open(str(images[0])).GetGeoTransform()[1]
    command = [python, "-c", CUTTING, str(output), str(spacing), *map(str, images)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not output.exists():
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        sys.stderr.write(f"spectralmatch has laid no cut: {last}\n")
        return None
    return output


def shown(mosaic: Path, cells: Path, images: Sequence[Path]) -> float:
    """Return the visibility of the seams between cells in a mosaic."""
    from orthoweave.core.raster import open_image
    from orthoweave.core.seams.visibility import visibility

    image = open_image(str(mosaic))
    return visibility(image, labels(cells, images, image.grid)) or 0.0


def alone(images: Sequence[Path], cells: Path) -> float:
    """Return what the lines of the seams have in the images alone, where there is no seam."""
    from orthoweave.core.raster import open_image
    from orthoweave.core.seams.visibility import Steps, visibility
    from orthoweave.core.transform.framed import Framed

    opened = [open_image(str(image)) for image in images]
    grid = open_image(str(cells.parent.parent / "mosaic.tif")).grid
    total = Steps(opened[0].bands)

    def walk(look: Any, windows: Any) -> tuple[()]:
        for steps in map(look, windows):
            if steps is not None:
                total.add(steps)
        return ()

    for image in opened:
        visibility(Framed(image, grid), labels(cells, images, grid), walk)
    return total.visibility or 0.0


def labels(cells: Path, images: Sequence[Path], grid: Any) -> Any:
    """Return the cells as labels on a grid."""
    from orthoweave.core.operations.mosaic.cells import cells_of
    from orthoweave.core.progress import SILENT
    from orthoweave.core.raster import open_image

    opened = [open_image(str(image)) for image in images]
    return cells_of(str(cells), opened, grid, "image", SILENT)
