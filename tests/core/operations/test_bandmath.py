# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, InvalidOption, OrthoweaveError
from orthoweave.core.operations.bandmath import Request, run
from osgeo import gdal


@pytest.fixture
def compute(tmp_path, read_back):
    """Run the tool on one image and read its output back: compute(path, "b1 + 1")."""
    numbers = count()

    def make(path, expression, progress=None, **options):
        folder = options.pop("output_folder", str(tmp_path / f"out{next(numbers)}"))
        request = Request(images=(path,), expression=expression, output_folder=folder, **options)
        result = run(*([request, progress] if progress else [request]))
        found = read_back(result.output_layers[0])
        found.result, found.path = result, result.output_layers[0]
        return found

    return make


def two_bands(shape=(60, 70), dtype="uint16", seed=0):
    return np.random.default_rng(seed).integers(1, 250, (2, *shape)).astype(dtype)


def test_results_are_those_of_numpy(write, compute):
    values = two_bands()
    found = compute(write("a.tif", values), "b1 * 2 + b2; b1 / b2")
    assert found.values.dtype == np.float32 and np.isnan(found.nodata)
    np.testing.assert_array_equal(found.values[0], values[0] * 2.0 + values[1])
    np.testing.assert_array_equal(
        found.values[1], (values[0] / values[1].astype(float)).astype(np.float32)
    )
    assert found.valid.all() and found.path.endswith("a_Math.tif")
    assert found.dataset.GetRasterBand(2).GetDescription() == "b1 / b2"
    assert found.result.valid_pixels == 4200 and found.result.undefined_pixels == 0


def test_claims_become_bytes_with_a_nodata_value(write, compute):
    values = two_bands()
    values[:, 5, 5] = 0
    found = compute(write("a.tif", values, nodata=0), "b1 > 100 & b2 <= 50")
    assert found.values.dtype == np.uint8 and found.nodata == 255
    expected = (values[0] > 100) & (values[1] <= 50)
    np.testing.assert_array_equal(found.values[0][found.valid], expected[found.valid])
    assert not found.valid[5, 5] and (~found.valid).sum() == 1


def test_whole_numbers_are_exact_and_limited_and_never_look_like_nodata(write, compute):
    values = np.array([[[65535, 65534, 3, 9, 40000]], [[65535, 2, 6, 0, 40000]]], np.uint16)
    path = write("a.tif", values, nodata=9)
    found = compute(path, "b1 * b2", output_type="uint32")
    # the third would be 18, the fourth 0; none is nodata
    assert found.values[0, 0].tolist() == [65535**2, 131068, 18, 0, 1600000000]
    found = compute(path, "b1 + b2", output_type="uint16")
    # 3 + 6 and 9 + 0 would be nodata
    assert found.values[0, 0].tolist() == [65535, 65535, 10, 10, 65535]
    assert found.valid.all() and found.result.clipped_values == 3
    assert compute(path, "b1 / 2", output_type="same").values[0, 0, 2] == 2  # half to even
    big = np.array([[[2**32 - 1, 2**31]]], np.uint32)
    found = compute(write("b.tif", big), "b1 - 1")
    assert found.values.dtype == np.float64
    assert found.values[0, 0].tolist() == [2**32 - 2, 2**31 - 1]


def test_what_has_no_result_is_invalid_and_counted(write, compute, listen):
    values = two_bands((40, 50))
    values[1, :3] = 0
    heard = listen()
    found = compute(write("a.tif", values), "b1 / b2", heard)
    assert found.result.undefined_pixels == 150 == (~found.valid).sum()
    assert any("150 valid pixels of a.tif have no result" in text for text in heard.warnings)
    found = compute(write("b.tif", values), "b1 // b2", output_type="uint8")
    assert found.nodata is None and (~found.valid).sum() == 150  # an internal mask says so
    found = compute(write("d.tif", values), "where(b2 == 0, inf, b1)")
    assert found.valid.all() and np.isinf(found.values[0, :3]).all()
    found = compute(write("e.tif", values), "where(b2 == 0, inf, 1)", output_type="int16")
    assert (~found.valid).sum() == 150


def test_only_bands_that_are_used_must_be_valid(write, compute):
    values = np.ones((2, 20, 20), np.float32)
    values[1, 3, 4] = np.nan
    path = write("a.tif", values)
    assert compute(path, "b1 + 1").valid.all()
    assert not compute(path, "b1 + b2").valid[3, 4]
    values[0, 7, 7] = np.nan
    path = write("b.tif", values, alpha=np.where(np.arange(20) < 18, 1.0, 0.0) * np.ones((20, 1)))
    found = compute(path, "b1")
    assert found.valid[3, 4] and not found.valid[7, 7] and not found.valid[:, 18:].any()


@pytest.mark.parametrize("kind", ["nodata", "alpha", "internal", "msk", "nan"])
def test_what_lies_in_holes_counts_nowhere(layer, compute, kind):
    image = layer("a.tif", kind, "float32" if kind == "nan" else "uint16", size=(120, 110))
    found = compute(image.path, "b1 + b2; b1 > 50%b1; 50%b1")
    valid = image.valid if kind != "nan" else np.isfinite(image.values[:2]).all(0) & image.valid
    np.testing.assert_array_equal(found.valid, valid)
    ordered = np.sort(image.values[0][image.valid])
    middle = ordered[int(np.ceil(len(ordered) / 2)) - 1]
    assert (found.values[2][found.valid] == middle).all()
    np.testing.assert_array_equal(
        found.values[1][found.valid], (image.values[0] > middle)[found.valid]
    )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("percent", [0, 1, 37.5, 99.5, 100])
def test_percentiles_are_those_of_numpy(write, compute, dtype, percent):
    rng = np.random.default_rng(4)
    values = rng.normal(90, 40, (1, 130, 140)).clip(0, 250).astype(dtype)
    found = compute(write("a.tif", values), f"{percent}%b1 + 0", output_type="float64")
    expected = np.percentile(values, percent, method="inverted_cdf")
    assert (found.values == float(expected)).all()


def test_windows_and_threads_do_not_matter(write, compute):
    values = two_bands((700, 900))
    values[:, 100:300, 200:500] = 0
    path = write("a.tif", values, nodata=0)
    truth = compute(path, "b1 / (b2 - 7); b1 > 90%b1", threads=1)
    for size, threads in ((16, 2), (100, 1), (0, 4)):
        found = compute(path, "b1 / (b2 - 7); b1 > 90%b1", window_size=size, threads=threads)
        np.testing.assert_array_equal(found.values, truth.values)
        assert found.result.undefined_pixels == truth.result.undefined_pixels


def test_b1_is_not_b10(write, compute):
    values = np.arange(1, 13, dtype=np.uint8).reshape(12, 1, 1) * np.ones((1, 4, 4), np.uint8)
    found = compute(write("a.tif", values), "b10 * 100 + b1")
    assert (found.values == 1001).all()


def test_several_images_each_have_their_percentiles(write, tmp_path, read_back):
    paths = [write(f"{n}.tif", two_bands(seed=n) + 10 * n) for n in (1, 2)]
    folder = str(tmp_path / "out")
    found = run(Request(images=tuple(paths), expression="b1 > 50%b1", output_folder=folder))
    assert [path[-10:] for path in found.output_layers] == ["1_Math.tif", "2_Math.tif"]
    for path in found.output_layers:
        assert 0.4 < read_back(path).values.mean() < 0.5


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"expression": "b1 +"}, "A value is missing at character 5"),
        ({"expression": "b3"}, r'Unknown name "b3" at character 1: the image "a" has 2 bands'),
        ({"expression": "__import__('os')"}, "at character 1"),
        ({"expression": ""}, "Expression .EXPRESSION. is missing"),
        ({"output_type": "int7"}, "'int7' is not one of auto, same"),
        ({"calculation_type": "float16"}, "is not one of auto, float32, float64"),
        ({"images": ("none.tif",)}, "none.tif does not exist"),
        ({"name_pattern": "a.tif", "output_folder": "in"}, "overwrite the input a.tif"),
    ],
)
def test_bad_options_give_a_sentence(write, tmp_path, options, text):
    path = write("in/a.tif", two_bands())
    given = {"images": (path,), "expression": "b1", "output_folder": "out", **options}
    given["output_folder"] = str(tmp_path / given["output_folder"])
    with pytest.raises(OrthoweaveError, match=text):
        run(Request(**given))
    assert not list((tmp_path / "in").glob("*Math*"))


def test_one_bad_image_stops_before_anything_is_written(write, tmp_path):
    paths = (write("a.tif", two_bands()), write("b.tif", two_bands()[:1]))
    with pytest.raises(InvalidOption, match='the image "b" has 1 band'):
        run(Request(images=paths, expression="b2", output_folder=str(tmp_path / "out")))
    assert not list((tmp_path / "out").glob("*"))


def test_planning_writes_nothing_and_a_finished_file_is_kept(write, tmp_path):
    path, folder = write("a.tif", two_bands()), tmp_path / "out"
    how = {"images": (path,), "expression": "b1 + 1", "output_folder": str(folder)}
    assert run(Request(**how, dry_run=True)).output_layers == ()
    assert not list(folder.glob("*.tif"))
    (made,) = run(Request(**how)).output_layers
    stamp = (folder / "a_Math.tif").stat().st_mtime_ns
    again = run(Request(**how, resume="exists"))
    assert again.output_layers == (made,) and again.valid_pixels == 4200
    assert (folder / "a_Math.tif").stat().st_mtime_ns == stamp


def test_a_cancelled_run_leaves_nothing(write, compute, listen, tmp_path):
    path, heard = write("a.tif", two_bands((600, 600))), listen()
    compute(path, "b1 > 50%b1", heard)
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1
    for asked in range(heard.asked - 1):
        stop = listen(cancel_after=asked)
        with pytest.raises(Cancelled):
            compute(path, "b1 > 50%b1", stop, output_folder=str(tmp_path / "c"))
        assert not list((tmp_path / "c").glob("*"))


def test_masks_have_a_style_with_their_words(write, compute):
    found = compute(write("a.tif", two_bands()), "b1 > 9")
    assert 'label="true"' in Path(found.path[:-4] + ".qml").read_text(encoding="utf-8")
    assert gdal.Open(found.path).RasterCount == 1


@pytest.mark.parametrize("nodata", [0, 1, 7, None])
def test_true_and_false_stay_apart_from_nodata_in_any_type(write, compute, nodata):
    values = np.arange(2, 14, dtype=np.uint8).reshape(1, 3, 4)
    path = write("a.tif", values, nodata=nodata)
    found = compute(path, "b1 > 6", output_type="uint8")
    expected = (values[0] > 6) * 1
    where = found.valid
    assert where.sum() == 12 - (nodata == 7)
    np.testing.assert_array_equal(found.values[0][where], expected[where])
    assert found.result.moved_from_nodata == 0
    assert found.nodata == (255 if nodata in (0, 1) else nodata)


def test_values_moved_from_nodata_are_counted_and_said(write, compute, listen):
    values, heard = np.full((1, 5, 8), 9, np.uint8), listen()
    found = compute(write("a.tif", values, nodata=0), "b1 - 9", heard, output_type="same")
    assert (found.values == 1).all() and found.valid.all()
    assert found.result.moved_from_nodata == 40
    assert any("40 values were the nodata value" in text for text in heard.warnings)


def test_an_image_without_valid_pixel_gives_a_warning(write, compute, listen):
    heard = listen()
    path = write("a.tif", np.zeros((2, 20, 20), np.uint8), nodata=0)
    assert not compute(path, "b1 + b2", heard).valid.any()
    assert heard.warnings == ["Without any valid pixel, so their outputs are empty: a.tif."]


def test_a_run_that_fails_leaves_none_of_its_files(write, tmp_path):
    values, packed = two_bands((900, 900)), ("COMPRESS=DEFLATE",)
    good, bad = (write(name, values, options=packed) for name in ("a.tif", "b.tif"))
    content = bytearray(Path(bad).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = b"\xff" * 4000
    how = {"images": (good, bad), "expression": "b1 + b2", "output_folder": str(tmp_path / "o")}
    kept = tmp_path / "o" / "b_Math.tif"
    run(Request(**{**how, "images": (bad,)}))
    before = kept.read_bytes()
    Path(bad).write_bytes(content)
    with pytest.raises(OrthoweaveError, match=r"b\.tif"):
        run(Request(**how))
    assert not list((tmp_path / "o").glob("a_Math*")) and kept.read_bytes() == before
    with pytest.raises(OrthoweaveError, match=r"b\.tif"):
        run(Request(**how, resume="check"))
    assert (tmp_path / "o" / "a_Math.tif").exists()


@pytest.mark.parametrize("expression", ["b1 * 1e38", "b1 ** 64", "2 ** b1"])
def test_numbers_beyond_the_type_are_not_written_as_infinite(write, compute, expression):
    path = write("a.tif", np.array([[[0, 1, 200]]], np.float32))
    found = compute(path, expression)
    assert found.valid.tolist() == [[True, True, False]] and np.isnan(found.values[0, 0, 2])
    assert found.result.valid_pixels == 2 and found.result.undefined_pixels == 1
    assert np.isfinite(compute(path, expression, output_type="float64").values).all()
    # the numbers are decimals of 32 bits on their way
    wide = compute(path, expression, output_type="float64", calculation_type="float32")
    assert wide.result.undefined_pixels == 1


def test_infinite_numbers_are_written_when_the_expression_names_them(write, compute):
    found = compute(write("a.tif", np.array([[[1, 200]]], np.float32)), "where(b1 > 9, inf, b1)")
    assert found.values[0, 0].tolist() == [1, np.inf] and found.valid.all()


def test_a_plan_leaves_no_folder(write, tmp_path):
    path, folder = write("a.tif", two_bands()), tmp_path / "new" / "out"
    request = Request(images=(path,), expression="b1", output_folder=str(folder), dry_run=True)
    assert run(request).output_layers == () and not (tmp_path / "new").exists()


def test_numbers_whose_squares_are_beyond_all_types_are_written_in_silence(write, compute):
    values = np.full((1, 20, 20), 1e300)
    values[0, :5] = -1e299
    found = compute(write("a.tif", values), "b1 * 2")
    np.testing.assert_array_equal(found.values, values * 2)
    assert "STATISTICS_MEAN" not in found.dataset.GetRasterBand(1).GetMetadata()
