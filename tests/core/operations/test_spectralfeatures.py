# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, ImageIOError, InvalidOption
from orthoweave.core.operations.spectralfeatures import Request, run

from .readback import band_maker

BANDS = ("b2", "b3", "b4", "b8", "b11", "b12")
DATES = ("20180511", "20180521", "20180531")
NODATA = -10000


@pytest.fixture
def features(tmp_path):
    """Run the tool and read its output back: features(path, indices="ndvi")."""
    return band_maker(Request, run, tmp_path)


@pytest.fixture
def series(write):
    """Write a series and return its path and values[date, band, row, col]."""

    def make(shape=(20, 30), dtype="int16", values=None, name="s.tif", **how):
        if values is None:
            values = np.random.default_rng(2).integers(1, 6000, (3, 6, *shape)).astype(dtype)
        names = [f"sentinel2_{b}_{d}" for d in DATES for b in BANDS]
        flat = values.reshape(-1, *values.shape[2:])
        how.setdefault("nodata", NODATA)
        return write(name, flat, names=names, **how), values.astype(float)

    return make


def ratio(a, b):
    return np.rint((a - b) / (a + b) * 1000)


def test_order_names_and_formulas_are_those_of_the_specification(series, features):
    path, v = series()
    indices = ("ndvi", "ndwi", "brightness", "ndwigao", "ndwimcfeeters", "evi", "savi", "nbr")
    found = features(path, indices=indices, expressions="b4^2/1000, b1>b2 ? 1 : 2")
    made = [*indices, "expr1", "expr2"]
    assert found.names == [f"sentinel2_{b}_{d}" for d in DATES for b in BANDS] + [
        f"sentinel2_{one}_{d}" for one in made for d in DATES
    ]
    blue, green, red, nir, swir, swir2 = (v[:, n] for n in range(6))
    n, r, b = nir / 10000, red / 10000, blue / 10000
    truth = [
        ratio(nir, red),
        ratio(swir, nir),  # positive where Gao's is negative
        np.rint(np.sqrt((v * v).sum(1))),
        ratio(nir, swir),
        ratio(green, nir),
        np.rint(np.clip(2500 * (n - r) / (n + 6 * r - 7.5 * b + 1), -32767, 32767)),
        np.rint(1500 * (n - r) / (n + r + 0.5)),
        ratio(nir, swir2),
        np.rint(np.clip(nir**2 / 1000, -32767, 32767)),
        np.where(blue > green, 1, 2),
    ]
    assert found.values.dtype == np.int16
    np.testing.assert_array_equal(found.values[:18], v.reshape(18, *v.shape[2:]))
    off = np.abs(found.values[18:].astype(float) - np.concatenate(truth))
    assert off.max() <= 1 and (off != 0).mean() < 1e-3  # halves, computed in another order


def test_a_denominator_of_zero_gives_zero_and_nodata_propagates(series, features):
    values = np.full((3, 6, 1, 3), 1000, np.int16)
    values[0, 2:4, 0, 0] = 0
    values[1, 0, 0, 1] = NODATA
    values[:, :, 0, 2] = NODATA
    path, _ = series(values=values)
    found = features(path, indices="ndvi", expressions="1/(b3-b3)", keep_bands=False)
    assert found.values[:3, 0].tolist() == [[0, 0, NODATA], [0, NODATA, NODATA], [0, 0, NODATA]]
    assert (found.values[3:] == NODATA).all()  # not defined anywhere


def test_reflectance_relative_to_red(series, features):
    path, v = series()
    found = features(path, indices="ndvi,ndwi", relative=True, keep_duplicates=False)
    assert found.names[18:] == [f"sentinel2_ndwi_{d}" for d in DATES]
    bands = found.values[:18].reshape(v.shape)
    np.testing.assert_array_equal(bands[:, 2], v[:, 2])
    assert np.abs(bands[:, 3] - ratio(v[:, 3], v[:, 2])).max() <= 1  # halves
    assert len(features(path, indices="ndvi", relative=True).names) == 21


def test_corrected_ratios(series, features):
    path, v = series()
    found = features(path, indices="ndvi", corrected=True, keep_bands=False, scale=10000)
    n, r = v[:, 3] / 10000, v[:, 2] / 10000
    truth = np.rint(np.clip((n - r - 0.05) / (n + r + 0.05) * 10000, -32767, 32767))
    assert np.abs(found.values - truth).max() <= 1  # halves


def test_bands_may_be_named(series, write, features):
    values = np.array([100, 300], np.int16).reshape(2, 1, 1)
    path = write("x.tif", values, names=["image_b1_20180101", "image_b2_20180101"])
    found = features(path, indices="ndvi", red="b1", nir="B2", keep_bands=False)
    assert found.values.item() == 500
    with pytest.raises(InvalidOption, match="ndvi needs NIR and RED. Give NIR, RED, each the name"):
        features(path, indices="ndvi")
    with pytest.raises(InvalidOption, match="RED: image has no band 'b7'; it has b1, b2"):
        features(path, indices="ndvi", red="b7", nir="b2")


def test_all_bands_that_are_missing_are_named_at_once(write, features):
    values = np.array([100, 300], np.int16).reshape(2, 1, 1)
    path = write("x.tif", values, names=["image_b1_20180101", "image_b2_20180101"])
    with pytest.raises(InvalidOption) as refused:
        features(path, indices="ndvi,brightness,ndwi", red="b1", relative=True)
    assert str(refused.value) == (
        "ndvi needs NIR, ndwi needs SWIR and NIR. Give NIR, SWIR, each the name of a band of image "
        "(b1, b2), or leave out ndvi, ndwi."
    )
    with pytest.raises(InvalidOption, match="ndvi needs NIR and RED, RELATIVE needs RED. Give NIR"):
        features(path, indices="ndvi", relative=True)


def test_sensors_stand_one_after_the_other_and_undated_bands_last(write, features):
    names = ["sentinel2_b4_20180101", "sentinel2_b8_20180101", "sentinel1_vv_20180101"]
    names.append("userfeatures_alt")
    path = write("x.tif", np.arange(1, 5, dtype=np.int16).reshape(4, 1, 1), names=names)
    found = features(path, indices="ndvi")
    assert found.names == [*names[:2], "sentinel2_ndvi_20180101", *names[2:]]
    assert found.values.ravel().tolist() == [1, 2, 333, 3, 4]


def test_windows_and_threads_do_not_matter(series, features):
    path, _ = series((150, 130))
    how = {"indices": "ndvi,evi,brightness", "expressions": "b1*b2/10"}
    truth = features(path, threads=1, **how)
    assert truth.result.clipped_samples > 0
    for size, threads in ((16, 2), (100, 1), (0, 4)):
        found = features(path, window_size=size, threads=threads, **how)
        np.testing.assert_array_equal(found.values, truth.values)
        assert found.result.clipped_samples == truth.result.clipped_samples


def test_values_beyond_the_range_are_cut_with_a_warning(series, features, listen):
    heard = listen()
    found = features(series()[0], heard, indices=(), keep_bands=False, expressions="b1*100")
    assert (found.values <= 32767).all() and found.result.clipped_samples > 0
    assert "samples were beyond ±32767 and were cut" in heard.warnings[0]


def test_decimal_numbers_stay_decimal(series, features):
    values = np.random.default_rng(0).random((3, 6, 4, 5)).astype(np.float32)
    values[1, 2, 0, 0] = np.nan
    path, v = series(values=values, nodata=None)
    found = features(path, indices="ndvi", scale=1.0)
    assert found.values.dtype == np.float32
    truth = (v[0, 3] - v[0, 2]) / (v[0, 3] + v[0, 2])
    np.testing.assert_allclose(found.values[18], truth, rtol=1e-6)
    assert found.values[19, 0, 0] == NODATA and found.values[8, 0, 0] == NODATA


SCRIPT = """
def difference(series, factor=1):
    red = series.get_sentinel2_b4()
    index = series.get_interpolated_Sentinel2_NDVI()
    assert red.shape[2] == len(series.dates()) == 3
    return factor * red - index, ["diff_" + date for date in series.dates()]

def middle(self):
    return self.get_sentinel2_b8().mean(2), ["mean"]

def bad(series):
    return series.get_sentinel2_b4()

def unknown(series):
    return series.get_sentinel2_b99(), []

def raw(series):
    return series.get_raw_sentinel2_b4(), []
"""


def test_functions_of_the_user_see_arrays_and_add_features(series, features, tmp_path, listen):
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT)
    path, v = series((70, 60))
    heard = listen()
    how = {"python_module": str(script), "functions": "difference middle"}
    found = features(path, heard, indices="ndvi", arguments="{}", keep_bands=False, **how)
    assert found.names[3:] == [*(f"diff_{d}" for d in DATES), "mean"]
    index = (v[:, 3] - v[:, 2]) / (v[:, 3] + v[:, 2]) * 1000
    assert np.abs(found.values[3:6] - (v[:, 2] - index)).max() <= 0.51  # rounded
    assert np.abs(found.values[6] - v[:, 3].mean(0)).max() <= 0.51
    assert heard.warnings == ["Code of mine.py is run: difference middle."]
    again = features(
        path, indices="ndvi", window_size=16, threads=2, keep_bands=False, **how,
        function_rows=50, function_columns=50,
    )  # fmt: skip
    np.testing.assert_array_equal(again.values, found.values)
    for name, message in (
        ("bad", r"bad must return \(values, names\)"),
        ("unknown", "asks for 'b99' of sentinel2; there are b2, b3"),
        ("raw", "only the filled one is known here"),
        ("none", "mine.py has no function 'none'"),
    ):
        with pytest.raises(InvalidOption, match=message):
            features(path, python_module=str(script), functions=name)


def test_no_code_is_run_unless_asked_for(series, features, tmp_path):
    path, _ = series()
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(InvalidOption, match="must be given together"):
        features(path, python_module=str(trap))
    with pytest.raises(InvalidOption, match=r"at character 12 is not allowed"):
        features(path, expressions="__import__('os')")
    assert not (tmp_path / "ran").exists()


def test_bad_input_gives_its_sentence(series, features, tmp_path):
    path, _ = series()
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:\n")
    for message, options in (
        ("Indices: 'ndvii' is not one of ndvi", {"indices": "ndvii"}),
        ("hold a name twice", {"indices": "ndvi,ndvi"}),
        ("No features: give indices", {"indices": (), "keep_bands": False}),
        ("is no JSON", {"arguments": "{"}),
        ("is no JSON object", {"arguments": "[1]"}),
        ('Unknown name "b7" at character 1: the image "s" has 6 bands', {"expressions": "b7"}),
        ("without percentiles", {"expressions": "5%b1"}),
        ("uint8 cannot hold -10000", {"output_type": "uint8"}),
    ):
        with pytest.raises(InvalidOption, match=message):
            features(path, **options)
    with pytest.raises(ImageIOError, match="broken.py cannot be run: invalid syntax"):
        features(path, python_module=str(broken), functions="f")
    with pytest.raises(ImageIOError, match="none.py cannot be read as a Python file"):
        features(path, python_module=str(tmp_path / "none.py"), functions="f")


def test_a_cancelled_run_leaves_nothing(series, features, listen, tmp_path):
    with pytest.raises(Cancelled):
        features(series()[0], listen(cancel_after=0), output=str(tmp_path / "o" / "x.tif"))
    assert not (tmp_path / "o").exists()


def test_what_goes_wrong_in_the_code_of_the_user_is_a_sentence(series, features, tmp_path):
    code = tmp_path / "code.py"
    code.write_text("import sys\ndef f(series):\n    return {}[1]\ndef g(series, k):\n    pass\n")
    for name, sentence in (
        ("f", "f of code.py failed, line 3: KeyError: 1"),
        ("g", "TypeError: g"),
    ):
        with pytest.raises(InvalidOption, match=sentence):
            features(series()[0], python_module=str(code), functions=name)
    code.write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(InvalidOption, match="code.py failed, line 2: SystemExit: 3"):
        features(series()[0], python_module=str(code), functions="f")
