# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import sys

import numpy as np
import pytest

pytest.importorskip("shapely")
pytest.importorskip("scipy")

from orthoweave.core.errors import (  # noqa: E402
    Cancelled,
    ImageIOError,
    InvalidOption,
    MissingPackage,
)
from orthoweave.core.operations.footprints import Request, run  # noqa: E402
from orthoweave.core.raster import bytes_read, parse_crs  # noqa: E402
from orthoweave.core.vector import read_polygons  # noqa: E402
from orthoweave.core.vector.rings import area_of, rings_of  # noqa: E402

UTM = parse_crs("EPSG:32633")


def collar(seed=0, size=(60, 80)):
    """Ones with a rotated collar of zeros and a hole."""
    rows, cols = np.mgrid[: size[0], : size[1]]
    values = ((cols + 0.3 * rows > 12) & (cols - 0.2 * rows < 65 + seed)).astype("u1")
    values[20:23, 30:34] = 0
    return values


def outlined(images, tmp_path, **how):
    request = Request(images=images, output=str(tmp_path / "out" / "f.gpkg"), **how)
    result = run(request)
    return result, read_polygons(result.output, UTM)


def test_outlines_hold_exactly_the_valid_pixels(write, tmp_path):
    values = collar()
    result, (found,) = outlined([write("a.tif", values, nodata=0)], tmp_path)
    pixels = int(values.sum())
    assert area_of(rings_of(found.geometry)) == pixels * 100
    assert found.values == {
        "image": "a",
        "path": str(tmp_path / "a.tif"),
        "bands": 1,
        "pixel_size_x": 10,
        "pixel_size_y": 10,
        "valid_pixels": pixels,
        "valid_fraction": pixels / values.size,
        "area": pixels * 100,
    }
    assert (result.images_used, result.empty_count) == (1, 0)
    assert result.union_area == pixels * 100


@pytest.mark.parametrize("kind", ["nodata", "alpha", "mask", "nan"])
def test_every_way_to_be_invalid_gives_the_same_outline(write, tmp_path, kind):
    values = collar()
    how = {
        "nodata": {"array": values, "nodata": 0},
        "alpha": {"array": np.full_like(values, 9), "alpha": values * 3},
        "mask": {"array": np.full_like(values, 9), "mask": values},
        "nan": {"array": np.where(values, 1.0, np.nan).astype("f4")},
    }[kind]
    path = write("a.tif", how.pop("array"), **how)
    _, (found,) = outlined([path], tmp_path)
    assert area_of(rings_of(found.geometry)) == values.sum() * 100
    assert len(rings_of(found.geometry)[0]) == 2


def test_an_image_without_a_way_to_be_invalid_is_not_read(write, tmp_path):
    path = write("a.tif", np.zeros((40, 50), "u1"))
    before = bytes_read()
    result, (found,) = outlined([path], tmp_path)
    assert bytes_read() == before
    assert len(rings_of(found.geometry)[0][0]) == 5
    assert result.union_area == 200000


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_outline_does_not_depend_on_threads(write, tmp_path, threads):
    path = write("a.tif", collar(), nodata=0)
    _, (found,) = outlined([path], tmp_path, threads=threads)
    _, (usual,) = outlined([path], tmp_path)
    assert found.geometry == usual.geometry


def test_an_empty_image_is_warned_about_and_counted(write, tmp_path, listen):
    paths = [write("a.tif", collar(), nodata=0), write("b.tif", np.zeros((9, 9), "u1"), nodata=0)]
    progress = listen()
    result = run(Request(images=paths, output=str(tmp_path / "f.gpkg")), progress)
    assert result.empty_count == 1
    assert [f.values["image"] for f in read_polygons(result.output, UTM)] == ["a"]
    assert progress.warnings == ["Without any valid pixel, so without footprint: b."]
    progress.warnings.clear()
    run(Request(images=paths, output=str(tmp_path / "g.gpkg"), min_part=1e6), progress)
    assert progress.warnings == [
        "Without any valid pixel, so without footprint: b.",
        "With parts below MIN_PART only, so without footprint: a.",
    ]


def test_images_in_another_crs_are_brought_to_the_first_ones(write, tmp_path, listen):
    degrees = (15.0, 1e-4, 0.0, 45.15, 0.0, -1e-4)
    paths = [
        write("a.tif", collar(), nodata=0),
        write("b.tif", np.ones((50, 60), "u1"), transform=degrees, crs="EPSG:4326"),
    ]
    progress = listen()
    result = run(Request(images=paths, output=str(tmp_path / "f.gpkg")), progress)
    (_, b) = read_polygons(result.output, UTM)
    # 60 × 50 pixels of 1e-4 degrees, about 7.87 by 11.11 m at this latitude
    assert area_of(rings_of(b.geometry)) == pytest.approx(3000 * 7.87 * 11.11, rel=0.01)
    assert any("EPSG:4326 are brought to EPSG:32633" in text for text in progress.infos)


def test_small_holes_and_parts_go_and_edges_straighten_on_request(write, tmp_path):
    values = collar()
    values[5, 2] = 1
    path = write("a.tif", values, nodata=0)
    _, (exact,) = outlined([path], tmp_path)
    _, (tidy,) = outlined([path], tmp_path, min_hole=13, min_part=2, simplify=1.0)
    assert [len(polygon) for polygon in rings_of(exact.geometry)] in ([1, 2], [2, 1])
    assert [len(polygon) for polygon in rings_of(tidy.geometry)] == [1]
    before = sum(len(ring) for polygon in rings_of(exact.geometry) for ring in polygon)
    assert len(rings_of(tidy.geometry)[0][0]) < before / 3
    assert tidy.values["valid_pixels"] == exact.values["valid_pixels"]


def test_bad_input_gives_a_sentence(write, tmp_path):
    path = write("a.tif", collar())
    with pytest.raises(InvalidOption, match="'area' is taken"):
        Request(images=[path], output="f.gpkg", image_field_name="area")
    with pytest.raises(InvalidOption, match=r"f.shp must end with .gpkg"):
        run(Request(images=[path], output=str(tmp_path / "f.shp")))
    with pytest.raises(InvalidOption, match="matches no raster"):
        run(Request(images=[str(tmp_path / "*.jp2")], output=str(tmp_path / "f.gpkg")))
    (tmp_path / "bad.tif").write_bytes(b"eighteen bytes long")
    with pytest.raises(ImageIOError, match=r"bad.tif cannot be opened"):
        run(Request(images=[str(tmp_path / "bad.tif")], output=str(tmp_path / "f.gpkg")))
    with pytest.raises(InvalidOption, match="Smallest hole: -1 is below 0 px"):
        Request(images=[path], output="f.gpkg", min_hole=-1)


@pytest.mark.parametrize(("package", "title"), [("scipy", "SciPy"), ("shapely", "Shapely")])
def test_a_missing_package_gives_a_sentence(write, tmp_path, monkeypatch, package, title):
    images = [write("a.tif", collar())]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        MissingPackage, match=f"Footprints needs {title}, which this Python does not"
    ):
        run(Request(images=images, output=str(tmp_path / "f.gpkg")))


def test_a_cancelled_run_leaves_nothing(write, tmp_path, listen):
    path = write("a.tif", collar(size=(600, 900)), nodata=0)
    with pytest.raises(Cancelled):
        run(Request(images=[path], output=str(tmp_path / "out" / "f.gpkg")), listen(cancel_after=1))
    assert not (tmp_path / "out").exists() or os.listdir(tmp_path / "out") == []


def test_real_frames_are_outlined(shared, tmp_path):
    result, found = outlined([str(shared / "l8_quebec_mosaic" / "mosaic_cog1.tif")], tmp_path)
    assert found[0].values["valid_pixels"] == 415658  # counted by hand with numpy
    assert result.union_area == pytest.approx(415658 * 300.038239038384**2)
