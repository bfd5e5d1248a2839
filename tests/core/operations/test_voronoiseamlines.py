# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import shutil
import sys
from functools import partial

import numpy as np
import pytest

shapely = pytest.importorskip("shapely")
pytest.importorskip("scipy")

from orthoweave.core.errors import Cancelled, InvalidOption, MissingPackage  # noqa: E402
from orthoweave.core.operations import footprints, voronoiseamlines  # noqa: E402
from orthoweave.core.operations.voronoiseamlines import Request, length_text, run  # noqa: E402
from orthoweave.core.raster import bytes_read  # noqa: E402
from osgeo import osr  # noqa: E402
from shapely.ops import unary_union  # noqa: E402

from . import readback  # noqa: E402
from .readback import layer, refuse_untiled  # noqa: E402

cut = partial(readback.cut, voronoiseamlines)

EXACT = 1e-9  # part of the union


@pytest.fixture
def tile(write):
    """Write a tile of 40 × 30 pixels of 10 m whose first pixel is (col, row) of a common grid."""

    def make(name, col, row, values=None, **how):
        transform = (500000.0 + 10 * col, 10.0, 0.0, 5000000.0 - 10 * row, 0.0, -10.0)
        how.setdefault("transform", transform)
        return write(name, np.ones((30, 40), "u1") if values is None else values, **how)

    return make


def test_two_tiles_meet_in_the_middle_of_their_overlap(tile, tmp_path):
    result = cut([tile("a.tif", 0, 0), tile("b.tif", 30, 0)], tmp_path)
    cells = layer(result.output, "seamlines")
    assert [values["image"] for values, _ in cells] == ["a", "b"]
    assert [values["priority"] for values, _ in cells] == [1, 2]
    assert [values["path"] for values, _ in cells] == [str(tmp_path / f"{n}.tif") for n in "ab"]
    for values, cell in cells:
        assert cell.geom_type == "MultiPolygon"
        assert values["area"] == pytest.approx(cell.area)
        assert cell.area == pytest.approx(35 * 30 * 100)
    ((values, line),) = layer(result.output, "cuts")
    assert (values["image_a"], values["image_b"]) == ("a", "b")
    assert line.geom_type == "LineString"
    assert values["length"] == pytest.approx(300)
    np.testing.assert_allclose(np.asarray(line.coords)[:, 0], 500350, atol=0.01)
    assert (result.cell_count, result.skipped) == (2, "")
    assert result.seam_length == pytest.approx(300)


def test_the_written_cells_tile_the_written_footprints(tile, tmp_path):
    values = np.ones((30, 40), "u1")
    values[np.add.outer(np.arange(30), np.arange(40) // 2) < 12] = 0
    values[20:22, 20:23] = 0
    paths = [tile(f"{n}.tif", 25 * (n % 3), 20 * (n // 3), values, nodata=0) for n in range(6)]
    result = cut(paths, tmp_path)
    outlines = footprints.run(
        footprints.Request(images=paths, output=str(tmp_path / "out" / "f.gpkg"))
    )
    area = refuse_untiled(outlines.output, result.output, EXACT)
    assert result.gap_area < EXACT * area and result.overlap_area < EXACT * area


def test_given_footprints_are_used_and_no_pixel_is_read(tile, tmp_path):
    values = np.ones((30, 40), "u1")
    values[:, 35:] = 0
    paths = [tile("a.tif", 0, 0, values, nodata=0), tile("b.tif", 30, 0, nodata=0)]
    outlines = footprints.run(
        footprints.Request(images=paths, output=str(tmp_path / "f.gpkg"), image_field_name="who")
    )
    before = bytes_read()
    given = cut(paths, tmp_path, footprints=outlines.output, image_field_name="who")
    assert bytes_read() == before
    seen = cut(paths, tmp_path, "t.gpkg", image_field_name="who")
    for name in ("seamlines", "cuts"):
        one, two = layer(given.output, name), layer(seen.output, name)
        assert [values for values, _ in one] == [values for values, _ in two]
        assert all(a.equals(b) for (_, a), (_, b) in zip(one, two))


def test_given_footprints_need_the_images_names(tile, tmp_path, listen):
    paths = [tile("a.tif", 0, 0), tile("b.tif", 30, 0), tile("c.tif", 60, 0)]
    outlines = footprints.run(footprints.Request(images=paths[:2], output=str(tmp_path / "f.gpkg")))
    progress = listen()
    result = cut(paths, tmp_path, progress=progress, footprints=outlines.output)
    assert result.cell_count == 2
    assert "Without footprint, so without seam cell: c." in progress.warnings
    with pytest.raises(InvalidOption, match="no field 'name'"):
        cut(paths, tmp_path, footprints=outlines.output, image_field_name="name")
    with pytest.raises(InvalidOption, match=r"f.gpkg has no polygon with the name of an image"):
        cut(paths[2:] + [tile("d.tif", 80, 0)], tmp_path, footprints=outlines.output)


def test_images_without_cell_are_listed_with_the_reason(tile, tmp_path, listen):
    small = tile("small.tif", 10, 10, np.ones((5, 5), "u1"))
    empty = tile("empty.tif", 0, 0, np.zeros((5, 5), "u1"), nodata=0)
    paths = [tile("a.tif", 0, 0), tile("twin.tif", 0, 0), small, empty]
    progress = listen()
    result = cut(paths, tmp_path, progress=progress, contained="skip")
    assert result.skipped == (
        "twin covers the same ground as a; small lies inside a; empty has no valid pixel"
    )
    assert len(progress.warnings) == 3
    assert cut(paths, tmp_path).cell_count == 2


def test_small_holes_do_not_bend_seams_when_asked(tile, tmp_path):
    values = np.ones((30, 40), "u1")
    values[14, 34] = 0
    paths = [tile("a.tif", 0, 0, values, nodata=0), tile("b.tif", 20, 0, nodata=0)]
    bent, straight = cut(paths, tmp_path), cut(paths, tmp_path, "t.gpkg", min_hole=2)
    assert straight.seam_length < bent.seam_length - 10
    given = footprints.run(footprints.Request(images=paths, output=str(tmp_path / "f.gpkg")))
    again = cut(paths, tmp_path, "u.gpkg", min_hole=2, footprints=given.output)
    assert again.seam_length == pytest.approx(straight.seam_length)
    # the hole itself still belongs to the image that is valid there
    assert straight.gap_area < EXACT * 1e5


def test_images_in_other_crss_are_brought_to_the_first_ones(tile, tmp_path, listen):
    degrees = (15.0025, 1e-4, 0.0, 45.153, 0.0, -1e-4)
    paths = [tile("a.tif", 0, 0), tile("b.tif", 0, 0, transform=degrees, crs="EPSG:4326")]
    progress = listen()
    result = cut(paths, tmp_path, progress=progress)
    assert result.cell_count == 2
    assert result.gap_area < EXACT * 1e5
    assert any("brought to EPSG:32633" in text for text in progress.infos)
    swapped = cut(paths, tmp_path, "t.gpkg", crs="EPSG:4326")
    assert swapped.cell_count == 2


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_cells_do_not_depend_on_threads(tile, tmp_path, threads):
    values = (np.random.default_rng(2).random((30, 40)) < 0.98).astype("u1")
    paths = [tile(f"{n}.tif", 25 * n, 5 * n, values, nodata=0) for n in range(3)]
    found = cut(paths, tmp_path, threads=threads)
    usual = cut(paths, tmp_path, "t.gpkg")
    for (_, a), (_, b) in zip(layer(found.output, "seamlines"), layer(usual.output, "seamlines")):
        assert a.wkb == b.wkb


def test_bad_input_gives_a_sentence(tile, tmp_path):
    a, b = tile("a.tif", 0, 0), tile("b.tif", 30, 0)
    with pytest.raises(InvalidOption, match="only a was given"):
        cut([a], tmp_path)
    (tmp_path / "other").mkdir()
    shutil.copy(a, tmp_path / "other" / "a.tif")
    with pytest.raises(InvalidOption, match="have the same name"):
        cut([a, str(tmp_path / "other" / "a.tif")], tmp_path)
    with pytest.raises(InvalidOption, match="is 10 degrees; did you mean 0.0001?"):
        cut([a, b], tmp_path, crs="EPSG:4326", min_point_spacing=10)
    with pytest.raises(InvalidOption, match="is below 0 map units"):
        Request(images=[a, b], output="s.gpkg", min_point_spacing=-1)
    with pytest.raises(InvalidOption, match="'bottom' is not one of top, skip"):
        Request(images=[a, b], output="s.gpkg", contained="bottom")
    given = footprints.run(footprints.Request(images=[a, b], output=str(tmp_path / "f.gpkg")))
    with pytest.raises(InvalidOption, match=r"would overwrite the input f.gpkg"):
        run(Request(images=[a, b], footprints=given.output, output=given.output))


@pytest.mark.parametrize(("package", "title"), [("scipy", "SciPy"), ("shapely", "Shapely")])
def test_a_missing_package_gives_a_sentence(tile, tmp_path, monkeypatch, package, title):
    images = [tile("a.tif", 0, 0), tile("b.tif", 30, 0)]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        MissingPackage, match=f"Voronoi seamlines needs {title}, which this Python does not"
    ):
        run(Request(images=images, output=str(tmp_path / "f.gpkg")))


def test_a_cancelled_run_leaves_nothing(tile, tmp_path, listen):
    paths = [tile("a.tif", 0, 0, nodata=0), tile("b.tif", 30, 0, nodata=0)]
    for after in (0, 1, 3):
        with pytest.raises(Cancelled):
            cut(paths, tmp_path, progress=listen(cancel_after=after))
        assert not (tmp_path / "out").exists() or os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("folder", "count"), [("drone_brighton", 8), ("l8_quebec_mosaic", 3), ("naip_nd", 3)]
)
def test_real_images_get_cells_without_gaps(shared, tmp_path, folder, count):
    result = cut([str(shared / folder)], tmp_path)
    assert result.cell_count == count  # two of the four NAIP dates have the same footprint
    cells = [cell for _, cell in layer(result.output, "seamlines")]
    union = unary_union(cells)
    assert all(cell.is_valid for cell in cells)
    assert sum(cell.area for cell in cells) - union.area < EXACT * union.area
    assert result.gap_area < EXACT * union.area


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (32633, "12.5 m in EPSG:32633"),
        (2225, "12.5 ft in EPSG:2225"),
        (4326, "12.5 ° in EPSG:4326"),
    ],
)
def test_lengths_have_the_unit_of_the_crs(code, text):
    found = osr.SpatialReference()
    found.ImportFromEPSG(code)
    assert length_text(12.5, found.ExportToWkt()) == text
