# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os

import numpy as np
import pytest
from orthoweave.core.deps import available
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption
from orthoweave.core.operations.tilepriority import Request, run
from osgeo import ogr

pytestmark = pytest.mark.skipif(
    not (available("shapely") and available("scipy")), reason="needs SciPy and Shapely"
)

SIDE, OVERLAP = 1000, 100
"""Meters; pixels have 10 m."""

TILES = {"T31TCJ": (0, 0), "T31TDJ": (1, 0), "T31TCH": (0, 1), "T31TDH": (1, 1)}
"""Column and row of four tiles; in the order northwest, northeast, southwest, southeast."""


@pytest.fixture
def tiles(write):
    """Write four overlapping tiles whose masks are 1 everywhere."""

    def make(**holes):
        paths = []
        for name, (col, row) in TILES.items():
            mask = np.ones((SIDE // 10, SIDE // 10), np.uint8)
            if name in holes:
                mask[holes[name]] = 0
            step = SIDE - OVERLAP
            place = (5e5 + col * step, 10.0, 0.0, 5e6 - row * step, 0.0, -10.0)
            paths.append(write(f"{name}.tif", mask, transform=place))
        return paths

    return make


@pytest.fixture
def divide(tmp_path):
    """Run the tool; return the result and the envelopes by name, as Shapely geometries."""
    count = iter(range(200))

    def make(images, progress=None, **options):
        from shapely import wkb

        options.setdefault("output", str(tmp_path / "out" / f"e{next(count)}.gpkg"))
        request = Request(images=images, **options)
        result = run(*([request, progress] if progress else [request]))
        dataset = ogr.Open(result.output)
        found = {
            feature["tile"]: wkb.loads(bytes(feature.GetGeometryRef().ExportToWkb()))
            for feature in dataset.GetLayer(0)
        }
        return result, found

    return make


def box(left, top, right, bottom):
    from shapely.geometry import box as made

    return made(5e5 + left, 5e6 - bottom, 5e5 + right, 5e6 - top)


@pytest.mark.parametrize("method", ["voronoi", "iota2"])
@pytest.mark.parametrize("margin", [0, 30, 600])
def test_envelopes_of_four_tiles_cover_the_ground_once(tiles, divide, method, margin, listen):
    from shapely.ops import unary_union

    heard = listen()
    result, found = divide(tiles(), heard, method=method, margin=margin)
    assert list(found) == list(TILES)  # the preferred one first
    union = unary_union(list(found.values()))
    whole = 2 * SIDE - OVERLAP
    assert union.area == pytest.approx(whole**2, rel=1e-9)
    assert sum(one.area for one in found.values()) == pytest.approx(whole**2, rel=1e-9)
    assert result.gap_area < 1e-3 and result.overlap_area < 1e-3  # of 3.6e6 m²
    for name, (col, row) in TILES.items():
        step = SIDE - OVERLAP
        own = box(col * step, row * step, col * step + SIDE, row * step + SIDE)
        assert found[name].difference(own).area < 1e-6
    half = any("half of it is kept" in text for text in heard.infos)
    assert half == (method == "iota2" and margin == 600)


def test_the_preferred_tile_keeps_the_overlap_but_for_the_margin(tiles, divide):
    _, found = divide(tiles(), method="iota2", margin=30)
    # at the corner of four the northeast tile leaves a column of 30 m to the southwest one
    notch = box(930, 970, 970, 1000)
    assert found["T31TCJ"].symmetric_difference(box(0, 0, 970, 970).union(notch)).area < 1e-6
    pair = tiles()[1:3]
    _, corner = divide(pair, method="iota2", margin=30)
    column = corner["T31TCH"].intersection(box(900, 900, 1000, 1000))
    assert column.symmetric_difference(box(900, 900, 930, 1000)).area < 1e-6
    _, found = divide(
        tiles(), method="iota2", margin=30, order="list",
        order_list="T31TDH,T31TCH,T31TDJ,T31TCJ",
    )  # fmt: skip
    notch = box(930, 900, 970, 930)
    assert found["T31TDH"].symmetric_difference(box(930, 930, 1900, 1900).union(notch)).area < 1e-6


def test_the_seam_runs_midway(tiles, divide):
    _, found = divide(tiles()[:2])
    assert found["T31TCJ"].symmetric_difference(box(0, 0, 950, 1000)).area < 1


def test_the_tile_that_is_clear_more_often_is_preferred(tiles, divide, write):
    paths = tiles()[:2]
    counts = [
        write(f"{n}_{name}.tif", np.full((4, 4), n, np.uint8))
        for n, name in ((3, "T31TCJ"), (9, "T31TDJ"))
    ]
    _, found = divide(paths, method="iota2", margin=20, order="validity", validities=counts[::-1])
    assert list(found) == ["T31TDJ", "T31TCJ"]
    assert found["T31TDJ"].symmetric_difference(box(920, 0, 1900, 1000)).area < 1e-6


def test_the_largest_polygon_of_a_mask_is_its_footprint(tiles, divide):
    hole = (slice(0, 100), slice(20, 22))
    _, found = divide(tiles(T31TCJ=hole)[:2], method="iota2", margin=0)
    assert found["T31TCJ"].symmetric_difference(box(220, 0, 1000, 1000)).area < 1e-6


def test_footprints_may_come_from_layers_and_single_files_are_written(tiles, divide, tmp_path):
    folder = tmp_path / "single"
    _, first = divide(tiles(), output_folder=str(folder), method="iota2", margin=30)
    files = sorted(path.name for path in folder.iterdir())
    assert [name for name in files if name.endswith(".shp")] == sorted(f"{t}.shp" for t in TILES)
    assert not [name for name in files if name.startswith(".")]
    layers = [str(folder / f"{name}.shp") for name in TILES]
    _, again = divide(layers, method="iota2", margin=30)
    for name in TILES:  # envelopes do not overlap any more, so nothing changes
        assert again[name].symmetric_difference(first[name]).area < 1e-6


def test_threads_do_not_matter(tiles, divide):
    truth = divide(tiles(), threads=1)[1]
    found = divide(tiles(), threads=4)[1]
    assert {k: v.wkb for k, v in found.items()} == {k: v.wkb for k, v in truth.items()}


def test_bad_input_gives_its_sentence(tiles, divide, write):
    paths = tiles()
    empty = write("T31TEJ.tif", np.zeros((5, 5), np.uint8))
    twin = write("again/T31TCJ.tif", np.ones((5, 5), np.uint8))
    for message, images, options in (
        ("T31TEJ has no valid pixel", [paths[0], empty], {}),
        ("Two tiles are called T31TCJ", [paths[0], twin], {}),
        ("Listed order: none given", paths, {"order": "list"}),
        ("Clear dates: none given", paths, {"order": "validity"}),
        ("Clear dates: 1 given for 4 tiles", paths, {"order": "validity", "validities": paths[:1]}),
        ("Listed order: X is no tile", paths, {"order": "list", "order_list": "X"}),
        ("every tile is needed once", paths, {"order": "list", "order_list": "T31TCJ"}),
    ):
        with pytest.raises((InvalidOption, IncompatibleImages), match=message):
            divide(images, **options)


def test_a_cancelled_run_leaves_nothing(tiles, divide, listen, tmp_path):
    with pytest.raises(Cancelled):
        divide(tiles(), listen(cancel_after=0), output=str(tmp_path / "o" / "x.gpkg"))
    assert not os.path.exists(tmp_path / "o" / "x.gpkg")


def test_a_tile_inside_another_gets_no_envelope(write):
    whole = write("T31TCJ.tif", np.ones((40, 40), np.uint8))
    small = (500100.0, 10.0, 0.0, 4999900.0, 0.0, -10.0)
    inside = write("T31TDJ.tif", np.ones((5, 5), np.uint8), transform=small)
    found = run(Request(images=(whole, inside), method="iota2", output=whole + ".gpkg"))
    assert found.tile_count == 2 and found.gap_area == found.overlap_area == 0
    dataset = ogr.Open(found.output)
    assert [feature.GetField("tile") for feature in dataset.GetLayer(0)] == ["T31TCJ"]


def test_shapefiles_never_replace_a_tile_and_all_tiles_have_a_crs(write, tmp_path):
    first = write("T31TCJ.tif", np.ones((9, 9), np.uint8))
    found = run(
        Request(images=(first,), output=str(tmp_path / "e.gpkg"), output_folder=str(tmp_path))
    )
    sheet = tmp_path / "T31TCJ.shp"
    before = sheet.read_bytes()
    with pytest.raises(InvalidOption, match="overwrite the input T31TCJ.shp"):
        run(
            Request(
                images=(str(sheet),),
                output=str(tmp_path / "f.gpkg"),
                output_folder=found.output_folder,
            )
        )
    assert sheet.read_bytes() == before and not (tmp_path / "f.gpkg").exists()
    lost = write("T31TDJ.tif", np.ones((9, 9), np.uint8), crs=None)
    with pytest.raises(IncompatibleImages, match="T31TDJ has no CRS and the first tile EPSG:32633"):
        run(Request(images=(first, lost), output=str(tmp_path / "g.gpkg")))
