# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details
from orthoweave.core.raster import CrsMapping, parse_crs
from orthoweave.core.registration.corrected import corrected, declared, moved_grid, reference_grid
from orthoweave.core.requests.shared.moving import MovedWriting
from orthoweave.core.transform.bspline import BSplineField
from orthoweave.core.transform.correction import Correction, correction_of, frame_at
from orthoweave.core.transform.models import Linear, fit
from orthoweave.core.windows import tiling

UTM, NEXT, DEGREES = (parse_crs(f"EPSG:{code}") for code in (32633, 32632, 4326))
X, Y = 5e5, 5e6
REFERENCE = Grid(200, 180, (X, 10.0, 0.0, Y, 0.0, -10.0), UTM)
FRAME = frame_at(X + 1000, Y - 900, geographic=False)


def turned(degrees, pixel=10.0, width=260, height=250):
    c, s = pixel * math.cos(math.radians(degrees)), pixel * math.sin(math.radians(degrees))
    return Grid(width, height, (X - 800, c, s, Y + 100, s, -c), UTM)


MOVING = {
    "north-up": Grid(200, 180, (X - 4, 10.0, 0.0, Y + 3, 0.0, -10.0), UTM),
    "south-up": Grid(200, 180, (X - 4, 10.0, 0.0, Y - 1797, 0.0, 10.0), UTM),
    "turned by 30 degrees": turned(30),
    "degrees": Grid(260, 180, (14.9995, 1e-4, 0.0, 45.1542, 0.0, -1e-4), DEGREES),
    "another zone": Grid(260, 250, (971500.0, 10.0, 0.0, 5016900.0, 0.0, -10.0), NEXT),
    "twice as coarse": Grid(100, 90, (X - 4, 20.0, 0.0, Y + 3, 0.0, -20.0), UTM),
    "three times as fine": Grid(600, 540, (X - 4, 10 / 3, 0.0, Y + 3, 0.0, -10 / 3), UTM),
}


def turn(degrees, shift=(34.0, -22.0)):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return Linear("rigid", ((c, -s), (s, c)), shift, y_up=True)


def field(size=1.0):
    rng = np.random.default_rng(3)
    return BSplineField((-1400.0, 1300.0), (200.0, -200.0), *rng.normal(0, size, (2, 14, 15)))


CORRECTIONS = {
    "shift": Correction(UTM, FRAME, Linear("translation", shift=(34.0, -22.0), y_up=True)),
    "turn": Correction(UTM, FRAME, turn(0.5)),
    "field": Correction(UTM, FRAME, turn(0.1), field(6.0)),
}


def ground(x, y):
    """What truly lies somewhere: waves of 500 to 1000 m."""
    x, y = x - X, y - Y
    return 100 + 40 * np.sin(x / 85) * np.cos(y / 115) + 30 * np.sin((x + y) / 155)


def centers(grid):
    cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    return grid.to_map(cols, rows)


def image_of(grid, scene, dtype="float32", **how):
    values = scene(*centers(grid))[None].astype(dtype)
    return ArrayImage("moving", grid, values, np.ones(values.shape[1:], bool), **how)


def shown(correction, grid):
    """Return the image in which everything lies where the correction says."""

    def scene(x, y):
        if grid.crs != UTM:
            x, y = CrsMapping(grid.crs, UTM)(x, y)
        return ground(*correction.inverse()(x, y))

    return image_of(grid, scene)


def inner(valid, rim=4):
    """Return pixels that lie well inside the valid ones: at its rim values are held."""
    found = valid.copy()
    for axis in (0, 1):
        for step in range(-rim, rim + 1):
            found &= np.roll(valid, step, axis)
    found[:rim] = found[-rim:] = found[:, :rim] = found[:, -rim:] = False
    return found


@pytest.mark.parametrize("name", CORRECTIONS)
@pytest.mark.parametrize("place", MOVING)
@pytest.mark.parametrize("method", ["cubic", "bspline"])
def test_the_ground_comes_back(place, name, method):
    correction = CORRECTIONS[name]
    image = shown(correction, MOVING[place])
    found = corrected(image, correction, REFERENCE, resampling=method).read(REFERENCE.window)
    good = inner(found.valid)
    assert good.mean() > 0.5
    wrong = np.abs(found.values[0] - ground(*centers(REFERENCE)))[good]
    # .05 px of 10 m would be .5 DN on the steepest slope; 20 m pixels show waves of 530 m with .1,
    # areas of 10 m flatten them by .05
    coarse = {"twice as coarse": 0.1, "three times as fine": 0.08}.get(place, 0.01)
    assert wrong.max() < coarse


@pytest.mark.parametrize("name", CORRECTIONS)
@pytest.mark.parametrize("target", ["turned by 30 degrees", "degrees", "south-up"])
def test_any_target_shows_the_ground(name, target):
    correction, grid = CORRECTIONS[name], MOVING[target]
    found = corrected(shown(correction, MOVING["north-up"]), correction, grid).read(grid.window)
    x, y = centers(grid)
    if grid.crs != UTM:
        x, y = CrsMapping(grid.crs, UTM)(x, y)
    good = inner(found.valid)
    assert good.mean() > 0.4
    assert np.abs(found.values[0] - ground(x, y))[good].max() < 0.01


@pytest.mark.parametrize("name", CORRECTIONS)
def test_an_inverse_moves_the_ground_onto_the_uncorrected_image(name):
    correction, grid = CORRECTIONS[name], MOVING["north-up"]
    truth = shown(correction, grid)
    found = corrected(image_of(REFERENCE, ground), correction.inverse(), grid).read(grid.window)
    good = inner(found.valid)
    assert np.abs(found.values[0] - truth.values[0])[good].max() < 0.01


@pytest.mark.parametrize("place", ["south-up", "turned by 30 degrees", "degrees"])
def test_positions_are_right_to_a_thousandth_of_a_pixel(place):
    correction, target = CORRECTIONS["field"], MOVING[place]
    image = image_of(MOVING["north-up"], ground)
    for placing in (correction, correction.inverse()):
        view = corrected(image, placing, target)
        cols, rows, _ = view._positions(target.window)
        x, y = centers(target)
        if target.crs != UTM:
            x, y = CrsMapping(target.crs, UTM)(x, y)
        want = image.grid.to_pixel(*placing(x, y))
        wrong = np.hypot(cols - (want[0] - 0.5), rows - (want[1] - 0.5))
        assert wrong.max() < 0.001 and view.step >= 1


@pytest.mark.parametrize("name", CORRECTIONS)
@pytest.mark.parametrize("method", ["nearest", "bilinear", "cubic", "lanczos", "bspline"])
def test_windows_do_not_change_a_bit(name, method):
    image = shown(CORRECTIONS[name], MOVING["turned by 30 degrees"])
    image.valid[60:66, 70:90] = False
    view = pickle.loads(
        pickle.dumps(corrected(image, CORRECTIONS[name], REFERENCE, resampling=method))
    )
    whole = view.read(REFERENCE.window)
    for window in [
        *tiling(REFERENCE.window, 64, 96),
        *list(tiling(REFERENCE.window, 1, 1))[:3000:97],
    ]:
        part = view.read(window)
        np.testing.assert_array_equal(part.valid, whole.valid[window.slices])
        np.testing.assert_array_equal(
            part.values, whole.values[:, window.slices[0], window.slices[1]]
        )


def test_areas_are_averaged_when_pixels_are_much_larger():
    fine = Grid(400, 360, (X, 5.0, 0.0, Y, 0.0, -5.0), UTM)
    checks = (np.indices((360, 400)).sum(0) % 2 * 200.0)[None]
    valid = np.ones((360, 400), bool)
    image = ArrayImage("a", fine, checks.astype("float32"), valid)
    still = Correction(UTM, FRAME, Linear("translation", y_up=True))
    found = corrected(image, still, REFERENCE).read(REFERENCE.window)
    assert np.abs(found.values - 100).max() < 1e-3 and found.valid.all()
    # of the four pixels under one, half must be valid
    valid[0, 0] = valid[0, 2:4] = valid[:2, 4:6] = valid[0, 6:8] = valid[1, 6] = False
    found = corrected(image, still, REFERENCE).read(REFERENCE.window)
    assert found.valid[0, :5].tolist() == [True, True, False, False, True]


def test_what_is_valid_follows_the_weight_of_valid_pixels():
    image = image_of(REFERENCE, ground)
    image.valid[90, 100] = False
    shift = Correction(UTM, FRAME, Linear("translation", shift=(3.0, 0.0), y_up=True))
    for weight, row in (
        (0.5, [True, True, False, True]),
        (0.2, [True, True, True, True]),
        (1.0, [True, False, False, True]),
    ):
        found = corrected(image, shift, REFERENCE, valid_weight=weight).read(REFERENCE.window)
        # a pixel is .7 of itself and .3 of the one to its right
        assert found.valid[90, 98:102].tolist() == row, weight


def test_a_grid_of_the_reference_covers_the_corrected_image():
    correction = CORRECTIONS["shift"]
    part = Grid(60, 50, (X + 504, 10.0, 0.0, Y - 497, 0.0, -10.0), UTM)
    image = image_of(part, ground)
    found = reference_grid(image, correction, REFERENCE)
    # true positions are 34 m to the west and 22 m to the north
    assert found.transform == (X + 470, 10.0, 0.0, Y - 470, 0.0, -10.0)
    assert (found.width, found.height) == (60, 51)
    fine = image_of(Grid(240, 200, (X + 504, 2.5, 0.0, Y - 497, 0.0, -2.5), UTM), ground)
    found = reference_grid(fine, correction, REFERENCE)
    assert found.transform == (X + 470, 2.5, 0.0, Y - 475, 0.0, -2.5)
    assert (found.width, found.height) == (240, 200)
    away = image_of(Grid(60, 50, (X + 9e4, 10.0, 0.0, Y, 0.0, -10.0), UTM), ground)
    with pytest.raises(IncompatibleImages, match="does not reach the reference"):
        reference_grid(away, correction, REFERENCE)


def test_a_geotransform_is_refused_where_it_cannot_hold_the_correction():
    image = image_of(MOVING["north-up"], ground)
    with pytest.raises(InvalidOption, match="A local field cannot be stored in a geotransform"):
        moved_grid(image, CORRECTIONS["field"])
    wide = Grid(400, 400, (X - 2e5, 1000.0, 0.0, Y + 2e5, 0.0, -1000.0), UTM)
    image = ArrayImage("a", wide, np.zeros((1, 1, 1)), np.ones((1, 1), bool))
    degrees = Correction(DEGREES, frame_at(15, 45, geographic=True), turn(1, (0.01, 0.02)))
    with pytest.raises(InvalidOption, match="is not straight"):
        moved_grid(image, degrees)
    # a small one is, as far as a file can tell
    small = image_of(MOVING["north-up"], ground)
    assert moved_grid(small, degrees.scaled(0.01)).rotated


def test_the_geotransform_shows_the_ground_too():
    for place in ("north-up", "south-up", "turned by 30 degrees"):
        image = shown(CORRECTIONS["turn"], MOVING[place])
        grid = moved_grid(image, CORRECTIONS["turn"])
        assert np.abs(image.values[0] - ground(*centers(grid))).max() < 1e-3


@pytest.mark.parametrize(
    ("made", "options", "reference", "want"),
    [
        ({"dtype": "uint8"}, {}, None, None),
        ({"dtype": "uint8", "nodata": 7.0}, {}, 9.0, 7.0),
        ({"dtype": "uint8", "nodata": 7.0}, {"output_nodata": 3}, 9.0, 3.0),
        ({"dtype": "uint8"}, {}, 9.0, 9.0),
        ({"dtype": "uint8"}, {}, -9999.0, None),
        ({"dtype": "uint8", "details": Details(validity="alpha")}, {}, 9.0, None),
        ({"dtype": "float32"}, {}, None, math.nan),
        ({"dtype": "uint8", "nodata": 7.0}, {"output_type": "float32"}, None, 7.0),
        ({"dtype": "uint8"}, {"output_type": "float32"}, None, math.nan),
        ({"dtype": "int16", "nodata": -9999.0}, {"output_type": "uint8"}, None, None),
    ],
)
def test_nodata_is_never_invented(made, options, reference, want):
    image = image_of(REFERENCE, ground, **made)
    found = declared(image, MovedWriting(**options), reference)
    assert (
        found.nodata == pytest.approx(want, nan_ok=True)
        if want is not None
        else found.nodata is None
    )
    if made.get("details") is None and want is None:
        assert corrected(found, CORRECTIONS["shift"], REFERENCE).details.validity == "mask"


def test_a_nodata_value_that_does_not_fit_gives_its_sentence():
    with pytest.raises(InvalidOption, match=r"-1 does not fit pixels of type uint8"):
        declared(image_of(REFERENCE, ground, "uint8"), MovedWriting(output_nodata=-1.0))


def test_values_that_look_like_nodata_are_moved_and_counted():
    image = image_of(REFERENCE, lambda x, y: 0 * x + 5, "uint8", nodata=5.0)
    image.valid[:90] = False
    found = corrected(declared(image, MovedWriting()), CORRECTIONS["turn"], REFERENCE).read(
        REFERENCE.window
    )
    assert found.moved == np.count_nonzero(found.valid) > 0
    assert set(found.values[0][found.valid].tolist()) <= {4, 6}
    zero = declared(image, MovedWriting(output_nodata=0.0))
    assert corrected(zero, CORRECTIONS["turn"], REFERENCE).read(REFERENCE.window).moved == 0


def test_pixel_models_of_any_reference_correct_alike():
    image = shown(CORRECTIONS["turn"], MOVING["north-up"])
    for grid in (REFERENCE, MOVING["south-up"], MOVING["turned by 30 degrees"]):
        x, y = (at.ravel() for at in np.meshgrid([0.0, 99.0, 199.0], [0.0, 99.0, 199.0]))
        model = fit("affine", x, y, *CORRECTIONS["turn"].displacements(grid, x, y))
        again = correction_of(model, grid, FRAME)
        found = corrected(image, again, REFERENCE).read(REFERENCE.window)
        good = inner(found.valid)
        assert np.abs(found.values[0] - ground(*centers(REFERENCE)))[good].max() < 0.01
