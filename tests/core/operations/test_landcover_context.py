# SPDX-License-Identifier: GPL-2.0-or-later
"""Auto-context in the workflow, on speckled classes: a pixel alone says little."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption, NoSolution
from orthoweave.core.operations import landcover
from orthoweave.core.operations.chain import revisiting
from orthoweave.core.requests.landcover import Request
from orthoweave.core.vector.samplelayer import Fields, read_samples
from osgeo import gdal, ogr

from . import theia
from .test_landcover import Heard, Killed, Killing, pixels, products, steps_of

pytest.importorskip("scipy")
pytest.importorskip("shapely")

ROWS, COLS = 100, 180
"""Pixels of both tiles together, and how far the second one lies to the east."""

SHARES = {11: (0.2, 0.1, 0.7), 34: (0.7, 0.1, 0.2), 41: (0.5, 0.4, 0.1), 51: (0.1, 0.7, 0.2)}
"""Of pixels of grass, roof and crop in the classes."""

CELL, BANDS = 20, 4


@dataclass(frozen=True)
class Made:
    """Where images and polygons lie, and the true classes of both tiles together."""

    folder: Path
    truth: np.ndarray

    @property
    def images(self):
        return tuple(str(self.folder / f"{tile}.tif") for tile in theia.TILES)

    @property
    def polygons(self):
        return self.folder / "reference.gpkg"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("speckled"), np.random.default_rng(3)
    shape = (ROWS // CELL, COLS // CELL)
    parcels = random.permutation(np.arange(np.prod(shape)) % 4).reshape(shape)
    truth = np.kron(np.array(list(SHARES))[parcels], np.ones((CELL, CELL), int))
    sums = np.cumsum([SHARES[label] for label in truth.ravel()], 1)
    cover = (random.random((truth.size, 1)) > sums[:, :2]).sum(1).reshape(truth.shape)
    level = random.uniform(800, 3000, (3, BANDS))
    values = level[cover].transpose(2, 0, 1) + random.normal(0, 200, (BANDS, *truth.shape))
    values = np.clip(np.rint(values), 1, 9999).astype(np.int16)
    for tile, left in theia.TILES.items():
        write_image(folder / f"{tile}.tif", values[:, :, left : left + theia.SIDE], left)
    found = Made(folder, truth)
    write_polygons(found.polygons, truth)
    return found


def write_image(path, values, left):
    bands, rows, cols = values.shape
    file = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, bands, gdal.GDT_Int16)
    file.SetGeoTransform((theia.LEFT + theia.PIXEL * left, 10.0, 0, theia.TOP, 0, -10.0))
    file.SetProjection(theia.reference().ExportToWkt())
    for number, band in enumerate(values, 1):
        file.GetRasterBand(number).WriteArray(band)
        file.GetRasterBand(number).SetNoDataValue(0)
        file.GetRasterBand(number).SetDescription(f"feature{number}")


def write_polygons(path, truth):
    """Write the middle of every parcel."""
    file = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = file.CreateLayer("reference", theia.reference(), ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("code", ogr.OFTInteger))
    for row, col in np.ndindex(ROWS // CELL, COLS // CELL):
        x, y = theia.LEFT + 10 * (CELL * col + 6), theia.TOP - 10 * (CELL * row + 6)
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("code", int(truth[CELL * row, CELL * col]))
        box = f"{x} {y}, {x + 80} {y}, {x + 80} {y - 80}, {x} {y - 80}, {x} {y}"
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON (({box}))"))
        layer.CreateFeature(feature)


def asked(made, out, **changes):
    values = {
        "images": made.images,
        "polygons": str(made.polygons),
        "field": "code",
        "classifier": "maxlik",
        "output_folder": str(out),
        "auto_context": 2,
        "object_size": 6,
        "last_step": "mosaic",
    }
    return Request(**{**values, **changes})


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory):
    """A finished run of two rounds that nothing disturbed."""
    out = tmp_path_factory.mktemp("context") / "out"
    landcover.run(asked(made, out, threads=1))
    return out


def agreement(out, made, version):
    """Return which part of the pixels of both tiles' maps of a round is right."""
    right = []
    for tile, left in theia.TILES.items():
        found = pixels(out / "classif" / f"Classif_{tile}_model_1_seed_0{version}.tif")
        truth = made.truth[:, left : left + theia.SIDE]
        right.append((found == truth)[found > 0])
    return np.concatenate(right).mean()


def test_what_lies_around_makes_the_map_of_speckled_classes_better(whole, made):
    first, second, last = (agreement(whole, made, v) for v in ("_context_0", "_context_1", ""))
    # shares of materials alone allow about .63; parcels of 20 px hold some ten superpixels
    assert first < 0.7
    assert second > first + 0.12 and last > first + 0.12
    final = pixels(whole / "final" / "Classif_Seed_0.tif")
    assert abs((final == made.truth).mean() - last) < 0.02


def test_the_samples_of_a_round_are_the_same_with_shares_after_their_features(whole):
    plain, found = samples_of(whole, ""), samples_of(whole, "_context_1")
    assert found.names == (*plain.names, *(f"context_{label}" for label in SHARES))
    assert (found.labels == plain.labels).all() and (found.groups == plain.groups).all()
    assert (found.x == plain.x).all() and (found.y == plain.y).all()
    assert (found.values[:, :BANDS] == plain.values).all()
    # per mille, each rounded
    assert (abs(found.values[:, BANDS:].sum(1) - 1000) <= 2).all()


def samples_of(out, ending):
    name = f"Samples_region_1_seed0_learn{ending}.sqlite"
    return read_samples([str(out / "learningSamples" / name)], Fields("code"))


class Constant:
    """A model that knows one class only; it was not shown some polygons."""

    labels, names = tuple(SHARES), tuple("abcd")

    def __init__(self, features, seen, place):
        self.features, self.seen, self.place = features, set(seen.tolist()), place

    def probabilities(self, columns):
        return np.eye(4)[:, [self.place] * columns.shape[1]]

    def labeled(self, columns):
        return np.full(columns.shape[1], self.labels[self.place]), self.probabilities(columns)


def test_the_shares_around_a_sample_come_from_models_that_have_not_seen_its_polygon(
    made, tmp_path, monkeypatch
):
    models = []

    def train(samples, how, progress, **_):
        assert how.classifier == "maxlik"
        models.append(Constant(samples.names, samples.groups, len(models) % 3))
        return SimpleNamespace(model=models[-1])

    monkeypatch.setattr(revisiting, "train", train)
    landcover.run(asked(made, tmp_path, auto_context=1, last_step="classification"))
    found = samples_of(tmp_path, "_context_1")
    # three for the map before, three that tell whether the shares help
    assert len(models) == 6
    unseen = [set(found.groups.tolist()) - model.seen for model in models[:3]]
    assert sorted(one for some in unseen for one in some) == sorted(set(found.groups.tolist()))
    for model, groups in zip(models, unseen):
        mine = found.values[np.isin(found.groups, list(groups)), BANDS:]
        assert len(mine) and (mine == 1000 * np.eye(4)[model.place]).all()


def test_killed_in_each_step_and_resumed_gives_the_same_bytes(whole, made, tmp_path):
    out = tmp_path / "again"
    request = asked(made, out, threads=2)
    order = steps_of(whole)
    assert {"slicSegmentation", "contextShares", "contextSamples"} < set(order)
    for step in order:
        with pytest.raises(Killed):
            landcover.run(request, Killing(out, step))
    landcover.run(request)
    assert products(out) == products(whole)
    assert landcover.run(request).tasks_done == 0


def test_it_is_said_whether_the_shares_help(whole, made, tmp_path):
    said = (whole / "logs" / "contextSamples" / "samples_model_1_seed_0_context_1.out").read_text()
    assert "Auto-context: in round 1" in said
    heard = Heard()
    # superpixels as large as a parcel and its neighbors tell nothing
    landcover.run(
        asked(made, tmp_path, auto_context=1, object_size=60, last_step="classification"), heard
    )
    assert any("Auto-context does not help" in text for text in heard.warnings)


def test_no_round_reads_the_reference_again(whole, made, tmp_path):
    """Neither shares nor samples nor models come from polygons: those are gone by then."""
    out = tmp_path / "blind"
    landcover.run(asked(made, out, last_step="sampling"))
    for name in ("dataAppVal", "formattingVectors"):
        for path in (out / name).glob("*.*"):
            path.write_bytes(b"no polygon")
    landcover.run(asked(made, out, first_step="learning"))
    name = "final/Classif_Seed_0.tif"
    assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_ground_that_a_stripe_without_data_cuts_off_is_told(made, tmp_path):
    values = np.full((BANDS, 40, 60), 500, np.int16)
    values[:, 30:32] = 0
    write_image(tmp_path / "T31TCJ.tif", values, 0)
    heard = Heard()
    request = asked(made, tmp_path / "out", images=(str(tmp_path / "T31TCJ.tif"),))
    with pytest.raises(NoSolution):
        landcover.run(request, heard)
    # 8 of 38 rows with data
    assert any("21 % of the valid ground of T31TCJ lies apart" in text for text in heard.warnings)


def test_the_plan_and_the_status_page_name_every_round(whole, made, tmp_path):
    heard = Heard()
    landcover.run(asked(made, tmp_path / "none", dry_run=True), heard)
    assert not (tmp_path / "none").exists()
    text = "\n".join(heard.infos)
    assert "slicSegmentation, 2 tasks (superpixels_T31TCJ" in text
    assert "contextShares, 4 tasks" in text and "contextSamples, 2 tasks" in text
    assert "classification, 8 tasks" in text
    page = (whole / "logs" / "html" / "index.html").read_text(encoding="utf-8")
    assert "samples_model_1_seed_0_context_2" in page
    assert "classification_T31TDJ_model_1_seed_0_context_1" in page


def test_the_switch_of_iota2_turns_it_on(made, tmp_path):
    text = (
        f"chain :\n  output_path : '{tmp_path / 'out'}'\n  user_feat_path : '{made.folder}'\n"
        f"  ground_truth : '{made.polygons}'\n  data_field : 'code'\n"
        "  enable_autocontext : True\n  autocontext_iterations : 4\n"
        "arg_train :\n  classifier : 'bayes'\n"
    )
    (tmp_path / "run.cfg").write_text(text)
    heard = Heard()
    landcover.run(
        Request(config=str(tmp_path / "run.cfg"), images=made.images, dry_run=True), heard
    )
    assert any("learnModel, 5 tasks" in line for line in heard.infos)


def test_regions_with_several_models_and_runs_learn_from_one_map(made, tmp_path):
    theia.write_regions(tmp_path / "parts.shp")
    request = asked(
        made, tmp_path / "out",
        regions=str(tmp_path / "parts.shp"), fusion="fusion", fusion_area=0.9, runs=2,
        auto_context=1, probability=True,
    )  # fmt: skip
    landcover.run(request)
    out = tmp_path / "out"
    tasks = json.loads((out / "tasks_status.json").read_text())["tasks"]
    assert "fusion_T31TCJ_model_east_seed_1_context_1" in tasks
    read = tasks["shares_T31TCJ_seed_1"]["inputs"]
    assert {Path(path).name for path in read if "Classif_" in path} == {
        "Classif_T31TCJ_model_east_seed_1_context_0.tif",
        "Classif_T31TCJ_model_west_seed_1_context_0.tif",
    }
    found = pixels(out / "final" / "Classif_Seed_1.tif")
    assert (found > 0).all()
    # few polygons for each model
    assert (found == made.truth).mean() > 0.6


def test_more_of_the_rarer_classes_are_made_with_their_shares(made, tmp_path):
    config = tmp_path / "run.cfg"
    config.write_text(
        "arg_train :\n  sample_augmentation : {'target_models':['all'], 'strategy' : 'jitter', "
        "'strategy.jitter.stdfactor' : 10, 'samples.strategy' : 'balance', 'activate' : True}\n"
    )
    out = tmp_path / "out"
    landcover.run(asked(made, out, config=str(config), auto_context=1, last_step="classification"))
    names = ("Samples_region_1_seed0_learn", "Samples_region_1_seed0_learn_context_1")
    paths = [str(out / "learningSamples" / f"{name}.sqlite") for name in names]
    plain, found = (read_samples([path], Fields("code")) for path in paths)
    assert len(set(np.unique(found.labels, return_counts=True)[1])) == 1
    assert (found.labels == plain.labels).all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"builder": "objects"}, "needs BUILDER classification, not objects"),
        ({"builder": "features"}, "needs BUILDER classification, not features"),
        ({"sensor_fusion": True}, "give one of SENSOR_FUSION and AUTO_CONTEXT"),
    ],
)
def test_what_does_not_go_together_gives_its_sentence(made, tmp_path, changes, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        landcover.run(asked(made, tmp_path / "out", **changes))
