# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.landcover.samples import Samples
from orthoweave.core.raster import parse_crs
from orthoweave.core.vector import samplelayer
from orthoweave.core.vector.samplelayer import Fields, read_samples, write_samples
from osgeo import ogr

CODE = Fields("code")


def some(count=300, features=90, seed=0, **more):
    rng = np.random.default_rng(seed)
    return Samples(
        rng.normal(size=(count, features)),
        rng.integers(1, 9, count),
        rng.integers(0, 30, count),
        tuple(f"made_b{n}_20180110" for n in range(features)),
        x=rng.uniform(500000, 501000, count),
        y=rng.uniform(4000000, 4001000, count),
        **more,
    )


def same(a, b):
    for name in ("values", "labels", "groups", "x", "y"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.names == b.names and a.named == b.named


@pytest.mark.parametrize("ending", ["gpkg", "sqlite"])
@pytest.mark.parametrize("named", [(), tuple((n, f"class {n}ü") for n in range(1, 9))])
def test_samples_come_back_as_they_were_written(tmp_path, ending, named):
    samples = some(named=named, regions=tuple("ab" * 150))
    path = write_samples(str(tmp_path / f"s.{ending}"), samples, CODE, parse_crs("EPSG:32633"))
    back = read_samples([path], CODE)
    same(back, samples)
    assert back.regions == samples.regions


def test_ogr_sees_a_layer_of_points_with_crs_extent_and_count(tmp_path):
    samples = some(features=3)
    path = write_samples(str(tmp_path / "s.gpkg"), samples, CODE, parse_crs("EPSG:32633"))
    dataset = ogr.Open(path)
    layer = dataset.GetLayer(0)
    assert layer.GetName() == "samples" and layer.GetFeatureCount() == 300
    assert layer.GetSpatialRef().GetAuthorityCode(None) == "32633"
    box = (samples.x.min(), samples.x.max(), samples.y.min(), samples.y.max())
    assert layer.GetExtent() == pytest.approx(box)
    feature = layer.GetFeature(5)
    point = feature.GetGeometryRef()
    assert (point.GetX(), point.GetY()) == (samples.x[4], samples.y[4])


def test_an_older_gdal_reads_the_same(tmp_path, monkeypatch):
    samples = some(count=40)
    path = write_samples(str(tmp_path / "s.gpkg"), samples, CODE, "")
    monkeypatch.delattr(ogr.Layer, "GetArrowStreamAsNumPy", raising=False)
    same(read_samples([path], CODE), samples)


def test_several_layers_become_one_and_patterns_choose(tmp_path):
    paths = [
        write_samples(str(tmp_path / f"{n}.gpkg"), some(seed=n, features=12), CODE, "")
        for n in (1, 2)
    ]
    both = read_samples(paths, CODE, ("*_b1_*", "*_b11_*"))
    assert len(both) == 600 and both.names == ("made_b1_20180110", "made_b11_20180110")
    np.testing.assert_array_equal(both.values[300:, 0], some(seed=2, features=12).values[:, 1])


def layer_of(path, rows, fields):
    """Write points with attributes by OGR: fields (name, OGR type), rows of values."""
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = dataset.CreateLayer("points", None, ogr.wkbPoint)
    for name, kind in fields:
        layer.CreateField(ogr.FieldDefn(name, kind))
    for number, values in enumerate(rows):
        feature = ogr.Feature(layer.GetLayerDefn())
        for (name, _), value in zip(fields, values):
            if value is not None:
                feature.SetField(name, value)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT ({number * 30} 5)"))
        layer.CreateFeature(feature)
    return str(path)


FIELDS = (("code", ogr.OFTReal), ("originfid", ogr.OFTInteger), ("a", ogr.OFTReal))


def test_empty_features_are_left_out_and_counted(tmp_path, listen):
    rows = [(1, 1, 0.5), (2, 2, None), (2, 3, 1.5)]
    heard = listen()
    found = read_samples([layer_of(tmp_path / "s.gpkg", rows, FIELDS)], CODE, (), heard)
    np.testing.assert_array_equal(found.labels, [1, 2])
    assert "1 of 3 samples" in heard.warnings[0]


def test_without_polygons_ground_is_grouped_in_blocks(tmp_path, listen):
    fields = (FIELDS[0], FIELDS[2])
    path = layer_of(tmp_path / "s.gpkg", [(1, n / 10) for n in range(41)], fields)
    heard = listen()
    found = read_samples([path], CODE, (), heard)
    # 41 points over 1200 units, 20 blocks
    assert len(np.unique(found.groups)) == 21 and "originfid" in heard.warnings[0]


@pytest.mark.parametrize(
    "rows, sentence",
    [
        ([(1, 1, 0.5), (3.5, 1, 0.5)], r"holds 3\.5 \(feature 2\); labels must be"),
        ([(0, 1, 0.5)], r"holds 0 \(feature 1\)"),
        ([(70000, 1, 0.5)], "holds 70000"),
        ([(None, 1, 0.5), (1, 1, 0.5)], "holds nan"),
        ([(1, 1, None)], "no sample whose features are all known"),
        ([], "holds no sample"),
    ],
)
def test_labels_that_are_none_get_a_sentence(tmp_path, rows, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        read_samples([layer_of(tmp_path / "s.gpkg", rows, FIELDS)], CODE)


def test_text_that_is_empty_gets_a_sentence(tmp_path):
    fields = (("code", ogr.OFTString), *FIELDS[1:])
    path = layer_of(tmp_path / "s.gpkg", [("wood", 1, 0.5), (None, 1, 0.7)], fields)
    with pytest.raises(InvalidOption, match="empty in places"):
        read_samples([path], CODE)


def test_fields_that_are_not_there_get_a_sentence(tmp_path):
    path = layer_of(tmp_path / "s.gpkg", [(1, 1, 0.5)], FIELDS)
    with pytest.raises(InvalidOption, match="no field 'class'; its fields are: code"):
        read_samples([path], Fields("class"))
    bare = layer_of(tmp_path / "t.gpkg", [(1, 1)], FIELDS[:2])
    with pytest.raises(InvalidOption, match="no field of numbers"):
        read_samples([bare], CODE)


def test_names_that_cannot_be_written_get_a_sentence(tmp_path):
    with pytest.raises(InvalidOption, match=r"must end in \.gpkg or \.sqlite"):
        write_samples(str(tmp_path / "s.shp"), some(features=2), CODE, "")
    samples = some(features=2)
    twins = Samples(samples.values, samples.labels, samples.groups, ("A", "a"))
    with pytest.raises(InvalidOption, match="Two fields would be called a"):
        write_samples(str(tmp_path / "s.gpkg"), twins, CODE, "")


def test_a_full_disk_gets_a_sentence(tmp_path, monkeypatch):
    import sqlite3

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(samplelayer, "_fill", full)
    with pytest.raises(ImageIOError, match="s.gpkg cannot be written: database or disk is full"):
        write_samples(str(tmp_path / "s.gpkg"), some(features=2), CODE, "")
    assert not list(tmp_path.iterdir())
