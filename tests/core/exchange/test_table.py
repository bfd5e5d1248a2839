# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import locale

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.exchange.table import read_table, table_name, write_table
from orthoweave.core.matching.keypoints import KeyPoints

HEADER = (
    "x0;y0;dx;dy;score;radial error;angle;zncc_score;mutual_info_score;mi_score"
    ";east;north;bearing;sigma_x;sigma_y;x_map;y_map"
)


def one(**columns):
    given = {
        "x0": [12], "y0": [7], "dx": [1 / 3], "dy": [-0.25], "score": [0.9],
        "sigma_x": [0.01], "sigma_y": [0.02], "status": [0], **columns,
    }  # fmt: skip
    return KeyPoints(**given)


def lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def test_the_header_is_that_of_karios_followed_by_ours(tmp_path, key_points):
    path = write_table(str(tmp_path / "new" / "a.csv"), key_points(3))
    assert lines(path)[0] == HEADER
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["a.csv"]


def test_numbers_have_six_digits_and_what_is_unknown_is_empty(tmp_path):
    row = lines(write_table(str(tmp_path / "a.csv"), one()))[1]
    # radial error = 5/12, angle = -atan(3/4)
    assert row == "12;7;0.333333;-0.25;0.9;0.416667;-36.8699;;;;;;;0.01;0.02;;"


def test_map_positions_keep_the_digits_that_matter(tmp_path):
    points = one(x_map=[500123.456789], y_map=[5000007.654321])
    assert lines(write_table(str(tmp_path / "a.csv"), points))[1].endswith(
        ";500123.456789;5000007.65432"
    )


def test_only_accepted_points_are_in_the_table(tmp_path, key_points):
    points = key_points(4, status=[0, 1, 2, 3])
    assert len(lines(write_table(str(tmp_path / "a.csv"), points))) == 3


def test_a_table_of_ours_is_read_as_it_was_written(tmp_path, key_points, grids):
    points = key_points(50, grids["north up"], zncc_score=np.linspace(-1, 1, 50))
    found = read_table(write_table(str(tmp_path / "a.csv"), points))
    for name in ("x0", "y0", "x_map", "y_map"):
        np.testing.assert_array_equal(getattr(found, name), getattr(points, name))
    for name in ("dx", "dy", "score", "sigma_x", "sigma_y", "east", "north", "zncc_score"):
        # six digits
        np.testing.assert_allclose(getattr(found, name), getattr(points, name), rtol=5e-6)
    assert np.isnan(found.mi_score).all() and found.used.all()


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("x0;y0;dx;dy;score;radial error;angle", "5.0;6.0;0.5;-1.5;0.75;1.58;-71.5"),
        ("x0;y0;dx;dy;score;radial error;angle;zncc_score", "5.0;6.0;0.5;-1.5;0.75;1.58;-71.5;0.9"),
        (";x0;y0;dx;dy;score;new", "0;5;6;0.5;-1.5;0.75;text"),
        ("dy;dx;x0;y0;score;alt", "-1.5;0.5;5;6;0.75;1200"),
        ("x0;y0;dx;dy;score", "5;6;0,5;-1,5;0,75"),
        ("x0,y0,dx,dy,score", "5,6,0.5,-1.5,0.75"),
    ],
)
def test_tables_of_karios_are_read_with_and_without_optional_columns(tmp_path, header, row):
    path = tmp_path / "k.csv"
    path.write_text(f"\ufeff{header}\r\n{row}\r\n", encoding="utf-8")
    found = read_table(str(path))
    values = [found.x0, found.y0, found.dx, found.dy, found.score]
    assert [column.tolist() for column in values] == [[5], [6], [0.5], [-1.5], [0.75]]
    assert found.zncc_score[0] == 0.9 if "zncc" in header else np.isnan(found.zncc_score[0])
    assert found.altitude[0] == 1200 if "alt" in header else np.isnan(found.altitude[0])


def test_points_are_sorted_when_a_table_is_read(tmp_path):
    path = tmp_path / "k.csv"
    path.write_text("x0;y0;dx;dy;score\n9;1;0;0;1\n2;8;0;0;1\n2;3;0;0;1\n")
    found = read_table(str(path))
    assert list(zip(found.x0, found.y0)) == [(2, 3), (2, 8), (9, 1)]


def test_a_table_without_points_is_a_table(tmp_path):
    found = read_table(write_table(str(tmp_path / "a.csv"), KeyPoints.none()))
    assert len(found) == 0


def test_the_decimal_sign_does_not_depend_on_the_locale(tmp_path):
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, "de_DE.UTF-8")
    except locale.Error:
        pytest.skip("no locale with a decimal comma is installed")
    try:
        row = lines(write_table(str(tmp_path / "a.csv"), one()))[1]
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
    assert "0.333333" in row


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"k.csv is empty"),
        ("x0;y0;dx\n1;2;3\n", r"no column dy and no column score\. Its columns are: x0, y0, dx"),
        ("x0;y0;dx;dy;score\n1;2;3;4\n", r"row 2 has 4 values, the header has 5"),
        ("x0;y0;dx;dy;score\n1;2;a;4;5\n", r"row 2 holds 'a' in column dx, which is no number"),
    ],
)
def test_what_is_no_table_is_refused_with_the_place(tmp_path, text, sentence):
    path = tmp_path / "k.csv"
    path.write_text(text)
    with pytest.raises(InvalidOption, match=sentence):
        read_table(str(path))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "k.csv"
    path.write_bytes(b"\xff\xfe\x00x")
    with pytest.raises(InvalidOption, match="no text in UTF-8"):
        read_table(str(path))


def test_an_absent_table_is_refused(tmp_path):
    with pytest.raises(ImageIOError, match=r"k.csv cannot be read: No such file"):
        read_table(str(tmp_path / "k.csv"))


def test_the_name_holds_both_images():
    assert table_name("mon é", "ref") == "KLT_matcher_mon é_ref.csv"
