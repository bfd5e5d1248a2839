# SPDX-License-Identifier: GPL-2.0-or-later
"""Models of others and of earlier runs, masks, groups and the common level."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.operations.globalregression import Request, run
from orthoweave.core.progress import SILENT
from orthoweave.core.radiometry.adjustments import load_adjustments
from orthoweave.core.raster import bytes_read, open_image

from .readback import waves

X, Y = 500000.0, 5000000.0
GAINS = {"a": 1.0, "b": 0.8, "c": 1.25, "d": 0.9, "e": 1.1}
SIZE, STEP = 300, 200
"""Images of SIZE × SIZE pixels follow one another, STEP columns apart."""


SCENE = waves(2, SIZE, 1200)


def piece(name):
    col = STEP * "abcde".index(name)
    return np.rint(SCENE[:, :, col : col + SIZE] * GAINS[name]).astype("uint16")


@pytest.fixture
def row(write):
    """Write images that overlap their neighbors: row("abc") -> paths."""

    def make(names="abcd", **how):
        paths = []
        for name in names:
            east = X + 10 * STEP * "abcde".index(name)
            transform = (east, 10.0, 0.0, Y, 0.0, -10.0)
            # blocks as small as the test: what is read is counted in blocks
            options = ("TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16")
            path = write(f"{name}.tif", piece(name), transform=transform, options=options, **how)
            paths.append(path)
        return tuple(paths)

    return make


@pytest.fixture
def solved(tmp_path):
    """Run and return (result, model): solved(paths, "name", **options)."""

    def make(images, title, progress=SILENT, **how):
        folder, model = tmp_path / title, tmp_path / f"{title}.json"
        result = run(
            Request(images=images, output_folder=str(folder), output_model=str(model), **how),
            progress,
        )
        return result, load_adjustments(str(model))

    return make


def values(path):
    image = open_image(path)
    return image.read(image.grid.window).values


def test_a_loaded_model_gives_the_same_again_and_reads_pixels_only_to_write(
    row, solved, tmp_path, listen
):
    paths = row()
    first, model = solved(paths, "one")
    sources = sum(piece(name).nbytes for name in "abcd")
    started = bytes_read()
    heard = listen()
    known = {"load_adjustments": str(tmp_path / "one.json")}
    again, same = solved(paths, "two", heard, **known)
    # once to write; the middle of the first image would be looked at for decimal numbers only
    assert bytes_read() - started == sources
    for old, new in zip(model.images, same.images):
        np.testing.assert_allclose(new.gains, old.gains, rtol=1e-6)
        assert (new.whole, new.overlaps) == (old.whole, old.overlaps)
    assert again.pairs == first.pairs == 3
    # one mean of each whole overlap hides differences inside it
    (told,) = [text for text in heard.warnings if "known from" in text]
    assert told.startswith("3 overlaps are known from the given model")


def test_only_pixels_of_a_new_image_and_of_its_overlaps_are_read(row, solved, tmp_path):
    solved(row("abc"), "old")
    started = bytes_read()
    _, added = solved(row("abcd"), "new", load_adjustments=str(tmp_path / "old.json"),
                      write_images=False)  # fmt: skip
    read = bytes_read() - started
    # all of d, and of c the columns from 200 on that lie under it, in pieces of 128 columns
    assert read == piece("d").nbytes + piece("c")[:, :, 128:].nbytes
    _, full = solved(row("abcd"), "full")
    for old, new in zip(full.images, added.images):
        np.testing.assert_allclose(new.gains, old.gains, rtol=2e-4)
        assert new.whole == old.whole
        assert [name for name, _ in new.overlaps] == [name for name, _ in old.overlaps]


@pytest.mark.parametrize("datum", ["set", "images"])
def test_kept_images_keep_their_numbers_to_the_last_bit(datum, row, solved, tmp_path):
    _, old = solved(row("abc"), "old")
    _, new = solved(row("abcd"), "new", load_adjustments=str(tmp_path / "old.json"),
                    keep_adjustments=True, datum=datum)  # fmt: skip
    for name in "abc":
        assert new.of(name).gains == old.of(name).gains
        assert new.of(name).offsets == old.of(name).offsets
    # d meets the level that a, b and c have by now
    wanted = old.of("c").gains[0] * GAINS["c"] / GAINS["d"]
    assert new.of("d").gains[0] == pytest.approx(wanted, rel=2e-3)


def test_images_of_the_model_that_are_not_given_take_part_and_are_not_written(
    row, solved, tmp_path
):
    row("abc")
    _, old = solved(row("abc"), "old")
    result, new = solved(row("cd"), "new", load_adjustments=str(tmp_path / "old.json"),
                         model_images=("a",))  # fmt: skip
    assert [Path(path).name for path in result.output_layers] == ["c_Global.tif", "d_Global.tif"]
    assert new.names == ("a", "b", "c", "d")
    assert (new.of("a").gains, new.of("a").offsets) == ((1.0, 1.0), (0.0, 0.0))
    assert new.of("d").gains[0] == pytest.approx(GAINS["a"] / GAINS["d"], rel=2e-3)
    assert result.gain_max == max(g for name in "cd" for g in new.of(name).gains)


def test_a_model_of_the_seed_system_is_read(row, solved, tmp_path):
    solved(row("abc"), "old")
    content = json.loads((tmp_path / "old.json").read_text("utf-8"))
    for entry in content.values():
        del entry["orthoweave"]
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(content), "utf-8")
    _, new = solved(row("abcd"), "new", load_adjustments=str(seed))
    _, full = solved(row("abcd"), "full")
    np.testing.assert_allclose(
        [image.gains for image in new.images], [image.gains for image in full.images], rtol=2e-3
    )


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        ("{", InvalidOption, "known.json is not JSON"),
        ({"a": {"adjustments": {"band_0": {"scale": 1}}}}, InvalidOption,
         'known.json: a / adjustments / band_0 has no "offset".'),
        ({"a": {"adjustments": {"band_0": {"scale": 1, "offset": 0}}}}, InvalidOption,
         "known.json: a / adjustments has 1 band and a.tif 2. Give the model of images with the "
         "same bands."),
        ({"a": {"adjustments": {f"band_{k}": {"scale": 1, "offset": 0} for k in range(2)},
                "whole_stats": {"band_0": {"mean": 1, "std": 1, "size": 9}}}}, InvalidOption,
         "known.json: a / whole_stats has 1 band and a.tif 2."),
        ({"a": {"adjustments": {f"band_{k}": {"scale": 1, "offset": 0} for k in range(2)},
                "overlap_stats": {"b": {"band_0": {"mean": 1, "std": 1, "size": 9}}}}},
         InvalidOption, "known.json: a / overlap_stats / b has 1 band and a.tif 2."),
        ({"a": {"adjustments": {f"band_{k}": {"scale": 1, "offset": 0} for k in range(2)},
                "orthoweave": {"lookup": {f"band_{k}": {"x": [1], "y": [2]} for k in range(2)}}}},
         InvalidOption, "known.json: a has a lookup curve; only gains and offsets can be known"),
        (None, ImageIOError, "known.json cannot be read"),
    ],
)  # fmt: skip
def test_a_wrong_model_is_refused_before_pixels_are_read(
    content, error, sentence, row, solved, tmp_path
):
    path = tmp_path / "known.json"
    if content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, "utf-8")
    paths = row("ab")
    started = bytes_read()
    with pytest.raises(error) as found:
        solved(paths, "out", load_adjustments=str(path))
    assert str(found.value).startswith(sentence)
    assert bytes_read() == started


def test_keeping_needs_something_to_keep(row, solved):
    with pytest.raises(InvalidOption, match="KEEP_ADJUSTMENTS needs LOAD_ADJUSTMENTS"):
        solved(row("ab"), "out", keep_adjustments=True)


def test_only_the_model_is_saved_when_no_images_are_wanted(row, solved, tmp_path):
    result, model = solved(row("ab"), "out", write_images=False)
    assert result.output_layers == () and result.images_used == 2
    assert not list((tmp_path / "out").glob("*.tif"))
    assert model.of("b").gains[0] / model.of("a").gains[0] == pytest.approx(1.25, rel=2e-3)


def test_soft_anchors_leave_larger_differences_than_the_exact_level(row, solved):
    paths = row("abc")
    results = {datum: solved(paths, datum, datum=datum)[0] for datum in ("set", "images")}
    assert results["set"].mean_difference_after < 0.1
    assert results["images"].mean_difference_after > 1


def far(write, names, **how):
    """Two groups: a and b as they are, d and e far away and darker."""
    paths = []
    for name in names:
        east = X + 10 * STEP * "abcde".index(name) + (1e5 if name in "de" else 0)
        dark = 0.5 if name in "de" else 1.0
        paths.append(write(f"{name}.tif", (piece(name) * dark).astype("float32"),
                           transform=(east, 10.0, 0.0, Y, 0.0, -10.0), **how))  # fmt: skip
    return tuple(paths)


def level(paths, result):
    """Mean and spread of a group, weighted by pixels."""
    found = [values(path) for path in result.output_layers if Path(path).name[0] in paths]
    return np.mean([f.mean((1, 2)) for f in found], 0), np.mean([f.std((1, 2)) for f in found], 0)


def test_aligned_groups_get_one_mean_and_spread(write, solved):
    paths = far(write, "abde")
    apart, _ = solved(paths, "separate")
    together, _ = solved(paths, "align", groups="align")
    assert apart.group_count == together.group_count == 2
    assert (level("de", apart)[0] < 0.7 * level("ab", apart)[0]).all()
    for one, other in zip(level("ab", together), level("de", together)):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_with_a_model_image_other_groups_are_brought_to_it_and_lone_images_stay(
    write, solved, listen
):
    paths = far(write, "abde")
    lone = write("z.tif", piece("c").astype("float32"),
                 transform=(X + 9e5, 10.0, 0.0, Y, 0.0, -10.0))  # fmt: skip
    result, model = solved((*paths, lone), "align", groups="align", model_images=("b",))
    np.testing.assert_array_equal(values(result.output_layers[1]), piece("b").astype("float32"))
    np.testing.assert_array_equal(values(result.output_layers[4]), piece("c").astype("float32"))
    mean = level("de", result)[0]
    np.testing.assert_allclose(mean, piece("b").mean((1, 2)), rtol=1e-4)
    assert model.of("z").gains == (1.0, 1.0)


def test_the_smallest_overlap_decides_which_pairs_are_used(row, solved):
    paths = row("abc")
    most = (SIZE - STEP) * SIZE
    assert solved(paths, "used", min_overlap=most)[0].pairs == 2
    result, model = solved(paths, "unused", min_overlap=most + 1)
    assert (result.pairs, result.pairs_skipped, result.group_count) == (0, 2, 3)
    assert all(image.gains == (1.0, 1.0) for image in model.images)


def test_without_weight_of_spreads_only_offsets_change(row, solved):
    _, model = solved(row("abc"), "offsets", std_factor=0)
    assert all(image.gains == (1.0, 1.0) for image in model.images)
    assert model.of("b").offsets[0] > 100


def spoiled(row, write):
    """Images a and b, where a part of b that a sees too is spoiled; and the spoiled columns."""
    a, _ = row("ab")
    bad = piece("b")
    bad[:, :, 20:60] = 9000
    b = write("b.tif", bad, transform=(X + 10 * STEP, 10.0, 0.0, Y, 0.0, -10.0))
    good = np.ones((SIZE, SIZE), "uint8")
    good[:, 20:60] = 0
    return (a, b), good


@pytest.mark.parametrize("how", ["folder", "pattern", "extension", "smaller grid"])
def test_masks_choose_the_pixels_of_each_image(how, row, write, solved, tmp_path):
    paths, good = spoiled(row, write)
    at = (X + 10 * STEP, 10.0, 0.0, Y, 0.0, -10.0)
    write("masks/a_PIF.tif", np.ones((SIZE, SIZE), "uint8"), transform=(X, *at[1:]))
    if how == "smaller grid":  # what the mask does not cover is not used
        write("masks/b_PIF.tif", good[:200, :80], transform=at)
    else:
        write("masks/b_PIF.tif", good * 7, transform=at, nodata=255)
    text = {"folder": "masks", "pattern": "masks/$_PIF"}.get(how, "masks/$_PIF.tif")
    result, model = solved(paths, "out", selection_masks=str(tmp_path / text), robust=False)
    assert model.of("b").gains[0] / model.of("a").gains[0] == pytest.approx(1.25, rel=3e-3)
    height, width = (200, 80) if how == "smaller grid" else (SIZE, SIZE - STEP)
    assert model.of("b").overlaps[0][1][0].size == height * (width - 40)
    assert values(result.output_layers[1]).shape == (2, SIZE, SIZE)


def test_masks_go_by_equal_names_and_a_missing_one_is_an_error(row, write, solved, tmp_path):
    paths, good = spoiled(row, write)
    write("masks/a_PIF.tif", good)
    write("masks/bb_PIF.tif", good)
    with pytest.raises(InvalidOption, match=r"b\.tif has no mask: there is no b_PIF in .*masks"):
        solved(paths, "out", selection_masks=str(tmp_path / "masks"))
    with pytest.raises(InvalidOption, match="neither a folder nor a path with"):
        solved(paths, "out", selection_masks=str(tmp_path / "mask.tif"))


def test_a_mask_that_leaves_nothing_is_an_error(row, write, solved, tmp_path):
    paths = row("ab")
    for name in "ab":
        write(f"masks/{name}_PIF.tif", np.zeros((SIZE, SIZE), "uint8"))
    with pytest.raises(InvalidOption, match=r"leaves no pixel of a\.tif .* SELECTION_MASKS"):
        solved(paths, "out", selection_masks=str(tmp_path / "masks"))


def test_saturated_pixels_count_when_asked_for(row, write, solved):
    paths = row("ab")
    bright = piece("b")
    bright[:, ::3, ::3] = 65535
    b = write("b.tif", bright, transform=(X + 10 * STEP, 10.0, 0.0, Y, 0.0, -10.0))
    clean = solved(paths, "clean")[1].of("b")
    ignored = solved((paths[0], b), "ignored", robust=False)[1].of("b")
    counted = solved((paths[0], b), "counted", robust=False, ignore_saturated=False)[1].of("b")
    assert ignored.gains[0] == pytest.approx(clean.gains[0], rel=0.005)
    assert ignored.whole[0].size == SIZE * SIZE - 100 * 100
    assert counted.whole[0].size == SIZE * SIZE
    assert abs(counted.gains[0] / clean.gains[0] - 1) > 0.1


def test_wrapped_values_of_real_images_do_not_move_gains(shared, write, solved, tmp_path):
    from osgeo import gdal

    folder = shared / "versailles_s2_l8"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    stacks = {}
    for day in ("2019-07-03", "2019-07-08"):
        files = sorted(folder.glob(f"{day}*L2A_band_B0?.tif"))
        stacks[day] = np.stack([gdal.Open(str(path)).ReadAsArray() for path in files])
    wrong = np.any([values > 60000 for values in stacks.values()], axis=(0, 1))
    assert 20 < wrong.sum() < 100  # a little below 0, wrapped round
    models = []
    for suffix, how in (("", {}), ("_m", {"selection_masks": str(tmp_path / "good")})):
        paths = []
        for day, values in stacks.items():
            write(f"good/{day}{suffix}_PIF.tif", np.uint8(~wrong))
            paths.append(write(f"{day}{suffix}.tif", values, nodata=0))
        models.append(solved(tuple(paths), f"out{suffix}", robust=False, **how)[1])
    for plain, masked in zip(models[0].images, models[1].images):
        np.testing.assert_allclose(plain.gains, masked.gains, rtol=0.005)


def test_a_few_wild_decimal_numbers_do_not_move_gains(row, write, solved):
    a, _ = row("ab")
    b = piece("b").astype("float32")
    gains = []
    for hot in (False, True):
        if hot:
            b[:, 40::97, 20::89] = 1e6
        path = write("b.tif", b, transform=(X + 10 * STEP, 10.0, 0.0, Y, 0.0, -10.0))
        # a sets the level: whole spreads, which fix that of a set, do hold the wild values
        gains.append(solved((a, path), f"hot{hot}", model_images=("a",))[1].of("b").gains)
    np.testing.assert_allclose(gains[1], gains[0], rtol=0.005)
