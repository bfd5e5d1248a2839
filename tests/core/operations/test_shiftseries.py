# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption, NoSolution
from orthoweave.core.exchange import results
from orthoweave.core.operations import shiftanalysis, shiftseries
from orthoweave.core.operations.shiftseries import Request, folder_names, run

SIDE = 220
SHIFTS = {"s_20190703_b": (0.0, 0.0), "s_20190705_b": (0.4, -0.2), "s_20190708_b": (2.0, 1.0)}


def texture(dx, dy, seed=3):
    """A periodic texture shifted right by dx and down by dy, exactly."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None, :]
    weight = np.exp(-((np.hypot(fx, fy) / 0.2) ** 2)) / np.maximum(np.hypot(fx, fy), 0.01)
    phase = np.exp(-2j * np.pi * (fx * dx + fy * dy))
    found = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * weight * phase).real
    return (1000 + 200 * found / found.std()).astype("float32")


@pytest.fixture(autouse=True)
def without_figures(monkeypatch):
    """Leave the figures of each pair out, which take most of the time."""
    monkeypatch.setattr(results, "write_figures", lambda *_: ())


@pytest.fixture
def images(write):
    """Three dates and a file that is no image."""
    paths = [write(f"in/{name}.tif", texture(*shift)) for name, shift in SHIFTS.items()]
    broken = Path(paths[0]).with_name("s_20190706_b.tif")
    broken.write_text("no image")
    return [*paths, str(broken)]


def table(result):
    with open(result.table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


@pytest.mark.noisy
def test_each_image_is_a_row_and_a_broken_one_does_not_stop_the_run(images, tmp_path, listen):
    heard, out = listen(), tmp_path / "out"
    request = Request(images=images, output_folder=str(out), report=str(tmp_path / "r.html"))
    result = run(request, heard)
    assert (result.images_used, result.images_skipped) == (3, 1)
    assert [Path(path).parent.name for path in result.output_layers] == list(SHIFTS)
    found = table(result)
    assert [row["name"] for row in found] == [*SHIFTS, "s_20190706_b"]
    assert [row["date"][-2:] for row in found] == ["03", "05", "08", "06"]
    for row, (dx, dy) in zip(found, SHIFTS.values()):
        assert float(row["median_dx"]) == pytest.approx(dx, abs=0.01)
        assert float(row["median_dy"]) == pytest.approx(dy, abs=0.01)
    assert [row["verdict"] for row in found] == ["agrees", "agrees", "constant shift", "failed"]
    assert (
        found[3]["median_dx"] == "" and "s_20190706_b.tif cannot be opened" in found[3]["sentence"]
    )
    (warning,) = [text for text in heard.warnings if "left out" in text]
    assert warning.startswith("s_20190706_b.tif is left out: s_20190706_b.tif cannot be opened")
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1.0
    page = Path(result.report).read_text(encoding="utf-8")
    assert "2 of 4 images agree" in page and "s_20190706_b" in page


@pytest.mark.noisy
def test_a_series_of_which_nothing_can_be_measured_is_an_error(images, tmp_path):
    request = Request(images=images[3:], reference=images[0], output_folder=str(tmp_path / "out"))
    with pytest.raises(
        NoSolution, match=r"None of the images .*s_20190706_b\.tif cannot be opened"
    ):
        run(request)
    assert "cannot be opened" in (tmp_path / "out" / "shift_series.csv").read_text()


def test_results_equal_those_of_single_runs(images, tmp_path):
    series = run(Request(images=images[:3], output_folder=str(tmp_path / "all")))
    for name, path in zip(SHIFTS, images):
        how = {"moving": path, "reference": images[0], "output_folder": str(tmp_path / "one")}
        single = shiftanalysis.run(shiftanalysis.Request(**how))
        csv_name = f"KLT_matcher_{name}_s_20190703_b.csv"
        together = Path(series.table).parent / name / csv_name
        alone = Path(single.output_folder) / csv_name
        assert together.read_bytes() == alone.read_bytes()


def test_key_points_of_an_earlier_run_are_used_again(images, tmp_path, listen):
    request = Request(images=images[:2], output_folder=str(tmp_path / "out"), name_pattern="p $")
    first, heard = run(request), listen()
    again = run(request, heard)
    assert sum("key points are taken from" in text for text in heard.infos) == 2
    assert (tmp_path / "out" / "p s_20190703_b").is_dir()
    for before, after in zip(table(first), table(again)):
        # the table holds six digits
        assert float(after["rmse"]) == pytest.approx(float(before["rmse"]), rel=1e-4, abs=1e-6)
    heard = listen()
    run(Request(images=images[:2], output_folder=str(tmp_path / "out"), name_pattern="p $",
                resume=False), heard)  # fmt: skip
    assert not any("RESUME" in text for text in heard.infos)


def test_two_images_of_one_name_need_another_pattern():
    with pytest.raises(InvalidOption, match=r"b/x\.tif and a/x\.tif would both be written into"):
        folder_names(["a/x.tif", "b/x.tif"], "$")
    with pytest.raises(InvalidOption, match=r"the folder 'all'"):
        folder_names(["a.tif", "b.tif"], "all")
    assert folder_names(["a.tif"], "all") == ("all",)


def test_the_reference_may_be_given(images, tmp_path):
    result = run(
        Request(images=images[:1], reference=images[2], output_folder=str(tmp_path / "out"))
    )
    (row,) = table(result)
    assert (float(row["median_dx"]), float(row["median_dy"])) == pytest.approx((-2, -1), abs=0.01)


def test_options_are_those_of_a_pair_but_for_a_few():
    from orthoweave.core.options import options_of

    one, many = options_of(shiftanalysis.Request), options_of(shiftseries.Request)
    assert set(one) - set(many) == {"moving", "key_points"}
    assert set(many) - set(one) == {"images", "name_pattern"}
    assert many["resume"].default is True and one["resume"].default is False
