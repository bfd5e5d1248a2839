# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption
from orthoweave.core.operations import applyadjustments
from orthoweave.core.operations.lirrn import Request, run
from orthoweave.core.radiometry.adjustments import load_adjustments
from orthoweave.core.raster import bytes_read, open_image

BANDS = 3


def texture(rows, cols, seed):
    """Three kinds of ground in patches, the same everywhere; another seed is another place."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(size=(rows // 12 + 1, cols // 12 + 1))
    kind = np.kron(np.searchsorted([0.4, 0.8], small), np.ones((12, 12), int))[:rows, :cols]
    found = np.empty((BANDS, rows, cols))
    for band in range(BANDS):
        level = np.array([400, 900, 1700])[kind] * (1 + 0.2 * band)
        found[band] = level + rng.normal(0, 40, (rows, cols))
    return found


@pytest.fixture
def normalize(tmp_path):
    """Run and return (result, model, values of the outputs)."""
    number = iter(range(100))

    def make(paths, progress=None, **how):
        folder = tmp_path / f"out{next(number)}"
        model = str(folder / "m.json")
        request = Request(images=tuple(paths), output_folder=str(folder), output_model=model, **how)
        result = run(request, *([progress] if progress else []))
        return result, load_adjustments(model), [pixels(path) for path in result.output_layers]

    return make


def pixels(path):
    image = open_image(path)
    return image.read(image.grid.window)


@pytest.fixture
def ends(write):
    """Write a reference, and a smaller image of another place: 0.8 · what it would be + 50."""
    reference = write("ref.tif", np.rint(texture(400, 420, 1)).astype("uint16"), nodata=0)
    image = write("sub.tif", np.rint(0.8 * texture(300, 350, 2) + 50).astype("uint16"), nodata=0,
                  transform=(9e5, 10.0, 0.0, 6e6, 0.0, -10.0))  # fmt: skip
    return reference, image


@pytest.mark.parametrize("robust", [True, False])
@pytest.mark.parametrize("classes", [3, 5])
def test_gain_and_offset_are_found_on_other_ground(robust, classes, ends, normalize):
    reference, image = ends
    result, model, (found,) = normalize([image], reference=reference, robust=robust,
                                        classes=classes)  # fmt: skip
    mine = model.of("sub")
    mean = texture(400, 420, 1).mean((1, 2))
    for band in range(BANDS):  # the last one too
        assert mine.gains[band] == pytest.approx(1 / 0.8, rel=0.03)
        assert abs(mine.offsets[band] + 50 / 0.8) < 0.03 * mean[band]
    np.testing.assert_allclose(found.values.mean((1, 2)), mean, rtol=0.05)
    assert result.difference_after < 0.3 * result.difference_before


def test_runs_are_repeatable_and_the_seed_decides(ends, normalize, tmp_path):
    reference, image = ends
    first, second, other = (
        normalize([image], reference=reference, seed=seed)[1] for seed in (0, 0, 7)
    )
    assert first == second
    assert first != other
    np.testing.assert_allclose(first.of("sub").gains, other.of("sub").gains, rtol=0.02)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_windows_threads_and_the_order_of_images_change_nothing(dtype, write, normalize):
    paths = [
        write(f"{name}.tif", (texture(560, 600, seed) * gain).astype(dtype))
        for name, seed, gain in (("a", 3, 0.7), ("b", 4, 1.2), ("ref", 5, 1.0))
    ]
    found = []
    for order, how in (
        ((0, 1), {}), ((1, 0), {"threads": 1}), ((0, 1), {"threads": 4, "window_size": 250})
    ):  # fmt: skip
        images = [paths[index] for index in order]
        result, model, _ = normalize(images, reference=paths[2], **how)
        layers = [pixels(path).values.tobytes() for path in sorted(result.output_layers)]
        found.append((model.of("a"), model.of("b"), layers))
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_the_reference_among_the_images_comes_out_bit_for_bit(dtype, write, normalize):
    values = (texture(200, 210, 1) / 10).astype(dtype)
    reference = write("ref.tif", values, nodata=0)
    other = write("a.tif", (0.5 * texture(100, 110, 2) / 10).astype(dtype), nodata=0)
    result, model, found = normalize([reference, other], reference=reference)
    np.testing.assert_array_equal(found[0].values, values)
    assert model.of("ref").gains == (1.0,) * BANDS
    assert len(result.output_layers) == 2


def test_other_crs_pixel_sizes_and_types_do_not_matter(write, normalize):
    reference = write("ref.tif", texture(300, 320, 1).astype("float32") / 1e4, crs="EPSG:32631",
                      transform=(0.0, 30.0, 5.0, 100.0, 4.0, -31.0))  # fmt: skip
    image = write("a.tif", np.rint(texture(310, 250, 2)).astype("uint16"), crs=None, transform=None)
    _, model, (found,) = normalize([image], reference=reference, output_type="float32")
    np.testing.assert_allclose(model.of("a").gains, 1e-4, rtol=0.03)
    assert found.values.dtype == np.float32


def test_invalid_pixels_of_both_are_left_out_and_stay(write, normalize):
    truth, elsewhere = texture(300, 320, 1), 0.8 * texture(300, 320, 2) + 50
    truth[:, :100], elsewhere[:, 200:] = 0, np.nan
    reference = write("ref.tif", np.rint(truth).astype("uint16"), nodata=0)
    image = write("a.tif", elsewhere.astype("float32"), nodata=np.nan)
    _, model, (found,) = normalize([image], reference=reference)
    np.testing.assert_allclose(model.of("a").gains, 1.25, rtol=0.03)
    np.testing.assert_array_equal(found.valid, np.isfinite(elsewhere[0]))


def test_a_class_that_one_image_lacks_is_left_out(write, normalize):
    # the image holds two values only: the third class of Otsu is empty
    image = np.where(texture(100, 110, 1) > 700, 90, 30).astype("uint8")
    reference = write("ref.tif", 2 * image + 10)
    _, model, _ = normalize([write("a.tif", image)], reference=reference)
    np.testing.assert_allclose(model.of("a").gains, 2, rtol=1e-6)
    np.testing.assert_allclose(model.of("a").offsets, 10, atol=1e-3)


def test_an_image_without_contrast_is_matched_by_its_mean_with_a_warning(
    ends, write, normalize, listen
):
    reference, _ = ends
    flat = write("flat.tif", np.full((BANDS, 40, 50), 70, "uint16"), nodata=0)
    heard = listen()
    _, model, (found,) = normalize([flat], heard, reference=reference)
    assert heard.warnings == [
        "flat.tif: no rising line fits the samples in band 1, band 2, band 3; mean and spread are "
        "matched there instead."
    ]
    np.testing.assert_allclose(found.values[:, 0, 0], texture(400, 420, 1).mean((1, 2)), atol=1)


def test_classes_that_mean_other_ground_are_told(ends, write, normalize, listen):
    reference, _ = ends
    odd = np.rint(texture(300, 350, 2)).astype("uint16")
    odd[:, :3] = 9000  # a little snow, which becomes the brightest class
    heard = listen()
    normalize([write("odd.tif", odd)], heard, reference=reference)
    (warning,) = heard.warnings
    assert warning.startswith("The levels of odd are hardly nearer to the reference than before")


def test_masks_limit_the_samples(ends, write, normalize, tmp_path):
    reference, _ = ends
    spoiled = np.rint(0.8 * texture(300, 350, 2) + 50).astype("uint16")
    spoiled[:, :120] = 20000
    good = np.zeros((300, 350), "uint8")
    good[120:] = 1
    write("m/a_PIF.tif", good)
    image = write("a.tif", spoiled)
    _, masked, _ = normalize([image], reference=reference, selection_masks=str(tmp_path / "m"))
    _, plain, _ = normalize([image], reference=reference)
    np.testing.assert_allclose(masked.of("a").gains, 1.25, rtol=0.03)
    assert abs(plain.of("a").gains[0] - 1.25) > 0.2


def test_every_pixel_is_read_once_to_look_and_once_to_write(ends, normalize):
    reference, image = ends
    started = bytes_read()
    normalize([image], reference=reference)
    sizes = [pixels(path).values.nbytes for path in ends]
    # reference once, image twice, outputs and inputs by this test
    assert bytes_read() - started == 2 * sizes[0] + 4 * sizes[1]


def test_the_saved_model_gives_the_same_pixels_when_applied(ends, normalize, tmp_path):
    reference, image = ends
    result, _, (found,) = normalize([image], reference=reference)
    again = applyadjustments.run(
        applyadjustments.Request(
            images=(image,), model=result.output_model, output_folder=str(tmp_path / "b")
        )
    )
    np.testing.assert_array_equal(pixels(again.output_layers[0]).values, found.values)


def test_a_report_shows_samples_and_lines(ends, normalize, tmp_path):
    pytest.importorskip("matplotlib")
    reference, image = ends
    result, *_ = normalize([image], reference=reference, report=str(tmp_path / "r.html"))
    text = Path(result.report).read_text("utf-8")
    assert text.count("<svg") == 2 and "Samples and lines" in text
    assert len(text) < 1_000_000


def test_images_that_do_not_fit_are_refused(ends, write, normalize, listen):
    reference, image = ends
    two = write("two.tif", texture(30, 40, 1)[:2].astype("uint16"))
    with pytest.raises(IncompatibleImages, match=r"sub\.tif has 3 bands and two\.tif 2"):
        normalize([image], reference=two)
    blank = write("blank.tif", np.zeros((BANDS, 30, 40), "uint16"), nodata=0)
    with pytest.raises(InvalidOption, match=r"blank\.tif has no valid pixels to aim at\."):
        normalize([image], heard := listen(), reference=blank)
    assert heard.warnings == []  # a reference is not copied
    with pytest.raises(InvalidOption, match=r"Reference image \(REFERENCE\) is missing\."):
        normalize([image])


def test_images_without_valid_pixels_are_copied_and_counted(ends, write, normalize, listen):
    reference, image = ends
    blank = write("blank.tif", np.zeros((BANDS, 30, 40), "uint16"), nodata=0)
    heard = listen()
    result, model, _ = normalize([blank, image], heard, reference=reference)
    assert (result.images_used, result.images_skipped) == (1, 1)
    assert heard.warnings == ["blank.tif has no valid pixels; it was copied unchanged."]
    assert model.of("blank").gains == (1.0,) * BANDS


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"samples": 5}, "Samples: 5 is below 100."),
        ({"classes": 6}, "Classes: 6 is above 5."),
        ({"fraction": 0}, "Fraction drawn: 0 is below 0.01."),
        ({"seed": -1}, "Seed: -1 is below 0."),
    ],
)
def test_wrong_options_are_refused(how, sentence, tmp_path):
    with pytest.raises(InvalidOption) as error:
        Request(images=("a.tif",), reference="b.tif", output_folder=str(tmp_path), **how)
    assert str(error.value) == sentence


@pytest.mark.parametrize("questions", [0, 2, 5])
def test_a_cancelled_run_leaves_nothing(questions, ends, normalize, listen, tmp_path):
    reference, image = ends
    with pytest.raises(Cancelled):
        normalize([image], listen(cancel_after=questions), reference=reference)
    assert not list((tmp_path / "out0").glob("*"))
