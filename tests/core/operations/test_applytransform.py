# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption
from orthoweave.core.exchange.transform import SavedTransform, Side, write_transform
from orthoweave.core.operations.applytransform import Request, run
from orthoweave.core.raster import open_image
from orthoweave.core.transform.bspline import BSplineField
from orthoweave.core.transform.correction import Correction, frame_at
from orthoweave.core.transform.models import Linear

X, Y = 500000.0, 5000000.0
SIZE = (150, 170)
RNG = np.random.default_rng(1)
AREAS = np.kron(RNG.integers(1, 9, (15, 17)), np.ones((10, 10))).astype("uint8")
SHIFT = Linear("translation", shift=(34.0, -22.0), y_up=True)


def turn(degrees, shift=(34.0, -22.0)):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return Linear("rigid", ((c, -s), (s, c)), shift, y_up=True)


def field():
    return BSplineField((-1000.0, 900.0), (150.0, -150.0), *RNG.normal(0, 4, (2, 13, 14)))


def ground(x, y):
    """What truly lies somewhere, 20 to 180: waves of 500 to 1000 m."""
    x, y = x - X, y - Y
    return 100 + 45 * np.sin(x / 85) * np.cos(y / 115) + 30 * np.sin((x + y) / 155)


def centers(transform=(X, 10.0, 0.0, Y, 0.0, -10.0), size=SIZE):
    rows, cols = np.indices(size) + 0.5
    a, b, c, d, e, f = transform
    return a + b * cols + c * rows, d + e * cols + f * rows


@pytest.fixture
def saved(write, tmp_path):
    """Write a transform: saved(linear, field) -> path."""
    path = write("reference grid.tif", np.zeros(SIZE, "uint8"))
    grid = open_image(path).grid

    def make(linear=SHIFT, field=None, name="t.json", **members):
        frame = frame_at(X + 850, Y - 750, geographic=False)
        correction = Correction(grid.crs, frame, linear, field)
        told = SavedTransform(
            correction, Side("moving", grid), Side("reference", grid), linear.kind, linear.kind
        )
        return write_transform(str(tmp_path / name), replace(told, **members))

    make.correction = lambda linear, field=None: Correction(
        grid.crs, frame_at(X + 850, Y - 750, geographic=False), linear, field
    )
    return make


@pytest.fixture
def apply(tmp_path, read_back):
    """Run applytransform and read its output with plain GDAL."""
    count = iter(range(100))

    def make(image, transform, progress=None, **options):
        output = options.pop("output", str(tmp_path / "out" / f"{next(count)}.tif"))
        request = Request(image=image, transform=transform, output=output, **options)
        result = run(*([request, progress] if progress else [request]))
        found = read_back(result.output)
        found.result, found.path = result, result.output
        return found

    return make


def inner(valid, rim=4):
    found = valid.copy()
    found[:rim] = found[-rim:] = found[:, :rim] = found[:, -rim:] = False
    for axis in (0, 1):
        for step in range(-rim, rim + 1):
            found &= np.roll(valid, step, axis)
    return found


@pytest.mark.parametrize("kind", ["shift", "turn", "field"])
def test_the_ground_comes_back(kind, saved, apply, write):
    parts = {"shift": (SHIFT, None), "turn": (turn(0.7), None), "field": (turn(0.1), field())}[kind]
    scene = ground(*saved.correction(*parts).inverse()(*centers()))
    image = write("moving.tif", np.stack([scene, 2 * scene]).astype("float32"), names=("a", "b"))
    found = apply(image, saved(*parts))
    good = inner(found.valid)
    want = ground(*centers())
    # the steepest slope is .8 DN a metre: .005 DN are .0006 px of 10 m
    assert good.mean() > 0.8 and np.abs(found.values[0] - want)[good].max() < 0.005
    np.testing.assert_allclose(found.values[1][good], 2 * found.values[0][good], rtol=1e-5)
    assert open_image(found.path).grid == open_image(image).grid
    assert [found.dataset.GetRasterBand(b).GetDescription() for b in (1, 2)] == ["a", "b"]
    assert math.isnan(found.nodata)


@pytest.mark.parametrize("kind", ["shift", "field"])
def test_the_way_back_is_the_inverse(kind, saved, apply, write):
    parts = {"shift": (SHIFT, None), "field": (turn(0.1), field())}[kind]
    image = write("aligned.tif", ground(*centers()).astype("float32"))
    found = apply(image, saved(*parts), direction="inverse")
    want = ground(*saved.correction(*parts).inverse()(*centers()))
    assert np.abs(found.values[0] - want)[inner(found.valid)].max() < 0.005
    there = apply(found.path, saved(*parts), resampling="bspline")
    assert np.abs(there.values[0] - ground(*centers()))[inner(there.valid, 8)].max() < 0.01


@pytest.mark.parametrize(
    ("image", "options"),
    [("turn", {}), ("field", {"resampling": "bspline"}), ("shift", {"resampling": "lanczos"})],
)
def test_windows_and_threads_change_nothing(image, options, saved, apply, layer):
    parts = {"shift": (SHIFT, None), "turn": (turn(0.7), None), "field": (turn(0.1), field())}[
        image
    ]
    made, transform = layer("a.tif", "nodata", "uint16", size=(300, 280)), saved(*parts)
    found = [
        apply(made.path, transform, **options, **how)
        for how in ({"threads": 1}, {"threads": 4, "window_size": 128}, {"window_size": 37})
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0].values, other.values)
        np.testing.assert_array_equal(found[0].valid, other.valid)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_stands_in_holes_changes_nothing(dtype, saved, apply, write):
    scene = ground(*centers()).astype(dtype)
    holes = np.zeros(SIZE, bool)
    holes[40:60, 70:75] = holes[100, 20:120] = holes[::17, ::13] = True
    numbers = (
        (0, 255) if dtype == "uint8" else (0, 65535) if dtype == "uint16" else (0, -9999, np.nan)
    )
    transform, results = saved(turn(0.7)), []
    for number in numbers:
        values = np.where(holes, np.array(number, dtype), scene)
        image = write(f"{number}.tif", np.stack([values, values]), nodata=number)
        results.append(apply(image, transform, output_nodata=1 if dtype != "float32" else None))
    masked = write("masked.tif", np.stack([scene, scene]), mask=~holes)
    results.append(apply(masked, transform))
    for found in results:
        np.testing.assert_array_equal(found.valid, results[0].valid)
        np.testing.assert_array_equal(
            found.values[:, found.valid], results[0].values[:, found.valid]
        )
    values = results[0].values[0][results[0].valid]
    assert values.min() >= scene[~holes].min() - 1 and values.max() <= scene[~holes].max() + 1
    assert results[0].valid.sum() > 0.98 * (~holes).sum() * 0.95


def test_valid_zeros_stay_and_no_nodata_value_is_made_up(saved, apply, write):
    values = np.zeros((2, *SIZE), "uint8")
    values[:, :, 100:] = RNG.integers(1, 255, (2, SIZE[0], 70))
    found = apply(write("zeros.tif", values), saved())
    assert found.nodata is None and found.flags == 2  # one mask for all bands
    assert found.valid[20:140, 4:90].all() and (found.values[:, 20:140, 10:90] == 0).all()
    # only what the image does not show: 3.4 columns at the right, 2.2 rows below
    assert not found.valid[:, -3:].any() and found.valid[:, :-4].all(1).sum() == SIZE[0] - 2


def test_results_are_rounded_half_to_even(saved, apply, write):
    scene = ground(*saved.correction(turn(0.7)).inverse()(*centers()))
    exact = apply(write("exact.tif", np.rint(scene).astype("float32")), saved(turn(0.7)))
    found = apply(write("rounded.tif", np.rint(scene).astype("uint8")), saved(turn(0.7)))
    good = inner(found.valid)
    bias = (found.values[0][good] - exact.values[0][good].astype(float)).mean()
    # rounding errors of 20000 pixels, .29 each, leave .002
    assert abs(bias) < 0.01
    np.testing.assert_array_equal(found.values[0][good], np.rint(exact.values[0][good]))


def test_values_that_look_like_nodata_are_moved_and_said(saved, apply, write, listen):
    values = np.full(SIZE, 7, "uint8")
    values[:, :20] = 9
    heard = listen()
    found = apply(write("seven.tif", values, nodata=9), saved(), heard, output_nodata=7)
    assert found.nodata == 7 and set(found.values[0][found.valid].tolist()) <= {6, 8}
    count = found.result.moved_from_nodata
    assert count == found.valid.sum() > 0
    assert any(
        f"{count} values of valid pixels" in text and "(7)" in text for text in heard.warnings
    )


@pytest.mark.parametrize("kind", ["classes", "mask", "palette"])
def test_labels_stay_what_they_are(kind, saved, apply, write, listen):
    values = {"classes": AREAS, "mask": (AREAS > 4) * np.uint8(255), "palette": AREAS}[kind]
    path = write(f"{kind}.tif", values)
    if kind == "palette":
        from osgeo import gdal

        dataset, table = gdal.Open(path, gdal.GA_Update), gdal.ColorTable()
        table.SetColorEntry(3, (10, 20, 30, 255))
        dataset.GetRasterBand(1).SetColorTable(table)
        del dataset
    heard = listen()
    found = apply(path, saved(turn(0.7)), heard)
    assert set(np.unique(found.values[0][found.valid])) == set(np.unique(values))
    assert found.values.dtype == np.uint8 and any(
        "nearest neighbor" in text for text in heard.infos
    )
    if kind == "palette":
        table = found.dataset.GetRasterBand(1).GetColorTable()
        assert table.GetColorEntry(3) == (10, 20, 30, 255)


def test_alpha_stays_alpha(saved, apply, layer):
    made = layer("alpha.tif", "soft", "uint8", bands=3)
    found = apply(made.path, saved(turn(0.7)))
    assert found.alpha is not None and found.dataset.RasterCount == 4
    inside = found.alpha[found.valid]
    assert inside.min() > 0 and len(np.unique(inside)) > 20


def test_a_finer_raster_follows(saved, apply, write):
    at = (X, 2.5, 0.0, Y, 0.0, -2.5)
    size = (SIZE[0] * 4, SIZE[1] * 4)
    scene = ground(*saved.correction(turn(0.7)).inverse()(*centers(at, size)))
    found = apply(write("pan.tif", scene.astype("float32"), transform=at), saved(turn(0.7)))
    good = inner(found.valid, 3)
    # .02 px of 10 m are .16 DN on the steepest slope
    assert np.abs(found.values[0] - ground(*centers(at, size)))[good].max() < 0.01
    assert found.valid[20:-40, 20:-40].all()
    onto = apply(
        write("pan2.tif", scene.astype("float32"), transform=at),
        saved(turn(0.7)),
        output_grid="reference",
    )
    assert onto.transform[1] == 2.5 and (onto.transform[0] - X) % 2.5 == 0


def test_a_template_gives_its_grid(saved, apply, write):
    scene = ground(*saved.correction(turn(0.7)).inverse()(*centers()))
    image = write("moving.tif", scene.astype("float32"))
    at, size = (X + 203.0, 7.0, 1.0, Y - 300.0, 1.0, -7.0), (60, 80)
    template = write("template.tif", np.zeros(size, "uint8"), transform=at)
    found = apply(image, saved(turn(0.7)), output_grid="template", template=template)
    assert found.transform == at and found.valid.all()
    assert np.abs(found.values[0] - ground(*centers(at, size))).max() < 0.005


def test_a_template_elsewhere_is_refused(saved, apply, write):
    image = write("moving.tif", np.ones(SIZE, "uint8"))
    template = write("far.tif", np.zeros((9, 9), "uint8"), transform=(X + 9e4, 10, 0, Y, 0, -10))
    with pytest.raises(IncompatibleImages, match=r"does not reach TEMPLATE far\.tif"):
        apply(image, saved(), output_grid="template", template=template)


def test_a_strength_of_zero_changes_nothing(saved, apply, layer):
    made = layer("a.tif", "nodata", "uint8")
    found = apply(made.path, saved(turn(0.7), field()), strength=0)
    np.testing.assert_array_equal(found.valid, made.valid)
    # a sample that is valid and has the nodata value is moved beside it
    want = np.maximum(made.values, 1)[:, made.valid]
    np.testing.assert_array_equal(found.values[:, made.valid], want)
    assert found.result.moved_from_nodata == (made.values[:, made.valid] == 0).sum()


def checksums(dataset):
    bands = [dataset.GetRasterBand(b + 1) for b in range(dataset.RasterCount)]
    return [band.Checksum() for band in bands] + [bands[0].GetMaskBand().Checksum()]


@pytest.mark.parametrize("kind", ["nodata", "alpha", "internal", "msk", "none"])
def test_a_geotransform_moves_no_pixel(kind, saved, apply, layer):
    from osgeo import gdal

    made = layer("a.tif", kind, "uint8", bands=3)
    before = gdal.Open(made.path)
    for degrees in (0.0, 3.0):
        parts = turn(degrees) if degrees else SHIFT
        found = apply(made.path, saved(parts), correction="geotransform")
        assert checksums(found.dataset) == checksums(before)
        assert found.nodata == before.GetRasterBand(1).GetNoDataValue()
        correction, old = saved.correction(parts), before.GetGeoTransform()
        for col, row in ((0, 0), (60, 0), (0, 50), (60, 50)):
            new = gdal.ApplyGeoTransform(found.transform, col, row)
            assert correction(*new) == pytest.approx(
                gdal.ApplyGeoTransform(old, col, row), abs=1e-6
            )
        assert (found.transform[2] != 0) == bool(degrees)
        assert not list(Path(found.path).parent.glob("*.msk"))


def test_a_geotransform_can_be_cloud_optimized_and_undone(saved, apply, layer, read_back):
    made = layer("a.tif", "nodata", "uint8", bands=2)
    found = apply(made.path, saved(), correction="geotransform", cog=True)
    assert found.dataset.GetMetadata("IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    back = apply(found.path, saved(), correction="geotransform", direction="inverse")
    assert back.transform == pytest.approx(read_back(made.path).transform, abs=1e-6)


def test_blanks_umlauts_and_dots_in_names(saved, apply, layer, tmp_path):
    made = layer("mit Blank.v1.2/Ä ö.tif", "nodata", "uint8")
    folder = "x" * 80
    output = str(tmp_path / "aus gabe.v2" / folder / folder / "ü 1.5.tif")
    transform = saved(name="tr äns.form/t 1.0.json")
    assert apply(made.path, transform, output=output).valid.any()
    assert len(output) > 200


def test_a_cancelled_run_leaves_nothing(saved, layer, tmp_path, listen):
    made, transform = layer("a.tif", "nodata", "uint8", size=(600, 700)), saved(turn(0.7))
    for correction in ("resample", "geotransform"):
        for asked in range(4):
            output = tmp_path / f"out {correction}" / "a.tif"
            request = Request(
                image=made.path, transform=transform, output=str(output), correction=correction
            )
            with pytest.raises(Cancelled):
                run(request, listen(asked))
            assert not [path for path in output.parent.rglob("*") if path.is_file()]


def test_an_image_beside_the_area_is_warned_about(saved, apply, write, listen):
    heard = listen()
    at = (X + 11700.0, 10.0, 0.0, Y, 0.0, -10.0)
    apply(write("far.tif", np.ones(SIZE, "uint8"), transform=at), saved(), heard)
    assert any("lies 10000 m from the area of the transform" in text for text in heard.warnings)


def test_mixing_classes_is_warned_about(saved, apply, write, listen):
    from osgeo import gdal

    path = write("palette.tif", AREAS)
    dataset, table = gdal.Open(path, gdal.GA_Update), gdal.ColorTable()
    table.SetColorEntry(3, (10, 20, 30, 255))
    dataset.GetRasterBand(1).SetColorTable(table)
    del dataset
    heard = listen()
    apply(path, saved(), heard, resampling="bilinear")
    assert any("bilinear mixes the numbers of its classes" in text for text in heard.warnings)


@pytest.mark.noisy
def test_bad_input_gives_its_sentence(saved, write, tmp_path):
    image, good = write("a.tif", np.ones(SIZE, "uint8")), saved()
    bent = saved(SHIFT, field(), "bent.json")
    refused = saved(name="no.json", accepted=False, reason="3 px after.")
    for given, kind, sentence in (
        ({"transform": None}, InvalidOption, r"Transform \(TRANSFORM\) is missing\."),
        ({"transform": image}, InvalidOption, r"a\.tif is not an Orthoweave transform\."),
        (
            {"transform": refused},
            InvalidOption,
            r"no\.json was refused when it was made: 3 px after",
        ),
        (
            {"image": write("b.tif", np.ones(SIZE), crs=None)},
            IncompatibleImages,
            r"IMAGE b\.tif has no coordinate reference system\. Assign one",
        ),
        ({"strength": math.nan}, InvalidOption, r"Strength: nan is not a finite number\."),
        (
            {"transform": bent, "correction": "geotransform"},
            InvalidOption,
            r"A local field cannot be stored in a geotransform\. Use CORRECTION = resample\.",
        ),
        (
            {"transform": bent, "strength": 400},
            InvalidOption,
            r"Strength: with 400 the local field folds over near",
        ),
        (
            {"output_grid": "template"},
            InvalidOption,
            r"OUTPUT_GRID=template and a raster in TEMPLATE belong together",
        ),
        ({"template": image}, InvalidOption, r"belong together"),
        (
            {"correction": "geotransform", "output_type": "int16"},
            InvalidOption,
            r"OUTPUT_TYPE: CORRECTION=geotransform leaves all pixels",
        ),
        ({"output_nodata": 300}, InvalidOption, r"300 does not fit pixels of type uint8"),
        ({"valid_weight": 0}, InvalidOption, r"Least valid weight: 0 is below 0\.001"),
        (
            {"resampling": "average"},
            InvalidOption,
            r"Resampling: 'average' is not one of auto, nearest",
        ),
        ({"output": image}, InvalidOption, r"overwrite the input a\.tif"),
        ({"output": good}, InvalidOption, r"must end with \.tif"),
    ):
        values = {"image": image, "transform": good, "output": str(tmp_path / "o.tif")}
        with pytest.raises(kind, match=sentence):
            run(Request(**{**values, **given}))
    assert not (tmp_path / "o.tif").exists()


def test_a_refused_transform_is_applied_when_that_is_asked_for(saved, apply, layer):
    made = layer("a.tif", "nodata", "uint8")
    refused = saved(accepted=False, reason="3 px after.")
    assert apply(made.path, refused, allow_refused=True).valid.any()
