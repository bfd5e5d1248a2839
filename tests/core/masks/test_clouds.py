# SPDX-License-Identifier: GPL-2.0-or-later
"""Clouds, shadows and shapes in scenes whose truth is made here."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.masks import objects
from orthoweave.core.masks import shadows as searching
from orthoweave.core.masks.clouds import CloudRules, Scene, classified, otsu
from orthoweave.core.masks.regions import regions
from orthoweave.core.masks.shadows import ShadowSearch, filled, moved, shadows


def smooth(rng, shape, scale):
    """Return noise from 0 to 1 that changes over `scale` pixels."""
    coarse = rng.random((shape[0] // scale + 2, shape[1] // scale + 2))
    rows, cols = np.arange(shape[0]) / scale, np.arange(shape[1]) / scale
    r, c = rows.astype(int), cols.astype(int)
    fr, fc = (rows - r)[:, None], (cols - c)[None]
    upper = coarse[np.ix_(r, c)] * (1 - fc) + coarse[np.ix_(r, c + 1)] * fc
    lower = coarse[np.ix_(r + 1, c)] * (1 - fc) + coarse[np.ix_(r + 1, c + 1)] * fc
    return upper * (1 - fr) + lower * fr


def made(seed=0, shape=(300, 320), shift=(24, -18), nir=True):
    """Return a scene, and where its clouds and shadows are."""
    rng = np.random.default_rng(seed)
    ground = 0.06 + 0.05 * smooth(rng, shape, 20) + 0.01 * rng.random(shape)
    rows, cols = np.indices(shape)
    cloud = np.zeros(shape, bool)
    for _ in range(7):
        row, col = rng.integers(30, shape[0] - 30), rng.integers(30, shape[1] - 30)
        cloud |= (rows - row) ** 2 + 1.5 * (cols - col) ** 2 < rng.integers(9, 22) ** 2
    dark = moved(cloud, *shift) & ~cloud
    light = np.where(dark, 0.4, 1.0)
    top = 0.45 + 0.02 * smooth(rng, shape, 10)
    bands = {
        name: np.where(cloud, top, factor * ground * light).astype(np.float32)
        for name, factor in (("blue", 0.9), ("green", 1.0), ("red", 0.9), ("nir", 2.2))
    }
    if not nir:
        del bands["nir"]
    return Scene(bands, np.ones(shape, bool)), cloud, dark


def overlap(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("unit", [1.0, 7.0])
def test_clouds_and_shadows_are_found_in_any_unit(seed, unit):
    scene, cloud, dark = made(seed)
    if unit != 1:
        bands = {name: band * unit for name, band in scene.bands.items()}
        scene = Scene(bands, scene.valid, calibrated=False)
    depth = 0.04 if unit == 1 else None
    found = classified(scene, CloudRules(buffer=0, search=ShadowSearch(depth=depth)))
    assert overlap(found == 1, cloud) > 0.9  # specks and corners are smoothed
    assert overlap(found == 3, dark) > 0.6
    grown = classified(scene, CloudRules(buffer=4, search=None))
    assert ((grown == 1) >= (found == 1)).all() and not (grown == 3).any()


def test_a_known_sun_is_followed():
    scene, _, dark = made(1, shift=(0, -40))
    toward = CloudRules(search=ShadowSearch((0.0, -1.0)))
    assert overlap(classified(scene, toward) == 3, dark) > 0.5
    away = CloudRules(search=ShadowSearch((0.0, 1.0)))
    assert overlap(classified(scene, away) == 3, dark) < 0.05


def test_ground_without_clouds_stays_clear():
    for seed in range(4):
        scene, cloud, dark = made(seed)
        calm = {n: np.where(cloud | dark, 0.1, b) for n, b in scene.bands.items()}
        assert not classified(Scene(calm, scene.valid), CloudRules()).any()
        assert not classified(Scene(calm, scene.valid, False), CloudRules()).any()


def test_sensitivity_moves_the_threshold():
    scene, cloud, _ = made(2)
    faint = {n: np.where(cloud, 0.27, b).astype(np.float32) for n, b in scene.bands.items()}
    scene = Scene(faint, scene.valid)
    assert not (classified(scene, CloudRules(0.5)) == 1).any()
    assert overlap(classified(scene, CloudRules(1.0, buffer=0)) == 1, cloud) > 0.9


def test_snow_is_no_cloud_where_a_band_tells():
    scene, cloud, _ = made(3)
    for swir, clouds in ((0.05, False), (0.3, True)):
        bands = {**scene.bands, "swir": np.where(cloud, swir, 0.15).astype(np.float32)}
        assert (classified(Scene(bands, scene.valid), CloudRules()) == 1).any() == clouds


def test_cirrus_and_haze_are_thin_clouds():
    scene, cloud, dark = made(1)
    veil = np.zeros(cloud.shape, bool)
    veil[20:120, 200:310] = True
    bands = {**scene.bands, "cirrus": np.where(veil, 0.03, 0.001)}
    found = classified(Scene(bands, scene.valid), CloudRules(buffer=0))
    assert overlap(found == 2, veil & ~cloud) > 0.95
    hazy = {n: b + (0.15 if n == "blue" else 0.08) for n, b in scene.bands.items()}
    found = classified(Scene(hazy, scene.valid), CloudRules(buffer=0, search=None))
    assert (found[~cloud] == 2).mean() > 0.9
    # a cirrus band that sees nothing takes no haze away
    both = {**hazy, "cirrus": np.full(cloud.shape, 0.001)}
    again = classified(Scene(both, scene.valid), CloudRules(buffer=0, search=None))
    assert np.array_equal(again, found)


def test_invalid_pixels_are_invalid_and_change_nothing_elsewhere():
    scene, cloud, _ = made(0)
    valid = np.ones(cloud.shape, bool)
    valid[:, :60] = False
    outputs = []
    for fill in (0.0, 0.5, 1000.0):
        bands = {n: np.where(valid, b, 0 * fill) for n, b in scene.bands.items()}
        outputs.append(classified(Scene(bands, valid), CloudRules()))
    assert (outputs[0][:, :60] == 255).all() and not (outputs[0][:, 60:] == 255).any()
    assert all(np.array_equal(outputs[0], other) for other in outputs)


@pytest.mark.parametrize("roof", [True, False])
def test_straight_and_rough_objects_are_roofs(roof):
    rows, cols = np.indices((120, 140))
    square = (np.abs(rows - 60) < 16) & (np.abs(cols - 70) < 22)
    disc = (rows - 60) ** 2 + (cols - 70) ** 2 < 20**2
    rough = np.where((rows // 2 + cols // 2) % 2, 0.32, 0.95)
    band = np.where(square if roof else disc, rough, 0.28).astype(np.float32)
    scene = Scene(dict.fromkeys(("blue", "green", "red"), band), np.ones(band.shape, bool))
    found = classified(scene, CloudRules(buffer=0, search=None))
    assert (found == 1).any() != roof


def test_objects_have_their_shapes():
    mask = np.zeros((40, 60), bool)
    mask[3:13, 5:25] = True
    mask[30, 30] = True
    rows, cols = np.indices(mask.shape)
    mask |= (rows - 25) ** 2 + (cols - 45) ** 2 < 81
    found = regions(mask)
    shares = dict(zip(found.areas.tolist(), objects.rectangularity(found).tolist()))
    assert shares[200] == pytest.approx(1) and shares[1] == pytest.approx(1)
    assert 0.7 < shares[max(shares)] < 0.87  # a disc fills pi / 4, pixels a little more
    assert objects.without_specks(mask, 2).sum() == mask.sum() - 1
    ring = objects.grown(np.pad(np.ones((1, 1), bool), 9), 4)
    distance = np.hypot(*(np.indices(ring.shape) - 9))
    np.testing.assert_array_equal(ring, distance <= 4)
    holed = np.ones((12, 12), bool)
    holed[5, 5:7] = holed[0, 0] = False
    assert objects.without_holes(holed, 3).sum() == 143
    assert objects.without_holes(holed, 2).sum() == 141
    assert not objects.opened(np.eye(9, dtype=bool)).any()


@pytest.mark.parametrize("seed", range(5))
def test_depressions_fill_as_a_flood_does(seed):
    band = np.random.default_rng(seed).integers(0, 20, (17, 23)).astype(np.float32)
    water = np.where(np.zeros(band.shape, bool), 0, np.inf) + np.zeros(band.shape)
    changed = True
    while changed:  # the slow way: every pixel looks at its neighbors until nothing moves
        around = np.pad(water, 1, constant_values=5)
        least = np.minimum.reduce(
            [around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]]
        )
        new = np.maximum(band, np.minimum(water, least))
        changed, water = not np.array_equal(new, water), new
    np.testing.assert_array_equal(filled(band, 5.0), water)


def test_otsu_parts_two_heaps():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(10, 1, 900), rng.normal(30, 2, 300)])
    assert 13 < otsu(values) < 26


def test_no_cloud_casts_no_shadow():
    scene, cloud, _ = made(0)
    nothing = shadows(scene.bands["nir"], scene.valid, np.zeros_like(cloud), ShadowSearch())
    assert not nothing.any()
    assert not shadows(scene.bands["nir"], cloud, cloud, ShadowSearch()).any()


@pytest.mark.parametrize("tile", [50, 128, 1000])
def test_clouds_are_compared_in_parts_as_in_one(monkeypatch, tile):
    rng = np.random.default_rng(5)
    clouds, ground = rng.random((150, 210)) > 0.9, rng.random((150, 210))
    monkeypatch.setattr(searching, "TILE", tile)
    (found,) = searching._correlated([ground], clouds)
    reach = searching.FARTHEST
    for rows, cols in ((0, 0), (3, -7), (-100, 60), (149, 200), (-140, -200)):
        under = (moved(clouds, cols, rows) * ground).sum()
        assert found[reach + rows, reach + cols] == pytest.approx(under, abs=1e-4)
