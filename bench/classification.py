# SPDX-License-Identifier: GPL-2.0-or-later
"""How right classifiers are and what they cost, beside Orfeo Toolbox on the same samples.

S: the made problem of problem.py, 2000 samples of each class; the mean over seeds 0 to 4 of rf,
and `best`. R: the real series ../shared/data/s2_timeseries. Overall accuracy on the pixels of the
polygons kept apart. Then CPU seconds (user + system) and peak memory of training 16,000 × 24
samples and of classifying with confidence, raster to raster, for ours and for OTB (Debian package
otb-bin, left out where it is not installed).

    .venv/bin/python bench/classification.py --folder build/bench/classification
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import problem
from measure import SHARED, Cost, cost_of, orthoweave, register, say
from osgeo import gdal, ogr

SERIES = SHARED / "data" / "s2_timeseries"
PER_CLASS = 2000
SEEDS = range(5)


def rows_under(raster: Path, polygons: Path, field: str) -> dict[str, Any]:
    """Return values, labels, polygon numbers and positions of the pixels under polygons."""
    image, source = gdal.Open(str(raster)), ogr.Open(str(polygons))
    shape = (image.RasterXSize, image.RasterYSize)
    memory = gdal.GetDriverByName("MEM").Create("", *shape, 1, gdal.GDT_Int32)
    memory.SetGeoTransform(image.GetGeoTransform())
    memory.SetProjection(image.GetProjection())
    numbered = ogr.GetDriverByName("Memory").CreateDataSource("numbered")
    layer = numbered.CreateLayer("numbered", source.GetLayer(0).GetSpatialRef())
    layer.CreateField(ogr.FieldDefn("number", ogr.OFTInteger))
    codes = [0]
    for found in source.GetLayer(0):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("number", len(codes))
        feature.SetGeometry(found.GetGeometryRef())
        layer.CreateFeature(feature)
        codes.append(found.GetField(field))
    gdal.RasterizeLayer(memory, [1], layer, options=["ATTRIBUTE=number"])
    numbers = memory.ReadAsArray()
    rows, cols = np.nonzero(numbers)
    bands = [image.GetRasterBand(band + 1) for band in range(image.RasterCount)]
    left, width, _, top, _, height = image.GetGeoTransform()
    return {
        "values": np.stack([band.ReadAsArray()[rows, cols] for band in bands], 1),
        "labels": np.array(codes)[numbers[rows, cols]],
        "groups": numbers[rows, cols],
        "x": left + width * (cols + 0.5),
        "y": top + height * (rows + 0.5),
        "names": tuple(b.GetDescription() or f"band_{n}" for n, b in enumerate(bands, 1)),
        "crs": image.GetProjection(),
        "pixels": (rows, cols),
    }


def sampled(rows: dict[str, Any], seed: int) -> Any:
    """Return the numbers of PER_CLASS rows of each class, or of all where there are fewer."""
    rng = np.random.default_rng(seed)
    labels = rows["labels"]
    parts = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    return np.sort(np.concatenate([part[:PER_CLASS] for part in parts]))


def save(path: Path, rows: dict[str, Any], taken: Any) -> Path:
    """Write samples as both products read them."""
    from orthoweave.core.landcover.samples import Samples
    from orthoweave.core.vector.samplelayer import Fields, write_samples

    parts = {name: rows[name][taken] for name in ("values", "labels", "groups", "x", "y")}
    write_samples(str(path), Samples(**parts, names=rows["names"]), Fields("code"), rows["crs"])
    return path


def train(samples: Path, model: Path, *options: str, repeats: int = 1) -> Cost:
    """Train ours."""
    command = ("trainclassifier", f"--samples={samples}", "--field=code", f"--output={model}")
    return cost_of(orthoweave(*command, *options), repeats)


def classify(image: Path, model: Path, output: Path, *options: str, repeats: int = 1) -> Cost:
    """Classify with ours, with confidence."""
    confidence = f"--output-confidence={output.with_suffix('')}_confidence.tif"
    command = ("classify", f"--image={image}", f"--model={model}", f"--output={output}", confidence)
    return cost_of(orthoweave(*command, *options), repeats)


def train_otb(samples: Path, model: Path, names: tuple[str, ...], repeats: int = 1) -> Cost:
    """Train OTB's random forest with the parameters of ours."""
    command = ["otbcli_TrainVectorClassifier", "-io.vd", str(samples), "-cfield", "code"]
    command += ["-feat", *names, "-classifier", "rf", "-io.out", str(model)]
    how = {"max": 25, "min": 10, "nbtrees": 100, "acc": 0, "var": 0}
    command += [piece for k, v in how.items() for piece in (f"-classifier.rf.{k}", str(v))]
    return cost_of(command, repeats)


def classify_otb(image: Path, model: Path, output: Path, repeats: int = 1) -> Cost:
    """Classify with OTB, with confidence."""
    confidence = f"{output.with_suffix('')}_confidence.tif"
    command = ["otbcli_ImageClassifier", "-in", str(image), "-model", str(model)]
    command += ["-out", str(output), "uint8", "-confmap", confidence, "-ram", "256"]
    return cost_of(command, repeats)


def accuracy(output: Path, rows: dict[str, Any]) -> tuple[float, float]:
    """Return overall accuracy and kappa of a map on the pixels of polygons."""
    found = gdal.Open(str(output)).ReadAsArray()[rows["pixels"]]
    true, count = rows["labels"], len(found)
    labels = np.unique(true)
    right = float((found == true).mean())
    chance = sum((found == one).sum() * (true == one).sum() for one in labels) / count**2
    return right, (right - chance) / (1 - chance)


def averaged(scores: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the means of accuracies and kappas."""
    return (float(np.mean([a for a, _ in scores])), float(np.mean([k for _, k in scores])))


def line(name: str, score: tuple[float, float], *costs: Cost | None, pixels: int = 0) -> str:
    """Return a row of the table."""
    cells = [name, f"{score[0]:.4f}", f"{score[1]:.4f}"]
    for cost in costs:
        cells += ["", ""] if cost is None else [f"{cost.cpu:.2f}", f"{cost.peak:.0f}"]
    last = costs[-1] if costs else None
    cells.append(f"{pixels / last.cpu:,.0f}" if pixels and last else "")
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| run | OA | kappa | train CPU s | MiB | classify CPU s | MiB | px per CPU s |\n"
    "|---|---|---|---|---|---|---|---|"
)


def made(folder: Path, size: int, repeats: int) -> None:
    """Print the table of the made problem."""
    s = problem.make(folder / "s", size)
    learn = rows_under(s.features, s.learn, "code")
    taken = sampled(learn, 0)
    samples = save(folder / "s.sqlite", learn, taken)
    names = learn.pop("names")
    # a process that is started begins with the memory of the one that starts it
    learn.clear()
    kept = rows_under(s.features, s.validation, "code")
    kept.pop("values")
    pixels = size * size
    say(f"### S: {size} × {size} × 24, {len(taken)} samples\n\n{HEAD}")
    scores = []
    for seed in SEEDS:
        model, output = folder / f"rf{seed}.owm", folder / "rf.tif"
        cost = train(samples, model, f"--seed={seed}", repeats=repeats if seed == 0 else 1)
        used = classify(s.features, model, output, repeats=repeats if seed == 0 else 1)
        scores.append(accuracy(output, kept))
        say(line(f"rf, seed {seed}", scores[-1], cost, used, pixels=pixels))
    say(line("rf, mean of the seeds", averaged(scores)))
    for name in ("maxlik", "svm", "mlp", "best"):
        model, output = folder / f"{name}.owm", folder / f"{name}.tif"
        cost = train(samples, model, f"--classifier={name}")
        used = classify(s.features, model, output)
        say(line(name, accuracy(output, kept), cost, used, pixels=pixels))
    if shutil.which("otbcli_ImageClassifier"):
        model, output = folder / "otb.txt", folder / "otb.tif"
        cost = train_otb(samples, model, names, repeats)
        used = classify_otb(s.features, model, output, repeats)
        say(line("OTB rf", accuracy(output, kept), cost, used, pixels=pixels))
        again = folder / "otb_ours.tif"
        used = classify(s.features, model, again, "--confidence-unit=fraction")
        say(line("OTB's model, ours", accuracy(again, kept), None, used, pixels=pixels))
        differences(folder, output, again)


def differences(folder: Path, theirs: Path, ours: Path) -> None:
    """Print how far two maps and their confidences are apart."""
    a, b = (gdal.Open(str(path)).ReadAsArray() for path in (theirs, ours))
    other = [path.with_suffix("").as_posix() + "_confidence.tif" for path in (theirs, ours)]
    c, d = (gdal.Open(path).ReadAsArray().astype(float) for path in other)
    say(
        f"\nOTB's model read back: {(a != b).sum()} of {a.size} labels differ, confidence by up "
        f"to {np.abs(c - d).max():.2g}."
    )


def real(folder: Path) -> None:
    """Print the table of the real series."""
    image = SERIES / "stack.tif"
    learn = rows_under(image, SERIES / "train.gpkg", "code")
    kept = rows_under(image, SERIES / "val.gpkg", "code")
    samples = save(folder / "r.sqlite", learn, np.arange(len(learn["labels"])))
    say(f"\n### R: 100 × 101 × 63, {len(learn['labels'])} samples\n\n{HEAD}")
    scores = []
    for seed in SEEDS:
        model, output = folder / f"r_rf{seed}.owm", folder / "r_rf.tif"
        cost = train(samples, model, f"--seed={seed}")
        used = classify(image, model, output)
        scores.append(accuracy(output, kept))
        say(line(f"rf, seed {seed}", scores[-1], cost, used))
    say(line("rf, mean of the seeds", averaged(scores)))
    for name in ("maxlik", "svm", "mlp", "best"):
        model, output = folder / f"r_{name}.owm", folder / f"r_{name}.tif"
        cost = train(samples, model, f"--classifier={name}")
        used = classify(image, model, output)
        say(line(name, accuracy(output, kept), cost, used))
    if shutil.which("otbcli_ImageClassifier"):
        model, output = folder / "r_otb.txt", folder / "r_otb.tif"
        cost = train_otb(samples, model, learn["names"])
        used = classify_otb(image, model, output)
        say(line("OTB rf", accuracy(output, kept), cost, used))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("build/bench/classification"))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    register()
    real(given.folder)
    made(given.folder, given.size, given.repeats)


if __name__ == "__main__":
    main()
