# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
from datetime import date

import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.masks.ranking import rank_values

ROWS = (
    {"cloud cover": 3, "date": "2024-05-31", "grade": "7.5", "ok": True, "gone": None},
    {"cloud cover": 12, "date": date(2024, 6, 2), "grade": "", "ok": False, "gone": 1},
)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("-{cloud cover}", [-3, -12]),
        ("2 * { cloud cover } + 1", [7, 25]),
        ("{date} - 739037", [0, 2]),  # days from 2024-05-31
        ("{grade}", [7.5, math.nan]),
        ("where({ok} > 0, 10, 0) + {cloud cover} / 4", [10.75, 3]),
        ("{gone}", [math.nan, 1]),
        ("log({ok})", [0, math.nan]),
        ("{cloud cover} > 5 | {ok}", [1, 1]),
        ("4", [4, 4]),
    ],
)
def test_fields_are_computed_for_each_row(expression, values):
    assert rank_values(expression, ROWS) == pytest.approx(values, nan_ok=True)


@pytest.mark.parametrize(
    ("expression", "message", "at"),
    [
        ("1 + {clouds}", 'Unknown field "{clouds}" at character 5: the fields are: cloud', 4),
        ("b1", '"b1" at character 1: there are no bands here', 0),
        ("2 * 5%b2", '"b2" at character 7: there are no bands here', 6),
        ("cloud", "A field is written {name}", 0),
        ("{ok}; 2", 'A rank is one number: ";" at character 5', 4),
        ("{ok", "a field is written {name}", 0),
        ("", "is empty", 0),
        ("{ok}.real", '"." at character 5 is not allowed', 4),
        ('__import__("os")', "not allowed", 11),
    ],
)
def test_what_cannot_be_read_is_pointed_at(expression, message, at):
    with pytest.raises(InvalidOption) as caught:
        rank_values(expression, ROWS)
    sentence, _, caret = (
        str(caught.value).splitlines() if expression else [str(caught.value), "", "^"]
    )
    assert message in str(caught.value).split("\n")[0], sentence
    assert caret.index("^") == at


def test_a_text_that_is_no_number_is_pointed_at():
    with pytest.raises(InvalidOption) as caught:
        rank_values("2 - {name}", [{"name": "north"}])
    assert str(caught.value) == (
        'The field "{name}" at character 5 holds "north", which is neither a number nor a date.\n'
        "2 - {name}\n    ^"
    )


def test_without_rows_the_expression_is_checked_all_the_same():
    assert rank_values("1 + 1", []) == []
    with pytest.raises(InvalidOption, match="there are none here"):
        rank_values("{a}", [])
