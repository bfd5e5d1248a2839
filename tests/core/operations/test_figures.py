# SPDX-License-Identifier: GPL-2.0-or-later
"""The three operations that draw figures."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core import deps
from orthoweave.core.errors import IncompatibleImages, InvalidOption, MissingPackage
from orthoweave.core.normalizing import figuring
from orthoweave.core.operations import beforeafter, differencemap, spectralprofiles
from orthoweave.core.raster import open_image

pytest.importorskip("matplotlib")

ENDINGS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


@pytest.fixture
def images(write):
    """Paths of two images before and after; the first has holes."""
    rng = np.random.default_rng(0)
    found = {}
    for number, name in enumerate(("a", "b")):
        values = rng.integers(100, 900, (3, 60, 80)).astype("uint16")
        if number == 0:
            values[:, :20] = 0
        found[name] = write(f"{name}.tif", values, nodata=0)
        after = np.where(values > 0, values + 40 * number + 10, 0).astype("uint16")
        found[f"{name}_Global"] = write(f"{name}_Global.tif", after, nodata=0)
    return found


def array(path):
    image = open_image(path)
    return image.read(image.grid.window)


@pytest.fixture
def profiles(images, tmp_path):
    def make(*progress, **how):
        how = {"before": (images["a"], images["b"]),
               "after": (images["b_Global"], images["a_Global"]),
               "output": str(tmp_path / "p.png"), "report": str(tmp_path / "p.html"),
               "dpi": 60, **how}  # fmt: skip
        return spectralprofiles.run(spectralprofiles.Request(**how), *progress)

    return make


@pytest.fixture
def difference(images, tmp_path):
    def make(*progress, **how):
        how = {"before": images["a"], "after": images["a_Global"],
               "output": str(tmp_path / "d.png"), "report": str(tmp_path / "d.html"),
               "dpi": 60, **how}  # fmt: skip
        return differencemap.run(differencemap.Request(**how), *progress)

    return make


@pytest.fixture
def compared(images, tmp_path):
    def make(*progress, **how):
        how = {"before": (images["a"], images["b"]),
               "after": (images["a_Global"], images["b_Global"]),
               "output": str(tmp_path / "c.png"), "report": str(tmp_path / "c.html"),
               "dpi": 60, **how}  # fmt: skip
        return beforeafter.run(beforeafter.Request(**how), *progress)

    return make


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("figure", ["profiles", "difference", "compared"])
def test_the_ending_of_the_name_decides_the_format(figure, ending, request, tmp_path):
    run = request.getfixturevalue(figure)
    result = run(output=str(tmp_path / f"figure{ending}"))
    assert Path(result.output).read_bytes().startswith(ENDINGS[ending])
    report = Path(result.report).read_text(encoding="utf-8")
    assert "<svg" in report and "Repeat this run" in report


@pytest.mark.parametrize("figure", ["profiles", "difference", "compared"])
def test_the_same_run_gives_the_same_file_for_any_window_and_number_of_threads(
    figure, request, tmp_path
):
    run = request.getfixturevalue(figure)
    found = []
    for number, how in enumerate(({}, {"threads": 1}, {"threads": 4, "window_size": 16})):
        path = tmp_path / f"{number}.png"
        run(output=str(path), **how)
        found.append(path.read_bytes())
    assert found[0] == found[1] == found[2]


def test_width_height_and_resolution_are_those_asked_for(profiles, difference, compared):
    import struct

    for run in (profiles, difference, compared):
        data = Path(run(width=5, height=4, dpi=50).output).read_bytes()
        assert struct.unpack(">2I", data[16:24]) == (250, 200)


@pytest.mark.parametrize("figure", ["profiles", "difference", "compared"])
def test_without_matplotlib_there_is_a_report_and_a_sentence(figure, request, listen, monkeypatch):
    plain = builtins.__import__

    def without(module, purpose):
        raise MissingPackage(f"{purpose} needs Matplotlib")

    for module in ("report.spectra", "report.maps", "report.drawing", "report.figures"):
        monkeypatch.setattr(f"orthoweave.core.{module}.require", without)
    monkeypatch.setattr(deps, "available", lambda package: False)
    heard = listen()
    result = request.getfixturevalue(figure)(heard)
    assert result.output is None and builtins.__import__ is plain
    (warning,) = heard.warnings
    assert re.fullmatch(r"\w\.png is not written: Figures needs Matplotlib", warning)
    text = Path(result.report).read_text(encoding="utf-8")
    assert "Key numbers" in text and "<svg" not in text


def test_profiles_hold_the_means_of_valid_pixels(images):
    for spread, limits in (("std", None), ("quartiles", (25, 75))):
        found = spectralprofiles.profile(open_image(images["a"]), spread)
        kept = array(images["a"]).values[:, 20:].reshape(3, -1).astype(float)
        assert found.pixels == 40 * 80
        np.testing.assert_allclose(found.mean, kept.mean(1), rtol=1e-12)
        np.testing.assert_allclose(found.std, kept.std(1), rtol=1e-12)
        low = kept.mean(1) - kept.std(1) if limits is None else np.percentile(kept, 25, axis=1)
        np.testing.assert_allclose(found.low, low, rtol=1e-12)


def test_the_spread_of_the_means_is_in_percent_and_images_are_paired_by_name(profiles, images):
    result = profiles(labels=("first", "second"), spread="quartiles", wavelengths=(490, 560, 665))
    for side, value in (("", result.mean_spread_before), ("_Global", result.mean_spread_after)):
        means = []
        for name in "ab":
            found = array(images[name + side])
            means.append(found.values[:, found.valid].mean(1))
        expected = (100 * np.std(means, 0) / np.mean(means, 0)).mean()
        assert value == pytest.approx(expected)
    text = Path(result.report).read_text(encoding="utf-8")
    rows = re.findall(r"<tr><td>(first|second)</td><td>band 1</td><td class=n>([\d.]+)", text)
    assert [name for name, _ in rows] == ["first", "second"]
    assert float(rows[0][1]) == pytest.approx(array(images["a"]).values[0, 20:].mean(), rel=1e-3)


def test_images_without_common_names_are_paired_by_order(write):
    class Named:
        def __init__(self, name):
            self.name = name

    order = figuring.matching_order
    assert order([Named("a"), Named("b")], [Named("b_Global_Local"), Named("a_Mask")]) == [1, 0]
    assert order([Named("a"), Named("b")], [Named("y"), Named("x")]) == [0, 1]
    assert order([Named("a"), Named("a_Global")], [Named("a"), Named("a_Local")]) == [0, 1]


def test_large_images_are_looked_at_on_a_lattice_that_the_caption_names(
    profiles, difference, monkeypatch
):
    monkeypatch.setattr(figuring, "MOST_PIXELS", 500)
    monkeypatch.setattr(figuring, "TILE", 32)
    text = Path(profiles().report).read_text(encoding="utf-8")
    assert "Statistics use every 4th row and column at most." in text
    assert "every 4th row" in Path(difference().report).read_text(encoding="utf-8")


def test_an_image_without_valid_pixels_is_named(profiles, write, images, listen):
    empty = write("e.tif", np.zeros((3, 9, 9), "uint8"), nodata=0)
    heard = listen()
    result = profiles(heard, before=(empty,), after=(empty,))
    assert "e has no valid pixels; its profile is 0 and means nothing." in heard.warnings
    assert result.mean_spread_after is None


def test_differences_are_means_over_bands_where_both_are_valid(difference, images, tmp_path):
    raster = str(tmp_path / "d.tif")
    result = difference(output_raster=raster)
    assert (result.mean_difference, result.rms_difference) == (10, 10)
    assert result.scale_limit == 10
    found = array(raster)
    np.testing.assert_array_equal(found.valid, array(images["a"]).valid)
    assert (found.values[0][found.valid] == 10).all()
    assert np.isnan(found.values[0][~found.valid]).all()


def test_differences_can_be_relative_and_of_some_bands(difference, write):
    before = np.full((3, 70, 70), 200, "uint16")
    after = np.stack([before[0] + 20, before[1] - 40, before[2] + 80])
    before[:, :10] = 0
    paths = write("x.tif", before), write("y.tif", after)
    result = difference(before=paths[0], after=paths[1], bands=(1, 3), relative=True)
    assert result.mean_difference == pytest.approx(25)
    result = difference(before=paths[0], after=paths[1], bands=(2,), scale_min=-3, scale_max=7)
    assert result.scale_limit == 7 and result.mean_difference < 0


def test_the_colors_are_symmetric_around_zero_and_invalid_pixels_have_none():
    from orthoweave.core.report.maps import MapTexts, difference_figure

    values = np.linspace(-1, 9, 100).reshape(10, 10)
    valid = np.ones((10, 10), bool)
    valid[0] = False
    figure = difference_figure(values, valid, 9.0, MapTexts("title $x", "below", "units"))
    (shown,) = figure.axes[0].images
    assert shown.get_clim() == (-9.0, 9.0)
    assert np.isnan(np.asarray(shown.get_array().filled(np.nan))[0]).all()
    assert figure.axes[0].get_facecolor() != (1, 1, 1, 1)


def test_the_image_after_is_brought_onto_the_pixels_of_the_one_before(difference, write):
    y, x = np.mgrid[0:80, 0:80].astype("float32")
    before = write("x.tif", 10 * x + y)
    moved = write("y.tif", 10 * (x + 0.5) + y + 3, transform=(500005.0, 10.0, 0.0, 5e6, 0.0, -10.0))
    result = difference(before=before, after=moved)
    # in the first column the nearest of its pixels lies half a pixel off
    assert result.mean_difference == pytest.approx(3 + 5 / 80, abs=1e-3)
    assert difference(before=before, after=moved, resampling="nearest").rms_difference > 3


def test_images_with_nothing_valid_in_common_are_told(difference, write, listen):
    values = np.zeros((1, 8, 8), "uint8")
    heard = listen()
    paths = write("x.tif", values, nodata=0), write("y.tif", values + 1)
    result = difference(heard, before=paths[0], after=paths[1])
    assert heard.warnings == ["x and y have no valid pixels in common."]
    assert result.scale_limit == 1


def test_small_pictures_are_means_of_valid_pixels(write):
    values = np.arange(7 * 9, dtype="float32").reshape(1, 7, 9)
    values[0, :2, :4] = -1
    image = open_image(write("x.tif", values, nodata=-1))
    found, valid = figuring.small_picture(image, 4)  # blocks of 3 × 3 pixels
    assert found.shape == (1, 3, 3)
    assert found[0, 2, 2] == values[0, 6, 6:].mean()
    corner = values[0, :3, :3]
    assert found[0, 0, 0] == corner[corner >= 0].mean()
    values[0, :3, :3] = -1
    image = open_image(write("y.tif", values, nodata=-1))
    assert not figuring.small_picture(image, 4)[1][0, 0]


def test_one_stretch_serves_all_a_row_or_each(compared, images):
    def stretches(result):
        text = Path(result.report).read_text(encoding="utf-8")
        cells = r"<td>(\w+)</td><td class=n>1</td><td class=n>([\d.,]+)</td><td class=n>([\d.,]+)"
        return {name: ends for name, *ends in re.findall(cells, text)}

    both, row, each = (stretches(compared(stretch=how)) for how in ("both", "row", "image"))
    assert len({tuple(ends) for ends in both.values()}) == 1 and len(both) == 4
    assert row["a"] == row["b"] != row["a_Global"] == row["b_Global"]
    assert len({tuple(ends) for ends in each.values()}) == 4
    found = array(images["b"]).values[0]
    low, high = np.percentile(found, (2, 98))
    assert float(each["b"][0]) == pytest.approx(low, rel=1e-3)
    assert float(each["b"][1]) == pytest.approx(high, rel=1e-3)


def test_many_images_are_wrapped_and_one_band_is_gray(compared, write):
    rng = np.random.default_rng(1)
    paths = [write(f"i{n}.tif", rng.integers(1, 99, (1, 20, 30)).astype("uint8")) for n in range(9)]
    result = compared(before=paths, after=paths, names=tuple("abcdefghi"), height=9)
    assert result.images == 9
    assert compared(before=paths, after=paths, columns=4).images == 9


WRONG = [
    ("profiles", {"output": "p.jpg"}, "must end with .png, .pdf, .svg"),
    ("profiles", {"labels": ("x",)}, "LABELS has 1 entries for 2 images"),
    ("profiles", {"wavelengths": (1, 2)}, "WAVELENGTHS has 2 entries for 3 bands"),
    ("difference", {"bands": (9,)}, "9 was asked for, and a.tif has 3 bands"),
    ("difference", {"bands": (0,)}, "give whole numbers from 1 on"),
    ("difference", {"scale_min": 0, "scale_max": 0}, "both are 0"),
    ("compared", {"bands": (1, 2)}, "give three whole numbers"),
    ("compared", {"bands": (1, 2, 7)}, "7 was asked for, and a.tif has 3 bands"),
    ("compared", {"names": ("x",)}, "NAMES has 1 entries for 2 images"),
    ("compared", {"lower": 60, "upper": 50}, "60 % is not below"),
]


@pytest.mark.parametrize(("figure", "how", "sentence"), WRONG)
def test_bad_input_gives_the_sentence(figure, how, sentence, request):
    with pytest.raises(InvalidOption, match=sentence):
        request.getfixturevalue(figure)(**how)


def test_images_that_do_not_belong_together_are_refused(
    profiles, difference, compared, images, write
):
    with pytest.raises(InvalidOption, match="BEFORE has 2 images and AFTER has 1"):
        profiles(after=(images["a"],))
    gray = write("g.tif", np.ones((1, 60, 80), "uint16"))
    with pytest.raises(IncompatibleImages, match="has 3 bands and g.tif 1"):
        profiles(before=(images["a"],), after=(gray,))
    with pytest.raises(IncompatibleImages, match="has 3 bands and g.tif 1"):
        compared(before=(images["a"],), after=(gray,))
    far = write("f.tif", np.ones((3, 6, 8)), transform=(9e5, 10.0, 0.0, 5e6, 0.0, -10.0))
    with pytest.raises(IncompatibleImages, match="do not overlap"):
        difference(after=far)
    with pytest.raises(InvalidOption, match="would overwrite the input"):
        difference(output_raster=images["a"])
