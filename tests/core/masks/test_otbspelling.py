# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pickle

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.masks.expressions import Names
from orthoweave.core.masks.otbspelling import Formula, split_expressions

BANDS = {1: np.array([1.0, 2, 3]), 2: np.array([3.0, 2, 1]), 3: np.array([0.0, 1, 0])}


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("b1^2", [1, 4, 9]),
        ("2^b1^2", [2, 16, 512]),
        ("b1>b2 ? 1 : b1<b2 ? 2 : 3", [2, 3, 1]),
        ("b3 ? (b1>2 ? 7 : 8) : b2 - 1", [2, 8, 0]),
        ("(b1!=2 ? b1 : (b2>1?9:8))*2", [2, 18, 6]),
        ("max(b1>1?5:6,b2)", [6, 5, 5]),
        ("where(b3, b1 ? 4 : 5, 6)", [6, 4, 6]),
        ("!b3 && b1>1 || b2==3", [1, 0, 1]),
        ("!b3 == 1", [1, 0, 1]),
        ("!!b3 + 1", [1, 2, 1]),
        ("! max(b3, 0)", [1, 0, 1]),
        ("!(b1 > 1)", [1, 0, 0]),
        ("b1 != b2", [1, 0, 1]),
        ("not b3 and b1 > 1", [0, 0, 1]),
        ("7", [7, 7, 7]),
    ],
)
def test_both_spellings_are_understood(text, truth):
    formula = pickle.loads(pickle.dumps(Formula(text, Names(3))))
    assert np.broadcast_to(formula(BANDS), 3).tolist() == truth


def test_what_is_not_defined_is_nan():
    assert np.isnan(Formula("b1/b3", Names(3))(BANDS)).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("text", "said", "at"),
    [
        ("b1 && (b9 + 1)", 'Unknown name "b9" at character 8', 7),
        ("b1>2 ? b7 : 0", 'Unknown name "b7" at character 8', 7),
        ("b1 || !b5", 'Unknown name "b5" at character 8', 7),
        ("b1+", "A value is missing at character 4", 3),
        ("b1 ? 2", '"?" at character 4 is not allowed', 3),
        ("__import__('os')", '"\'" at character 12 is not allowed', 11),
        ("b1^^2", "A value is missing at character 4", 3),
    ],
)
def test_errors_point_at_the_users_own_text(text, said, at):
    with pytest.raises(InvalidOption) as caught:
        Formula(text, Names(3)).check()
    sentence, shown, caret = str(caught.value).split("\n")
    assert sentence.startswith(said)
    assert shown == text and caret == " " * at + "^"


@pytest.mark.parametrize("text", ["5%b1", "b1; b2"])
def test_one_result_of_bands_is_needed(text):
    with pytest.raises(InvalidOption, match="one result of bands is needed"):
        Formula(text, Names(3)).check()


def test_commas_inside_parentheses_part_nothing():
    assert split_expressions(" b1+b2, max(b1, b2) ,, where(b1, (b2), b3)") == (
        "b1+b2",
        "max(b1, b2)",
        "where(b1, (b2), b3)",
    )
    assert split_expressions("") == ()
