# SPDX-License-Identifier: GPL-2.0-or-later
"""What the whole pipeline costs with its defaults: CPU, memory, and bytes read and written.

Two images of SIDE × SIDE × 4 uint16 (bench/two_images.py makes them), every run a process of its
own, without overviews. The copy is gdal_translate of a raster with the mosaic's pixels and the same
compression. Reads are decoded pixels over those of the sources, writes all files of the run over
the sources' files. spectralmatch runs its six steps (bench/spectralmatch_chain.py) on the same
images when a Python that has it is given; of an earlier run of it 89 CPU s and 2.2 GB are known.

    .venv/bin/python bench/pipeline.py --side 6000 --folder build/bench [--spectralmatch PYTHON]
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from measure import CO, ROOT, Cost, cost_of, orthoweave, table
from osgeo import gdal
from two_images import make

PEER = "spectralmatch, six steps"

VARIANTS = {
    "pipeline, 1 thread": ["--threads", "1"],
    "pipeline, 2 threads": ["--threads", "2"],
    "pipeline, resumed": ["--threads", "1"],
    "voronoi and feather": ["--threads", "1", "--seams", "voronoi", "--rule", "feather"],
    "global, voronoi, hard cut": (
        ["--threads", "1", "--seams", "voronoi", "--rule", "last", "--radiometry", "global"]
    ),
}


def main() -> None:
    """Make the images, run everything, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=6000)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", default="", help="names that must occur in the run's name")
    parser.add_argument("--spectralmatch", default="", help="a Python that has that package")
    chosen = parser.parse_args()
    folder = chosen.folder / str(chosen.side)
    make(folder, chosen.side)
    rows: list[tuple[str, Cost]] = []
    moved: list[str] = []
    for name, command in runs(folder, chosen.spectralmatch):
        if name not in ("copy", PEER) and chosen.only not in name:
            continue
        rows.append((name, cost_of(command, chosen.repeats)))
        sys.stderr.write(f"{name}: {rows[-1][1]}\n")
        report = folder / "pipeline" / "mosaic_work" / "report.json"
        if name in VARIANTS:
            moved.append(traffic(name, folder / "pipeline", json.loads(report.read_text())))
        elif name == PEER:
            moved.append(traffic(name, folder / "peer", {}))
    sys.stdout.write(table(f"Two images of {chosen.side}² × 4 uint16", rows, "copy"))
    sys.stdout.write("\n| run | decoded, × sources | files, MB | × sources' files | visibility |\n")
    sys.stdout.write("|---|---|---|---|---|\n" + "\n".join(moved) + "\n")


def runs(folder: Path, peer: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and command of every run; resumed ones find the models of the one before."""
    out = folder / "pipeline"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    yield "copy", ["gdal_translate", "-q", *CO, str(folder / "union.tif"), str(out / "copy.tif")]
    (out / "copy.tif").unlink()
    images = [str(folder / "a.tif"), str(folder / "b.tif")]
    common = ["--images", *images, "--output", str(out / "mosaic.tif"), "--build-overviews", "no"]
    for name, given in VARIANTS.items():
        if "resumed" not in name:
            shutil.rmtree(out)
            out.mkdir()
        yield name, orthoweave("mosaicpipeline", *common, *given)
    if peer:
        shutil.rmtree(folder / "peer", ignore_errors=True)
        pixel = str(gdal.Open(images[0]).GetGeoTransform()[1])
        yield (
            PEER,
            [peer, str(Path(__file__).with_name("spectralmatch_chain.py")), str(folder), pixel],
        )
    else:
        sys.stderr.write("spectralmatch is left out: --spectralmatch was not given\n")


def traffic(name: str, folder: Path, told: dict[str, float]) -> str:
    """Return the row of what a run has read, as far as it tells, and written into its folder."""
    sources = [folder.parent / "a.tif", folder.parent / "b.tif"]
    packed = sum(path.stat().st_size for path in sources)
    pixels = len(sources) * int(folder.parent.name) ** 2 * 4 * 2
    files = [path for path in folder.rglob("*") if path.is_file()]
    written = sum(path.stat().st_size for path in files)
    seen = told.get("seam_visibility"), told.get("cut_visibility")
    shown = "/".join("–" if value is None else f"{value:.3f}" for value in seen)
    decoded = f"{told['read_bytes'] / pixels:.2f}" if told else "–"
    return f"| {name} | {decoded} | {written / 1e6:.0f} | {written / packed:.2f} | {shown} |"


if __name__ == "__main__":
    main()
