# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, OrthoweaveError
from orthoweave.core.operations.thresholdraster import Request, run


@pytest.fixture
def threshold(tmp_path, read_back):
    """Run the tool on one image and read its mask back: threshold(path, "b1 > 3")."""
    numbers = count()

    def make(path, expression, progress=None, **options):
        folder = str(tmp_path / f"out{next(numbers)}")
        request = Request(images=(path,), expression=expression, output_folder=folder, **options)
        result = run(*([request, progress] if progress else [request]))
        found = read_back(result.output_layers[0])
        found.result = result
        return found

    return make


@pytest.mark.parametrize("kind", ["nodata", "alpha", "internal", "nan", "none"])
def test_true_is_1_false_0_and_invalid_255(layer, threshold, kind):
    image = layer("a.tif", kind, "float32" if kind == "nan" else "uint8", size=(90, 80))
    found = threshold(image.path, "b1 > 95%b1 | b2 < 20")
    # a NaN in the third band, which is not asked for, does not count
    valid = image.valid if kind != "nan" else image.valid | (found.values[0] != 255)
    ordered = np.sort(image.values[0][image.valid])
    limit = ordered[int(np.ceil(0.95 * len(ordered))) - 1]
    if kind == "nan":
        valid = np.isfinite(image.values[:2]).all(0) & image.valid
        limit = np.nanpercentile(image.values[0][image.valid], 95, method="inverted_cdf")
    expected = np.where((image.values[0] > limit) | (image.values[1] < 20), 1, 0)
    np.testing.assert_array_equal(found.values[0], np.where(valid, expected, 255))
    assert found.values.dtype == np.uint8 and found.nodata == 255
    share = expected[valid].mean()
    assert found.result.true_fraction == pytest.approx(share, abs=1e-12)


def test_percentiles_are_taken_with_or_without_blanks(write, threshold):
    path = write("a.tif", np.arange(100, dtype=np.uint8).reshape(10, 10))
    counts = {(threshold(path, text).values == 1).sum() for text in ("b1>5%b1", "b1 > 5 % B1")}
    assert counts == {95}


def test_windows_and_threads_do_not_matter(layer, threshold):
    image = layer("a.tif", "nodata", size=(520, 610))
    truth = threshold(image.path, "b1 > 60%b2 & b3 < b1", threads=1)
    for size, threads in ((16, 2), (100, 1), (0, 3)):
        found = threshold(image.path, "b1 > 60%b2 & b3 < b1", window_size=size, threads=threads)
        np.testing.assert_array_equal(found.values, truth.values)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_other_types_hold_the_same_numbers(write, threshold, dtype):
    values = np.arange(16, dtype=np.int16).reshape(4, 4)
    found = threshold(write("a.tif", values, nodata=0), "b1 > 7", output_type=dtype)
    assert found.values.dtype == np.dtype(dtype) and found.nodata == 255
    np.testing.assert_array_equal(found.values[0].ravel(), [255, *[0] * 7, *[1] * 8])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"expression": "b1 + 2"}, '"b1 \\+ 2" gives numbers, not true or false; use bandmath or'),
        ({"expression": "b1 > 2; b1"}, '"b1" gives numbers'),
        ({"expression": "b1 >"}, "A value is missing at character 5"),
        ({"output_type": "auto"}, "'auto' is not one of uint8"),
    ],
)
def test_bad_options_give_a_sentence(write, tmp_path, options, text):
    path = write("a.tif", np.ones((4, 4), np.uint8))
    given = {"expression": "b1 > 2", **options}
    with pytest.raises(OrthoweaveError, match=text):
        run(Request(images=(path,), output_folder=str(tmp_path / "out"), **given))


def test_a_cancelled_run_leaves_nothing(layer, tmp_path, listen):
    image, heard = layer("a.tif", size=(600, 600)), listen()
    request = Request(images=(image.path,), expression="b1 > 3", output_folder=str(tmp_path / "o"))
    run(request, heard)
    (tmp_path / "o" / "a_Threshold.tif").unlink()
    for asked in range(heard.asked - 1):
        with pytest.raises(Cancelled):
            run(request, listen(cancel_after=asked))
        assert not list((tmp_path / "o").glob("*.tif"))
