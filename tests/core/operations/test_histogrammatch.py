# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption
from orthoweave.core.operations import applyadjustments
from orthoweave.core.operations.histogrammatch import Request, run
from orthoweave.core.radiometry.adjustments import load_adjustments
from orthoweave.core.raster import bytes_read, open_image

X, Y = 500000.0, 5000000.0


def scene(rows=220, cols=260, bands=2, seed=4):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols] / 60.0
    found = [
        900 + 200 * b + 250 * np.sin(2 * x + b) * np.cos(3 * y) + 60 * rng.standard_normal(x.shape)
        for b in range(bands)
    ]
    return np.array(found)


def changed(values):
    """A curve that is no gain and offset."""
    return 40 + 0.9 * values + 3e-4 * values**2


@pytest.fixture
def match(tmp_path):
    """Run and return (result, values of the outputs): match(paths, **options)."""
    number = iter(range(100))

    def make(paths, progress=None, **how):
        folder = tmp_path / f"out{next(number)}"
        request = Request(images=tuple(paths), output_folder=str(folder), **how)
        result = run(request, *([progress] if progress else []))
        return result, [pixels(path) for path in result.output_layers]

    return make


def pixels(path):
    image = open_image(path)
    return image.read(image.grid.window)


def at(col=0, row=0, size=10.0):
    return (X + size * col, size, 0.0, Y - size * row, 0.0, -size)


@pytest.fixture
def pair(write):
    """Write a reference and an image of the same ground with other values."""
    truth = scene()
    reference = write("ref.tif", np.rint(truth).astype("uint16"), nodata=0)
    image = write("img.tif", np.rint(changed(truth)).astype("uint16"), nodata=0)
    return reference, image, np.rint(truth)


def test_a_curve_is_undone_by_the_histogram_and_not_by_mean_and_spread(pair, match):
    reference, image, truth = pair
    apart = {}
    for method in ("histogram", "mean_std", "min_max"):
        result, (found,) = match([image], reference=reference, method=method)
        apart[method] = np.abs(found.values - truth)
        assert result.difference_after < result.difference_before
    low, high = (np.quantile(truth, q, axis=(1, 2))[:, None, None] for q in (0.002, 0.998))
    inside = (truth > low) & (truth < high)
    assert apart["histogram"][inside].max() <= 2  # both files are rounded
    assert apart["mean_std"].max() > 20 and apart["min_max"].max() > 20


@pytest.mark.parametrize("levels", [250, 4000])
def test_reflectances_made_from_counts_are_matched_as_the_counts_are(levels, write, match):
    values = scene(120, 140)
    values = np.rint((values - values.min()) / np.ptp(values) * levels)
    images = [values[:, ::-1] * 0.6 + 0.2 * levels, values**1.2 * levels**-0.2]
    counts = [np.rint(image).astype("uint16") + 1 for image in images]
    ways = []
    for scale, dtype in ((1.0, "uint16"), (1e-4, "float32")):
        paths = [
            write(f"{dtype}{number}.tif", (scale * one).astype(dtype))
            for number, one in enumerate(counts)
        ]
        result, (found,) = match(paths[:1], reference=paths[1])
        assert result.difference_after < 0.2 * result.difference_before
        ways.append(found.values / scale)
    # both are rounded once where the curve is read and one of them where it is written
    apart = np.abs(ways[0] - ways[1])
    assert apart.mean() < 0.5 and (apart > 1.5).mean() < 1e-3


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
@pytest.mark.parametrize("method", ["histogram", "mean_std", "min_max"])
def test_the_reference_itself_comes_out_bit_for_bit(dtype, method, write, match):
    values = (scene() / 8).astype(dtype)
    values[:, :9] = 0
    image = write("a.tif", values, nodata=0)
    result, (found,) = match([image], reference=image, method=method)
    np.testing.assert_array_equal(found.values, values)
    assert (result.gain_min, result.gain_max) == (1, 1)


@pytest.mark.parametrize("method", ["histogram", "mean_std"])
@pytest.mark.parametrize("weight", ["equal", "pixels"])
def test_the_images_of_a_set_get_one_mean(method, weight, write, match):
    truth = scene()
    paths = [
        write(f"{name}.tif", np.rint(change(truth[:, : 100 + 40 * number])).astype("uint16"),
              transform=at(2000 * number))
        for number, (name, change) in enumerate(
            {"a": lambda v: v, "b": changed, "c": lambda v: 1.4 * v - 200}.items()
        )
    ]  # fmt: skip
    result, found = match(paths, method=method, set_weight=weight)
    means = np.array([one.values.mean((1, 2)) for one in found])
    np.testing.assert_allclose(means, means.mean(0, keepdims=True).repeat(3, 0), rtol=0.005)
    before = np.array([pixels(path).values.mean((1, 2)) for path in paths])
    sizes = [100, 140, 180] if weight == "pixels" else None
    np.testing.assert_allclose(means[0], np.average(before, 0, sizes), rtol=0.005)
    assert result.difference_after < 1 < result.difference_before


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_windows_threads_and_the_order_of_images_change_nothing(dtype, write, tmp_path):
    truth = scene(600, 700)
    paths = [
        write(f"{name}.tif", (changed(truth) * gain).astype(dtype), transform=at(number * 99))
        for number, (name, gain) in enumerate((("a", 1), ("b", 0.8), ("c", 1.2)))
    ]
    found = []
    for number, (order, how) in enumerate(
        [((0, 1, 2), {}), ((2, 0, 1), {"threads": 1}), ((1, 0, 2), {"threads": 4}),
         ((0, 1, 2), {"window_size": 250, "threads": 2})]
    ):  # fmt: skip
        model = tmp_path / f"{number}.json"
        result = run(
            Request(images=tuple(paths[index] for index in order), output_model=str(model),
                    output_folder=str(tmp_path / str(number)), quantiles=64, **how)
        )  # fmt: skip
        adjustments = {image.name: image for image in load_adjustments(str(model)).images}
        layers = [pixels(path).values.tobytes() for path in sorted(result.output_layers)]
        found.append((adjustments, layers))
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("kind", ["nodata", "alpha", "mask", "nan"])
def test_invalid_pixels_are_neither_counted_nor_changed(kind, write, match):
    truth = scene(bands=3)
    valid = np.ones(truth.shape[1:], bool)
    valid[:, :90] = False
    dtype = "float32" if kind == "nan" else "uint8"
    values = (truth / 8).astype(dtype)
    alpha = {"alpha": valid * 255, "options": ("PHOTOMETRIC=RGB",)}
    kinds = {"nodata": {"nodata": 0}, "alpha": alpha, "mask": {"mask": valid}, "nan": {}}
    how = kinds[kind]
    values[:, ~valid] = {"nodata": 0, "nan": np.nan}.get(kind, 250)
    image = write("a.tif", values, **how)
    reference = write("ref.tif", (truth / 9).astype("uint8"))
    _, (found,) = match([image], reference=reference, method="mean_std")
    np.testing.assert_array_equal(found.valid, valid)
    expected = (truth / 9).astype("uint8").mean((1, 2))
    np.testing.assert_allclose(found.values[:, valid].mean(1), expected, rtol=0.01)
    if kind != "nan":
        assert found.values.dtype == np.uint8


def test_common_pixels_alone_decide_when_asked_for(write, match):
    truth = scene()
    there = np.rint(truth).astype("uint16")
    there[:, :, 200:] = 60000  # a cloud where the image does not reach
    reference = write("ref.tif", there, nodata=0)
    values = np.rint(1.5 * truth[:, :, :160] - 100).astype("uint16")
    image = write("img.tif", values, nodata=0)
    _, (whole,) = match([image], reference=reference, method="mean_std")
    _, (shared,) = match([image], reference=reference, method="mean_std", pixels="overlap")
    assert np.abs(shared.values - truth[:, :, :160]).max() < 2
    assert np.abs(whole.values - truth[:, :, :160]).max() > 1000


@pytest.mark.parametrize("size", [10.0, 5.0, 20.0])
def test_a_reference_of_other_pixels_is_resampled(size, write, match):
    step = int(20 / size)
    fine = np.repeat(np.repeat(scene(110, 130), step, 1), step, 2)
    reference = write("ref.tif", fine.astype("float32"), transform=at(0.3, 0.2, size))
    image = write("img.tif", (2 * scene(110, 130) + 30).astype("float32"), transform=at(0, 0, 20.0))
    _, (found,) = match([image], reference=reference, pixels="overlap", method="mean_std")
    inside = (slice(None), slice(5, -5), slice(5, -5))
    # shifted by a part of a pixel, noise of one pixel is smoothed
    level = np.abs(found.values[inside].mean((1, 2)) / scene(110, 130)[inside].mean((1, 2)) - 1)
    assert level.max() < 0.01


def test_images_without_common_ground_stay_and_are_told(write, match, listen):
    truth = np.rint(scene()).astype("uint16")
    reference = write("ref.tif", truth)
    paths = [
        write("a.tif", truth * 2, transform=at(0)),
        write("b.tif", truth * 2, transform=at(9999)),
    ]
    heard = listen()
    result, found = match(paths, heard, reference=reference, pixels="overlap", method="mean_std")
    assert heard.warnings == ["b shares no pixel with the reference; kept unchanged."]
    np.testing.assert_array_equal(found[1].values, truth * 2)
    assert (result.images_used, result.images_skipped) == (1, 1)
    assert np.abs(found[0].values.astype(int) - truth).max() <= 1


def test_images_of_other_crs_or_none_are_matched_as_wholes(write, match):
    truth = np.rint(scene()).astype("uint16")
    reference = write("ref.tif", truth, crs="EPSG:32631")
    paths = [write("a.tif", truth * 2), write("b.tif", truth + 500, crs=None, transform=None)]
    _, found = match(paths, reference=reference, method="mean_std")
    for one in found:
        assert np.abs(one.values.astype(int) - truth).max() <= 1
    with pytest.raises(IncompatibleImages, match="a.tif has EPSG:32633 and ref.tif EPSG:32631"):
        match(paths[:1], reference=reference, pixels="overlap")


def test_polygons_and_masks_limit_what_is_counted(write, match, tmp_path):
    truth = np.rint(scene()).astype("uint16")
    spoiled = truth * 2
    spoiled[:, :110] = 9000
    image = write("a.tif", spoiled)
    reference = write("ref.tif", truth)
    good = np.zeros(truth.shape[1:], "uint8")
    good[110:] = 1
    write("m/a_PIF.tif", good)
    # the reference needs no mask of its own
    _, (found,) = match([image], reference=reference, selection_masks=str(tmp_path / "m"),
                        method="mean_std", pixels="overlap")  # fmt: skip
    assert np.abs(found.values[:, 110:].astype(int) - truth[:, 110:]).max() <= 1


def test_half_the_strength_and_no_strength(pair, match):
    reference, image, truth = pair
    before = pixels(image).values.astype(float)
    _, (none,) = match([image], reference=reference, strength=0)
    np.testing.assert_array_equal(none.values, before)
    _, (half,) = match([image], reference=reference, strength=0.5)
    low, high = (np.quantile(truth, q, axis=(1, 2))[:, None, None] for q in (0.01, 0.99))
    inside = (truth > low) & (truth < high)
    assert np.abs(half.values - 0.5 * (before + truth))[inside].max() <= 2


def test_the_saved_model_gives_the_same_pixels_when_applied(pair, match, tmp_path):
    reference, image, _ = pair
    model = str(tmp_path / "m.json")
    _, (found,) = match([image], reference=reference, output_model=model)
    entry = json.loads(Path(model).read_text("utf-8"))["img"]
    assert set(entry["orthoweave"]["lookup"]) == {"band_0", "band_1"}
    assert entry["whole_stats"]["band_0"]["size"] == 220 * 260
    result = applyadjustments.run(
        applyadjustments.Request(images=(image,), model=model, output_folder=str(tmp_path / "b"))
    )
    np.testing.assert_array_equal(pixels(result.output_layers[0]).values, found.values)


def test_every_pixel_is_read_once_to_look_and_once_to_write(pair, match):
    reference, image, truth = pair
    started = bytes_read()
    match([image], reference=reference)
    # reference, image twice, and this test reads the output
    assert bytes_read() - started == 4 * truth.astype("uint16").nbytes


def test_decimal_numbers_too_are_looked_at_once(write, match):
    values = scene(700, 600).astype("float32")
    blocks = ("TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64")
    image = write("a.tif", values, options=blocks)
    started = bytes_read()
    match([image])
    # the middle, about which sums are formed, is read once more, and this test reads the output
    assert bytes_read() - started <= 3.3 * values.nbytes


def test_a_report_shows_curves_and_numbers(pair, match, tmp_path):
    pytest.importorskip("matplotlib")
    reference, image, _ = pair
    result, _ = match([image], reference=reference, report=str(tmp_path / "r.html"))
    text = Path(result.report).read_text("utf-8")
    assert text.count("<svg") == 2 and "What values become" in text
    numbers = json.loads((tmp_path / "r.html.json").read_text("utf-8"))
    assert numbers["difference_after"] == result.difference_after
    assert numbers["images"][0]["name"] == "img"


def test_one_image_alone_stays_as_it_is(pair, match, listen):
    heard = listen()
    _, image, _ = pair
    _, (found,) = match([image], heard)
    np.testing.assert_array_equal(found.values, pixels(image).values)
    assert heard.warnings == [
        "Only one image has valid pixels; there is nothing to compare it with."
    ]


def test_empty_and_flat_images_are_told(write, match, listen):
    truth = np.rint(scene()).astype("uint16")
    paths = [write("empty.tif", 0 * truth, nodata=0), write("flat.tif", 0 * truth + 70, nodata=0)]
    heard = listen()
    result, (_, flat) = match(paths, heard, reference=write("ref.tif", truth, nodata=0))
    assert heard.warnings == [
        "empty.tif has no valid pixels; it was copied unchanged.",
        "flat.tif or its aim has no contrast in band 1, 2, where only the offset is changed.",
    ]
    assert result.images_skipped == 1
    np.testing.assert_allclose(flat.values[:, 0, 0], truth.mean((1, 2)), rtol=0.02)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"pixels": "overlap"}, "PIXELS=overlap needs a reference image in REFERENCE."),
        ({"quantiles": 5}, "Quantiles: 5 is below 16."),
        ({"trim": 11}, "Tails left out: 11 % is above 10 %."),
        ({"max_slope": 0.5}, "Steepest slope: 0.5 is below 1."),
        ({"strength": 1.1}, "Strength: 1.1 is above 1."),
    ],
)
def test_wrong_options_are_refused(how, sentence, tmp_path):
    with pytest.raises(InvalidOption) as error:
        Request(images=("a.tif",), output_folder=str(tmp_path), **how)
    assert str(error.value).replace(" %", "") == sentence.replace(" %", "")


def test_images_that_do_not_fit_are_refused(pair, write, match):
    reference, image, truth = pair
    three = write("three.tif", scene(bands=3).astype("uint16"))
    with pytest.raises(IncompatibleImages, match=r"img\.tif has 2 bands and three\.tif 3"):
        match([image], reference=three)
    with pytest.raises(InvalidOption, match=r"ref\.tif has no valid pixels to aim at"):
        match([image], reference=write("ref.tif", 0 * truth.astype("uint16"), nodata=0))
    with pytest.raises(InvalidOption, match="overwrite the input ref.tif"):
        match([image], reference=reference, output_model=reference)


@pytest.mark.parametrize("questions", [0, 2, 5])
def test_a_cancelled_run_leaves_nothing(questions, pair, match, listen, tmp_path):
    reference, image, _ = pair
    with pytest.raises(Cancelled):
        match([image], listen(cancel_after=questions), reference=reference)
    assert not list((tmp_path / "out0").glob("*"))
