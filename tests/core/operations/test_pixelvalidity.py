# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages
from orthoweave.core.operations.pixelvalidity import Request, run
from orthoweave.core.raster import bytes_read
from osgeo import gdal, ogr


@pytest.fixture
def count(tmp_path):
    """Run the tool with all of its outputs and read them back."""
    number = iter(range(200))

    def make(masks, progress=None, **options):
        folder = tmp_path / f"o{next(number)}"
        options.setdefault("output", str(folder / "nbView.tif"))
        options.setdefault("output_common", str(folder / "MaskCommunSL.tif"))
        options.setdefault("output_area", str(folder / "area.gpkg"))
        request = Request(masks=masks, **options)
        result = run(*([request, progress] if progress else [request]))
        found = gdal.Open(result.output)
        found.result, found.values = result, found.ReadAsArray()
        found.common = gdal.Open(result.output_common).ReadAsArray()
        dataset = ogr.Open(result.output_area)
        layer = dataset.GetLayer(0)
        found.layer = layer.GetName()
        found.areas = [feature.GetGeometryRef().Area() for feature in layer]
        return found

    return make


def flags(shape=(5, 40, 50), seed=0):
    return np.random.default_rng(seed).choice([0, 1, 2], shape, p=[0.4, 0.3, 0.3]).astype(np.uint8)


def dated(values):
    return [f"mask_2018{1 + n // 28:02d}{1 + n % 28:02d}" for n in range(len(values))]


def test_clear_dates_and_common_area_are_counted(write, count):
    a, b = flags(), flags((3, 40, 50), 1)
    a[:, :3, :3] = 2
    paths = [write("a.tif", a, names=dated(a)), write("b.tif", b, names=dated(b))]
    found = count(paths, threshold=3)
    truth = (a == 0).sum(0) + (b == 0).sum(0)
    np.testing.assert_array_equal(found.values, truth)
    assert found.values.dtype == np.uint8
    np.testing.assert_array_equal(found.common, (a != 2).any(0) & (b != 2).any(0))
    assert found.result.never_clear == (truth == 0).sum()
    assert found.result.clear_pixels == (truth >= 3).sum() and found.result.dates == 8
    assert found.result.mean_clear == pytest.approx(truth.mean())


def test_the_clear_area_is_shrunk(write, count):
    mask = np.ones((1, 30, 30), np.uint8)
    mask[0, 5:15, 5:25] = 0
    mask[0, 20:24, 20:24] = 0
    path = write("m.tif", mask, names=dated(mask))
    found = count([path], shrink=2.0)
    assert found.layer == "CloudThreshold_1"
    assert sorted(found.areas) == pytest.approx([36 * 36, 96 * 196])
    assert sorted(count([path], shrink=0.0).areas) == pytest.approx([1600, 20000])


def test_three_hundred_dates_need_sixteen_bits(write, count):
    mask = np.zeros((300, 4, 5), np.uint8)
    path = write("m.tif", mask, names=dated(mask))
    found = count([path])
    assert found.values.dtype == np.uint16 and (found.values == 300).all()


def test_windows_and_threads_do_not_matter(write, count):
    mask = np.kron(flags((9, 15, 13), 3), np.ones((1, 10, 10), np.uint8))
    path = write("m.tif", mask, names=dated(mask))
    truth = count([path], threshold=5, threads=1)
    for size, threads in ((16, 2), (100, 1), (0, 4)):
        found = count([path], threshold=5, window_size=size, threads=threads)
        np.testing.assert_array_equal(found.values, truth.values)
        np.testing.assert_array_equal(found.common, truth.common)
        assert found.areas == truth.areas


def test_an_empty_area_is_written_with_a_warning(write, count, listen):
    mask = np.full((2, 6, 6), 1, np.uint8)
    heard = listen()
    found = count([write("m.tif", mask, names=dated(mask))], heard)
    assert found.areas == [] and found.result.never_clear == 36
    assert "No pixel is clear on 1 dates or more: the clear area is empty." in heard.warnings


def test_bad_input_gives_its_sentence(write, count):
    mask = flags()
    a = write("a.tif", mask, names=dated(mask))
    b = write("b.tif", mask[:, :20], names=dated(mask))
    plain = write("p.tif", mask)
    with pytest.raises(IncompatibleImages, match="a and b lie on different grids"):
        count([a, b])
    with pytest.raises(IncompatibleImages, match="p is no mask series: band 1 is called ''"):
        count([plain])


def test_a_cancelled_run_leaves_nothing(write, count, listen, tmp_path):
    mask = flags()
    path = write("a.tif", mask, names=dated(mask))
    with pytest.raises(Cancelled):
        count([path], listen(cancel_after=0), output=str(tmp_path / "o" / "x.tif"))
    assert not (tmp_path / "o").exists()


def test_all_outputs_take_one_reading(write, count):
    mask = flags((9, 700, 600))
    path = write("m.tif", mask, names=dated(mask))
    before = bytes_read()
    count([path])
    assert bytes_read() - before == mask.nbytes


def test_masks_of_another_crs_are_refused_and_a_lost_area_is_said(write, count, listen):
    one = write("a.tif", flags((2, 9, 9)), names=dated(range(2)))
    two = write("b.tif", flags((2, 9, 9)), names=dated(range(2)), crs="EPSG:32632")
    with pytest.raises(IncompatibleImages, match="EPSG:32632"):
        count([one, two])
    heard = listen()
    count(write("c.tif", np.zeros((2, 9, 9), np.uint8), names=dated(range(2))), heard, shrink=1e6)
    assert any("leave nothing of the clear area" in text for text in heard.warnings)
