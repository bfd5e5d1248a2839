# SPDX-License-Identifier: GPL-2.0-or-later
"""How well least-cost seams run: their cost beside center seams, what they cross, how they show.

Pairs of neighboring drone frames, pairs of aerial images of different years (each cropped to 70 %
of its width, from the left and from the right), and tiles of ../shared/tools/make_cases.py with
small bright objects, each of them in one tile only, which counts as crossed where a seam of that
tile runs through it. Then the visibility of seams (bench/visibility.py has its definition and what
it can and cannot tell), and the cost of two large images.

    .venv/bin/python bench/seams.py --folder build/bench/seams [--spectralmatch PYTHON]
    .venv/bin/python bench/seams.py --only visibility
    .venv/bin/python bench/seams.py --large build/bench/6000    # made by bench/two_images.py
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import visibility
from measure import ROOT, SHARED, cases, cost_of, orthoweave, say
from osgeo import gdal, ogr

YEARS = "20120731 20150926"


def main() -> None:
    """Lay the seams of every set and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench" / "seams")
    parser.add_argument("--large", type=Path, help="folder with a.tif and b.tif")
    parser.add_argument("--only", default="", help="cost, objects or visibility")
    parser.add_argument("--spectralmatch", default="", help="a Python that has that package")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if chosen.large:
        large(chosen.large, chosen.folder)
        return
    if chosen.only in ("", "cost"):
        costs(chosen.folder)
    if chosen.only in ("", "objects"):
        say("\n| objects in overlaps | crossed | by center seams |\n|---|---|---|")
        for seed in (13, 14, 15):
            count, crossed, centers = objects(chosen.folder / f"objects{seed}", seed)
            say(f"| {count} | {crossed} | {centers} |")
    if chosen.only in ("", "visibility"):
        frames = sorted((SHARED / "data" / "drone_brighton").glob("*.tif"))
        scenes = sorted((SHARED / "data" / "l8_quebec_mosaic").glob("*[12].tif"))
        dates = dict(aerial(chosen.folder))
        sets = {"Brighton": frames, "Quebec": scenes, "NAIP 2012 and 2015": dates[YEARS]}
        for seed in (13, 14):
            sets[f"made from {seed}"] = made(chosen.folder / f"made{seed}", seed)
        for row in visibility.rows(sets, chosen.folder / "shown", chosen.spectralmatch):
            say(row)


def costs(folder: Path) -> None:
    """Print what seams of pairs cost beside those through the middle."""
    say("| pair | mean cost | of center seams | ratio |\n|---|---|---|---|")
    for title, pairs in (("drone_brighton", drone()), ("naip_nd", aerial(folder))):
        ratios = []
        for name, images in pairs:
            found = seams(images, folder / "pair.gpkg")
            cost, center = found["mean_seam_cost"], found["mean_center_cost"]
            ratios.append(cost / center)
            say(f"| {name} | {cost:.3f} | {center:.3f} | {ratios[-1]:.2f} |")
        say(f"| **{title}** | | mean of {len(ratios)} | **{sum(ratios) / len(ratios):.2f}** |")


def drone() -> Iterator[tuple[str, list[Path]]]:
    """Yield the frames that follow each other."""
    frames = sorted((SHARED / "data" / "drone_brighton").glob("*.tif"))
    for a, b in zip(frames, frames[1:]):
        if a.stem != "DJI_0021":
            yield f"{a.stem} {b.stem}", [a, b]


def aerial(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield the images of two years, each without a part of one side."""
    dates = sorted((SHARED / "data" / "naip_nd").glob("*.tif"))
    for a, b in combinations(dates, 2):
        paths = []
        for path, side in ((a, "left"), (b, "right")):
            target = folder / f"{path.stem}_{side}.tif"
            width = int(gdal.Open(str(path)).RasterXSize * 0.7)
            start = 0 if side == "left" else gdal.Open(str(path)).RasterXSize - width
            rows = gdal.Open(str(path)).RasterYSize
            gdal.Translate(str(target), str(path), srcWin=[start, 0, width, rows])
            paths.append(target)
        yield f"{a.stem[-13:-5]} {b.stem[-13:-5]}", paths


def objects(folder: Path, seed: int) -> tuple[int, int, int]:
    """Return how many objects lie in overlaps and how many seams and center seams cross."""
    make_cases = cases()
    source = next((SHARED / "data" / "za_aerial_wgs84").glob("*.tif"))
    if not (folder / "truth.json").exists():
        make_cases.mosaic(
            str(source), str(folder), seed, 3, 2, 0.3, bands=[1, 2, 3], vignette=0.3, objects=60
        )
    tiles = json.loads((folder / "truth.json").read_text())["tiles"]
    images = [folder / tile["file"] for tile in tiles]
    matched = folder / "matched"
    names = ["--images", *map(str, images)]
    command = ["localblockadjustment", *names, "--output-folder", str(matched)]
    cost_of(orthoweave(*command))
    images = sorted(matched.glob("tile_??*.tif"))
    rectangles = list(placed(images, tiles))
    obstacles = folder / "objects.gpkg"
    write(obstacles, rectangles, images[0])
    seams(images, folder / "least.gpkg")
    cost_of(orthoweave("voronoiseamlines", "--images", *map(str, images), "--output",
                       str(folder / "center.gpkg")))  # fmt: skip
    laid = [cuts(folder / name) for name in ("least.gpkg", "center.gpkg")]
    crossed = [sum(shape.Crosses(lines[name]) for name, shape in rectangles) for lines in laid]
    return (len(rectangles), crossed[0], crossed[1])


def made(folder: Path, seed: int) -> list[Path]:
    """Return tiles of one image with gains, vignetting and haze of their own."""
    make_cases = cases()
    source = next((SHARED / "data" / "za_aerial_wgs84").glob("*.tif"))
    if not (folder / "truth.json").exists():
        make_cases.mosaic(str(source), str(folder), seed, 3, 2, 0.3, bands=[1, 2, 3])
    return sorted(folder.glob("tile_??.tif"))


def placed(images: list[Path], tiles: list[dict]) -> Iterator[tuple[str, ogr.Geometry]]:
    """Yield the objects that another tile covers too: the tile that shows it, and a polygon."""
    opened = [gdal.Open(str(image)) for image in images]
    grids = [one.GetGeoTransform() for one in opened]
    arrays = [one.GetRasterBand(1).ReadAsArray() > 0 for one in opened]
    for number, tile in enumerate(tiles):
        for col, row, width, height in tile["objects"]:
            x, dx, _, y, _, dy = grids[number]
            left, top = x + dx * col, y + dy * row
            others = 0
            for other, (grid, valid) in enumerate(zip(grids, arrays)):
                at_col = round((left - grid[0]) / grid[1])
                at_row = round((top - grid[3]) / grid[5])
                if other == number or min(at_col, at_row) < 0:
                    continue
                part = valid[at_row : at_row + height, at_col : at_col + width]
                others += part.shape == (height, width) and bool(part.all())
            if others and arrays[number][row : row + height, col : col + width].all():
                right, bottom = left + dx * width, top + dy * height
                ring = f"{left} {top},{right} {top},{right} {bottom},{left} {bottom},{left} {top}"
                yield images[number].stem, ogr.CreateGeometryFromWkt(f"POLYGON(({ring}))")


def write(path: Path, shapes: list[tuple[str, ogr.Geometry]], like: Path) -> None:
    """Write polygons, to look at."""
    path.unlink(missing_ok=True)
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = dataset.CreateLayer("objects", gdal.Open(str(like)).GetSpatialRef(), ogr.wkbPolygon)
    for _, shape in shapes:
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(shape)
        layer.CreateFeature(feature)


def cuts(path: Path) -> dict[str, ogr.Geometry]:
    """Return the seams of each image as one geometry: others do not show its objects."""
    lines: dict[str, ogr.Geometry] = {}
    dataset = ogr.Open(str(path))
    for feature in dataset.GetLayerByName("cuts"):
        for name in (feature["image_a"], feature["image_b"]):
            mine = lines.setdefault(name, ogr.Geometry(ogr.wkbMultiLineString))
            mine.AddGeometry(feature.GetGeometryRef())
    return lines


def seams(images: list[Path], output: Path) -> dict:
    """Lay the seams of some images and return the numbers."""
    return run(["--images", *map(str, images), "--output", str(output)])


def run(arguments: list[str]) -> dict:
    """Run the command line and return what it prints as JSON."""
    import subprocess

    command = orthoweave("leastcostseamlines", *arguments, "--json")
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def large(images: Path, folder: Path) -> None:
    """Print what two large images cost."""
    names = ["--images", str(images / "a.tif"), str(images / "b.tif")]
    say("| threads | CPU s | wall s | peak MiB |\n|---|---|---|---|")
    for threads in ("1", "2"):
        output = ["--output", str(folder / "large.gpkg"), "--threads", threads]
        cost = cost_of(orthoweave("leastcostseamlines", *names, *output))
        say(f"| {threads} | {cost.cpu:.1f} | {cost.wall:.1f} | {cost.peak:.0f} |")


if __name__ == "__main__":
    main()
