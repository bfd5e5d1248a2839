# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.operations import fuseclassifications
from orthoweave.core.raster import open_image
from orthoweave.core.raster.palette import palette_style, read_palette


@pytest.fixture
def maps(write):
    """Three maps of classes 1 to 3 that differ in a fifth of their pixels."""
    random = np.random.default_rng(0)
    truth = np.kron(random.integers(1, 4, (6, 8)), np.ones((20, 20), int)).astype(np.uint8)
    paths = []
    for number in range(3):
        found = truth.copy()
        wrong = random.random(truth.shape) < 0.2
        found[wrong] = random.integers(1, 4, int(wrong.sum()))
        found[:5, :5] = 0
        paths.append(write(f"map{number}.tif", found, nodata=0))
    return truth, paths


def run(paths, tmp_path, **more):
    request = fuseclassifications.Request(
        images=tuple(paths), output=str(tmp_path / "fused.tif"), **more
    )
    return fuseclassifications.run(request)


def values(path):
    image = open_image(path)
    return image.read(image.grid.window).values


def test_a_fusion_is_better_than_its_maps(maps, tmp_path):
    truth, paths = maps
    found = run(paths, tmp_path, tie="priority")
    assert found.classes == 3
    fused = values(found.output)[0]
    assert (fused[:5, :5] == 0).all()
    shares = [(values(path)[0] == truth).mean() for path in paths]
    assert (fused == truth).mean() > max(shares) + 0.05


@pytest.mark.parametrize(("threads", "window"), [(1, 32), (4, 64)])
def test_windows_and_threads_change_nothing(maps, tmp_path, threads, window):
    _, paths = maps
    how = {"output_choice": str(tmp_path / "choice.tif"), "undecided": 255}
    whole = [values(p) for p in _outputs(run(paths, tmp_path, **how))]
    again = run(paths, tmp_path, threads=threads, window_size=window, **how)
    for before, path in zip(whole, _outputs(again)):
        np.testing.assert_array_equal(before, values(path))


def _outputs(found):
    return [found.output, found.output_choice]


def test_what_stays_undecided_is_counted(maps, tmp_path):
    _, paths = maps
    found = run(paths, tmp_path, undecided=255)
    assert found.undecided_pixels == int((values(found.output)[0] == 255).sum()) > 0


def test_confidence_and_probability_come_with_the_map(write, tmp_path):
    labels = [np.full((40, 50), label, np.uint8) for label in (1, 2)]
    paths = [write(f"m{n}.tif", one, nodata=0) for n, one in enumerate(labels)]
    sure = [write(f"c{n}.tif", np.full((40, 50), v, np.uint8)) for n, v in enumerate((80, 60))]
    chances = [
        write(
            "p0.tif",
            np.stack([np.full((40, 50), v, np.uint16) for v in (800, 200)]),
            names=("1", "2"),
        ),
        write(
            "p1.tif",
            np.stack([np.full((40, 50), v, np.uint16) for v in (600, 400)]),
            names=("2", "7"),
        ),
    ]
    found = run(
        paths,
        tmp_path,
        confidences=tuple(sure),
        probabilities=tuple(chances),
        method="probability",
        output_confidence=str(tmp_path / "c.tif"),
        output_probability=str(tmp_path / "p.tif"),
    )
    # means: 1 has .4, 2 has .4, 7 has .2; the lowest label of a tie
    assert np.unique(values(found.output)).tolist() == [1]
    assert open_image(found.output_probability).band_names == ("1", "2", "7")
    assert values(found.output_probability)[:, 0, 0].tolist() == [400, 400, 200]
    # (.8 + (1 - .6)) / 2
    assert np.unique(values(found.output_confidence)).tolist() == [60]


def test_dempster_needs_a_confusion_for_each_map(maps, tmp_path):
    from orthoweave.core.exchange.confusions import write_confusion
    from orthoweave.core.landcover.confusion import Confusion

    _, paths = maps
    table = write_confusion(
        str(tmp_path / "c.csv"), Confusion((1, 2, 3), np.diag([90, 90, 90]) + 5)
    )
    found = run(paths, tmp_path, method="dempstershafer", confusions=(table,) * 3)
    assert found.classes == 3
    with pytest.raises(InvalidOption, match="Confusions: 2 for 3 maps"):
        run(paths, tmp_path, method="ignorance", confusions=(table,) * 2)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"method": "confidence"}, "confidence needs confidences"),
        ({"method": "probability"}, "probability needs probabilities"),
        ({"tie": "confidence"}, "Ties: confidence needs confidences"),
        ({"undecided": 2}, "Label of ties: 2 is a class"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_said(maps, tmp_path, more, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        run(maps[1], tmp_path, **more)
    assert not (tmp_path / "fused.tif").exists()


def test_one_map_other_grids_and_empty_maps_are_refused(maps, write, tmp_path):
    _, paths = maps
    with pytest.raises(InvalidOption, match="two or more"):
        run(paths[:1], tmp_path)
    other = write("other.tif", np.ones((50, 50), np.uint8), nodata=0)
    with pytest.raises(IncompatibleImages, match="other does not lie on the pixels of map0"):
        run([paths[0], other], tmp_path)
    empty = [write(f"e{n}.tif", np.zeros((40, 40), np.uint8), nodata=0) for n in range(2)]
    with pytest.raises(InvalidOption, match="none has a pixel with a class"):
        run(empty, tmp_path)


def test_undecided_pixels_are_counted_beside_probabilities(maps, write, tmp_path):
    _, paths = maps
    chances = np.full((3, 120, 160), 333, np.uint16)
    beside = [write(f"p{n}.tif", chances, names=("1", "2", "3")) for n in range(3)]
    wanted = str(tmp_path / "chances.tif")
    found = run(
        paths, tmp_path, probabilities=tuple(beside), undecided=99, output_probability=wanted
    )
    fused = values(found.output)[0]
    assert found.undecided_pixels == (fused == 99).sum() > 0
    assert open_image(wanted).band_names == ("1", "2", "3")


def test_maps_of_another_crs_and_confusions_that_are_none_are_refused(maps, write, tmp_path):
    _, paths = maps
    other = write("o.tif", np.ones((120, 160), np.uint8), crs="EPSG:32632")
    with pytest.raises(IncompatibleImages, match="o.tif EPSG:32632"):
        run([paths[0], other], tmp_path)
    head = "#Reference labels (rows):1,2\n#Produced labels (columns):{}\n"
    for cols, counts, sentence in (
        ("1,2", "1,inf\n3,4\n", "cannot convert float infinity"),
        ("1,2", "1,-2\n3,4\n", "it counts -2 pixels"),
        ("1,2", "1,2,3\n3,4\n", "lines have different lengths"),
        ("1,1", "1,2\n3,4\n", "a label stands there twice"),
    ):
        (tmp_path / "c.csv").write_text(head.format(cols) + counts)
        with pytest.raises(InvalidOption, match=sentence):
            run(paths, tmp_path, method="ignorance", confusions=(str(tmp_path / "c.csv"),) * 3)


def test_names_of_classes_come_from_the_styles_of_the_maps(maps, write, tmp_path, listen):
    _, paths = maps
    for path, third in zip(paths, ("eau ☃", "eau ☃", "lac")):
        entries = ((1, "blé", "#010203"), (2, "forêt", "#040506"), (3, third, "#070809"))
        palette_style(path, [(label, name, color, 255) for label, name, color in entries])
    chances = [
        write(f"p{n}.tif", np.full((3, 120, 160), 333, np.uint16), names=("blé", "forêt", "eau ☃"))
        for n in range(3)
    ]
    heard = listen()
    request = fuseclassifications.Request(
        images=tuple(paths),
        probabilities=tuple(chances),
        method="probability",
        output=str(tmp_path / "fused.tif"),
    )
    found = fuseclassifications.run(request, heard)
    assert read_palette(found.output)[3] == ("eau ☃", "#070809")
    assert heard.warnings == [
        "map2.tif calls the class 3 'lac', another map calls it 'eau ☃'. Are these maps of one "
        "list of classes?"
    ]
