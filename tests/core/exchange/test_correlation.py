# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import shlex
from types import SimpleNamespace

import pytest
from orthoweave.core.errors import ImageIOError
from orthoweave.core.exchange.correlation import HEADER, CorrelationLine, append_correlation

X = SimpleNamespace(minimum=-1.0, maximum=4.0, median=3.0, mean=2.5, std=0.5)
Y = SimpleNamespace(minimum=1.0, maximum=6.0, median=2.0, mean=1 / 3, std=0.25)


def line(moving="moving.tif", x=X, y=Y, sample=812):
    return CorrelationLine("ref erence.tif", moving, 160000, sample, 0.4, x, y)


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [shlex.split(text) for text in file.read().splitlines()]


def test_the_header_is_written_once_and_lines_are_appended(tmp_path):
    path = str(tmp_path / "new" / "correl_res.txt")
    for name in ("a.tif", "b.tif"):
        assert append_correlation(path, line(name), north_positive=False) == path
    header, first, second = rows(path)
    assert " ".join(header) == (
        "refImg secImg total_valid_pixel sample_pixel confidence_th min_x max_x median_x mean_x "
        "std_x min_y max_y median_y mean_y std_y"
    )
    assert first[:5] == ["ref erence.tif", "a.tif", "160000", "812", "0.4"]
    assert second[1] == "b.tif"
    assert first[5:] == ["-1", "4", "3", "2.5", "0.5", "1", "6", "2", "0.333333", "0.25"]


def test_y_counts_north_when_the_moving_image_has_a_crs(tmp_path):
    path = append_correlation(str(tmp_path / "c.txt"), line(), north_positive=True)
    found = dict(zip(HEADER, rows(path)[1]))
    numbers = [float(found[f"{name}_y"]) for name in ("min", "max", "median", "mean", "std")]
    assert numbers == [-6, -1, -2, -0.333333, 0.25]
    assert found["min_x"] == "-1"


def test_names_with_blanks_stand_in_quotes(tmp_path):
    path = append_correlation(str(tmp_path / "c.txt"), line("é 1.tif"), north_positive=False)
    with open(path, encoding="utf-8") as file:
        assert file.read().splitlines()[1].startswith('"ref erence.tif" "é 1.tif" 160000')


def test_a_file_without_last_line_end_is_continued_on_a_new_line(tmp_path):
    path = tmp_path / "correl_res.txt"
    path.write_bytes(b"refImg secImg\nx y")
    append_correlation(str(path), line(), north_positive=False)
    assert rows(path)[1] == ["x", "y"] and len(rows(path)) == 3


def test_runs_without_points_have_numbers_that_are_none(tmp_path):
    none = SimpleNamespace(**dict.fromkeys(("minimum", "maximum", "median", "mean", "std"), None))
    for name in vars(none):
        setattr(none, name, float("nan"))
    path = append_correlation(str(tmp_path / "c.txt"), line(x=none, y=none), north_positive=True)
    assert rows(path)[1][5:] == ["nan"] * 10


def test_a_folder_of_that_name_is_refused(tmp_path):
    (tmp_path / "c.txt").mkdir()
    with pytest.raises(ImageIOError, match=r"c.txt cannot be written"):
        append_correlation(str(tmp_path / "c.txt"), line(), north_positive=False)
