# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, InvalidOption, OrthoweaveError
from orthoweave.core.operations.trimedges import Request, run
from osgeo import gdal

KINDS = ("nodata", "alpha", "soft", "internal", "msk", "nan")


@pytest.fixture
def trim(tmp_path, read_back):
    """Run the tool and read its output back: trim(path, depth=3)."""
    count = iter(range(200))

    def make(path, progress=None, **options):
        options.setdefault("output", str(tmp_path / "out" / f"t{next(count)}.tif"))
        request = Request(image=path, **options)
        result = run(*([request, progress] if progress else [request]))
        found = read_back(result.output)
        found.result = result
        return found

    return make


def grown(seeds, depth, outside=False):
    """Set every pixel with a seed at most depth rows and columns away, one by one."""
    padded = np.pad(seeds, depth, constant_values=outside)
    out = np.zeros(seeds.shape, bool)
    for row, col in np.ndindex(*seeds.shape):
        out[row, col] = padded[row : row + 2 * depth + 1, col : col + 2 * depth + 1].any()
    return out


def holed(shape=(60, 70)):
    """A wedge at the frame, a hole, a speck."""
    invalid = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) < 14
    invalid[30:36, 40:47] = True
    invalid[50, 20] = True
    return invalid


def picture(invalid, bands=2, dtype="uint8"):
    values = np.random.default_rng(1).integers(1, 250, (bands, *invalid.shape)).astype(dtype)
    return np.where(invalid, values.dtype.type(0), values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [1, 4])
def test_the_rim_is_cut_however_a_file_says_what_is_valid(layer, trim, kind, depth):
    dtype = "float32" if kind == "nan" else "uint16"
    image = layer("a.tif", kind, dtype, size=(70, 60))
    invalid = ~image.valid
    invalid[:, :] = False
    invalid[5:9, 30:] = True
    invalid[40, 12] = True
    # few holes, so that something is left
    holes = {"alpha": "alpha", "soft": "alpha", "internal": "mask", "msk": "mask"}
    dataset = gdal.Open(image.path, gdal.GA_Update)
    values = dataset.ReadAsArray()
    if kind in holes:
        band = dataset.GetRasterBand(4) if holes[kind] == "alpha" else None
        band = band or dataset.GetRasterBand(1).GetMaskBand()
        band.WriteArray(np.where(invalid, 0, 255).astype("uint8"))
    else:
        mark = np.nan if kind == "nan" else 0
        fill = np.where(values == 0, 1, np.nan_to_num(values, nan=3.0))
        dataset.WriteArray(np.where(invalid, mark, fill).astype(dtype))
    dataset = None
    before = gdal.Open(image.path).ReadAsArray()
    found = trim(image.path, depth=depth)
    truth = grown(invalid, depth)
    np.testing.assert_array_equal(found.valid, ~truth)
    np.testing.assert_array_equal(found.values[:, ~truth], before[:3][:, ~truth])
    assert found.result.trimmed_pixels == (truth & ~invalid).sum()
    if kind == "nodata":
        assert (found.values[:, truth] == 0).all()


@pytest.mark.parametrize("scope", ["all", "border", "frame"])
@pytest.mark.parametrize("under", [0, 2])
def test_regions_are_chosen_by_place_and_size(write, trim, scope, under):
    invalid = holed()
    seeds = invalid.copy()
    if under or scope == "border":
        seeds[50, 20] = False
    if scope == "border":
        seeds[30:36, 40:47] = False
    truth = invalid | grown(seeds, 3, scope == "frame")
    path = write("a.tif", picture(invalid), nodata=0)
    found = trim(path, depth=3, scope=scope, keep_holes_under=under)
    np.testing.assert_array_equal(found.valid, ~truth)
    assert found.result.trimmed_pixels == (truth & ~invalid).sum()


@pytest.mark.parametrize("how", [{}, {"scope": "border"}, {"scope": "frame"}])
def test_windows_and_threads_do_not_matter(write, trim, how):
    rng = np.random.default_rng(5)
    invalid = rng.random((700, 900)) < 0.002
    invalid |= np.add.outer(np.arange(700), np.arange(900)) < 300
    invalid[500:520, :] = True
    path = write("a.tif", picture(invalid, 1), nodata=0)
    truth = trim(path, depth=5, threads=1, keep_holes_under=3, **how)
    for size, threads in ((16, 2), (100, 1), (0, 4)):
        found = trim(path, depth=5, window_size=size, threads=threads, keep_holes_under=3, **how)
        np.testing.assert_array_equal(found.values, truth.values)
        np.testing.assert_array_equal(found.valid, truth.valid)
        assert found.result.trimmed_pixels == truth.result.trimmed_pixels


def test_a_region_that_winds_through_many_windows_is_one(write, trim):
    invalid = np.zeros((1100, 1100), bool)
    invalid[500:510, 100:1000] = invalid[500:1000, 990:1000] = True
    invalid[990:1000, 100:1000] = True
    invalid[700:720, 300:320] = True  # inside the hook, apart from it
    path = write("a.tif", picture(invalid, 1), nodata=0)
    assert trim(path, depth=2, scope="border").result.trimmed_pixels == 0
    invalid[990:, 100:110] = True  # now the hook touches the frame
    path = write("b.tif", picture(invalid, 1), nodata=0)
    found = trim(path, depth=2, scope="border")
    assert not found.valid[502, 98] and found.valid[698, 298]
    # the hook of 23650 px is not under its own size, the square is
    found = trim(path, depth=2, keep_holes_under=23000)
    assert not found.valid[502, 98] and found.valid[698, 298]


def test_depth_zero_changes_nothing(layer, trim):
    image = layer("a.tif", "nodata", "int16")
    for how in ({}, {"scope": "frame"}, {"band": 0}, {"scope": "border"}):
        found = trim(image.path, depth=0, **how)
        np.testing.assert_array_equal(found.valid, image.valid)
        np.testing.assert_array_equal(found.values[:, image.valid], image.values[:, image.valid])
        assert found.result.trimmed_pixels == 0


def test_a_band_is_looked_at_and_all_bands_get_nodata(write, trim):
    values = np.full((3, 30, 30), 9, np.uint8)
    values[1, 10, 10] = values[2, 20, 20] = 0
    path = write("a.tif", values, nodata=0)
    assert trim(path, depth=1).valid.all()
    found = trim(path, depth=1, band=2)
    assert (~found.valid).sum() == 9 and (found.values[:, 9:12, 9:12] == 0).all()
    assert (~trim(path, depth=1, band=0).valid).sum() == 18


def test_values_beyond_limits_are_invalid(write, trim):
    values = np.full((1, 30, 30), 100, np.uint16)
    values[0, 5, 5], values[0, 20, 20] = 7, 60000
    path = write("a.tif", values, nodata=0)
    found = trim(path, depth=2, invalid_below=7, invalid_above=60000)
    assert found.result.trimmed_pixels == 50 and (found.values[0, 3:8, 3:8] == 0).all()
    assert trim(path, depth=2, invalid_below=6.9).result.trimmed_pixels == 0
    # with depth 0 the values themselves become nodata
    assert trim(path, depth=0, invalid_above=60000).result.trimmed_pixels == 1


def test_numbers_beside_nodata_are_nodata(write, trim):
    values = np.full((20, 20), 5, np.float32)
    values[4, 4], values[12, 12] = -3.4028235e38, -3.4028230e38
    found = trim(write("a.tif", values, nodata=-3.4028234663852886e38), depth=1)
    assert (~found.valid).sum() == 18


def test_what_lies_in_holes_changes_nothing(write, trim):
    invalid = holed()
    values = picture(invalid, 2, "float32")
    outputs = []
    for fill in (-9999.0, 0.0, 65535.0, np.nan):
        path = write("a.tif", np.where(invalid, np.float32(fill), values), nodata=fill)
        outputs.append(trim(path, depth=4, scope="border"))
    for found in outputs:
        np.testing.assert_array_equal(found.valid, outputs[0].valid)
        np.testing.assert_array_equal(
            found.values[:, found.valid], outputs[0].values[:, found.valid]
        )


def test_nodata_is_declared_or_given_and_never_invented(write, trim, listen):
    values = picture(holed())
    path = write("a.tif", values)
    with pytest.raises(InvalidOption, match=r"a\.tif declares no nodata value.*Give NODATA"):
        trim(path)
    found = trim(path, depth=3, nodata=0)
    np.testing.assert_array_equal(found.valid, ~grown(holed(), 3))
    assert found.nodata == 0
    heard = listen()
    decimal = picture(holed(), 1, "float32")
    decimal[0][holed()] = np.nan
    found = trim(write("f.tif", decimal), heard, depth=3)
    np.testing.assert_array_equal(found.valid, ~grown(holed(), 3))
    assert np.isnan(found.nodata) and any("become NaN" in text for text in heard.infos)


def test_type_and_nodata_of_the_output_are_chosen(write, trim):
    path = write("a.tif", picture(holed(), dtype="uint16"), nodata=0)
    found = trim(path, depth=3, output_type="float32", output_nodata=-5)
    np.testing.assert_array_equal(found.valid, ~grown(holed(), 3))
    assert found.nodata == -5 and found.values.dtype == np.float32


def test_much_loss_is_remarked_upon(write, trim, listen):
    values = np.random.default_rng(0).integers(0, 20, (1, 60, 60)).astype(np.uint8)
    heard = listen()
    trim(write("a.tif", values, nodata=0), heard, depth=8)
    assert any("of the valid pixels of a.tif were trimmed" in text for text in heard.warnings)
    heard = listen()
    trim(write("b.tif", picture(holed((200, 200))), nodata=0), heard, depth=3)
    assert not heard.warnings


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"band": 5}, r"BAND is 5 but a\.tif has 2 bands"),
        ({"depth": -1}, "Depth: -1 is below 0 px"),
        ({"scope": "rim"}, "Regions: 'rim' is not one of all, border, frame"),
        ({"nodata": -1}, r"-1 does not fit pixels of type uint8, which a\.tif has"),
        ({"keep_holes_under": -2}, "Leave holes alone under: -2 is below 0 px"),
        ({"output": "a.png"}, "must end with .tif"),
    ],
)
def test_bad_options_give_a_sentence(write, trim, options, text):
    with pytest.raises(OrthoweaveError, match=text):
        trim(write("a.tif", picture(holed()), nodata=None if "nodata" in options else 0), **options)


def test_the_image_is_never_overwritten(write, trim, fingerprint, tmp_path):
    path = write("in/a.tif", picture(holed()), nodata=0)
    before = fingerprint(tmp_path / "in")
    with pytest.raises(InvalidOption):
        trim(path, output=path)
    assert fingerprint(tmp_path / "in") == before


def test_a_cancelled_run_leaves_nothing(write, trim, listen, tmp_path):
    path = write("a.tif", picture(holed((600, 600))), nodata=0)
    heard = listen()
    trim(path, heard, scope="border")
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1
    for asked in range(heard.asked - 1):
        output = tmp_path / "none" / "t.tif"
        with pytest.raises(Cancelled):
            trim(path, listen(cancel_after=asked), scope="border", output=str(output))
        assert not output.parent.exists() or not list(output.parent.iterdir())


@pytest.mark.noisy
def test_odd_files_work_or_give_a_sentence(shared, trim):
    done, said = [], []
    for path in sorted((shared / "odd_files").iterdir()):
        if path.suffix.lower() not in (".tif", ".tiff"):
            continue
        for how in ({}, {"scope": "border", "nodata": 0, "keep_holes_under": 9}):
            try:
                trim(str(path), **how)
                done.append(path.name)
            except OrthoweaveError as error:
                said.append(f"{path.name}: {error}")
    assert len(set(done)) >= 15
    assert {text.partition(":")[0] for text in said} >= {"cog_gcps.tif", "slc.tif"}
    assert all(text.rstrip().endswith(".") for text in said)
