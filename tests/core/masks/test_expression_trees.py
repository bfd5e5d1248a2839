# SPDX-License-Identifier: GPL-2.0-or-later
"""Expressions made at random: those that mean something against numpy, the others refused."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.masks.expressions import Names, parse

NAMES = Names(3, "a", nodata=7)
BANDS = {
    1: np.array([0, 1, 2, 250, 65535], np.uint16),
    2: np.array([-3, 0, 5, 9, -32768], np.int16),
    3: np.array([0.5, -1.25, 0.0, 3.0, 1e6], np.float64),
}
WIDE = {band: values.astype(object) for band, values in BANDS.items()}


def tree(rng, depth):
    """Return a text and its values, computed by plain Python numbers pixel by pixel."""
    if depth == 0 or rng.random() < 0.15:
        return leaf(rng)
    (a, x), (b, y) = tree(rng, depth - 1), tree(rng, depth - 1)
    kind = rng.integers(9)
    if kind < 3:
        sign = "+-*"[kind]
        compute = {"+": np.add, "-": np.subtract, "*": np.multiply}[sign]
        return f"({a} {sign} {b})", compute(x, y)
    if kind == 3:
        sign = ("<", "<=", ">", ">=", "==", "!=")[rng.integers(6)]
        compare = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
        compare.update({"==": np.equal, "!=": np.not_equal})
        return f"({a} {sign} {b})", compare[sign](x, y).astype(object)
    if kind == 4:
        word = ("and", "&", "or", "|")[rng.integers(4)]
        join = np.logical_and if word in ("and", "&") else np.logical_or
        return f"({a} {word} {b})", join(x.astype(bool), y.astype(bool)).astype(object)
    if kind == 5:
        return f"(~{a})", np.logical_not(x.astype(bool)).astype(object)
    if kind == 6:
        return f"min({a}, {b})", np.minimum(x, y)
    if kind == 7:
        return f"abs(-{a})", np.abs(-x)
    return f"where({a} > 1, {b}, {a})", np.where(x > 1, y, x)


def leaf(rng):
    if rng.random() < 0.3:
        number = int(rng.integers(0, 40))
        return str(number), np.full(5, number, object)
    band = int(rng.integers(1, 4))
    return f"b{band}", WIDE[band] * 1


def test_random_trees_give_what_numpy_gives():
    rng = np.random.default_rng(11)
    for _ in range(600):
        text, expected = tree(rng, int(rng.integers(1, 5)))
        (found,) = parse(text, NAMES).evaluate(BANDS)
        assert found.undefined is None
        values = np.broadcast_to(found.values, 5)
        # beyond 64 bits numbers turn decimal
        np.testing.assert_allclose(
            values.astype(float), expected.astype(float), rtol=1e-12, err_msg=text
        )
        if values.dtype.kind == "i":
            assert values.tolist() == [int(v) for v in expected], text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("b1 + b4", 6),
        ("b1 = 2", 4),
        ("b1 > > b2", 6),
        ("(b1 + 2", 8),
        ("b1 + 2)", 7),
        ("b1 % b2", 4),
        ("5%b9", 3),
        ("foo(b1)", 1),
        ("b1 + lambda", 6),
        ("min(b1)", 1),
        ("b1 ** 65", 4),
        ("b1.shape", 3),
        ("b1[0]", 3),
        ("2 b1", 3),
        ("b1; b2;", 8),
        ("bit(b3+1, 2)", 1),
        ("'b1'", 1),
        ("b1 +\tb01", 6),
    ],
)
def test_the_error_names_the_place(text, place):
    with pytest.raises(InvalidOption) as error:
        parse(text, NAMES)
    assert int(re.search(r"character (\d+)", str(error.value)).group(1)) == place


PIECES = (
    *("b1", "b2", "B3", "b9", "b10", "1", ".5", "1e3", "5%b1", "pi", "nan", "inf", "nodata"),
    *("+", "-", "*", "/", "//", "**", "<", "<=", "==", "!=", "=", "&", "|", "~", "and", "or"),
    *("not", "(", ")", ",", ";", "%", " ", "min(", "where(", "bit(", "abs(", "lambda", "__x__"),
    *("{", "}", "[", "]", "'", '"', "\\", "\x00", "\u0431", "\U0001f600", ".", ":", "@", "#", "$"),
)


def test_ten_thousand_random_texts_are_read_or_refused_and_nothing_else():
    rng = np.random.default_rng(3)
    started, read = time.process_time(), 0
    for _ in range(10_000):
        text = "".join(PIECES[i] for i in rng.integers(0, len(PIECES), rng.integers(1, 12)))
        try:
            expression = parse(text, NAMES)
        except InvalidOption:
            continue
        read += 1
        known = dict.fromkeys(expression.percentiles, 3)
        for outcome in expression.evaluate(BANDS, known):
            assert outcome.values.dtype.kind in "bif"
    assert read > 100
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("text", "logical"),
    [
        ("b1 > 3", True),
        ("b1 > 3 & ~b2", True),
        ("0 < b1 < 5 < b2", True),
        ("where(b1, b2 > 3, false)", True),
        ("where(b1 > 3, 1, 0)", False),
        ("bit(b1, 2)", True),
        ("min(b1 > 3, b2 > 4)", True),
        ("min(b1, b2)", False),
        ("true", True),
        ("b1", False),
        ("(b1 > 3) + 1", False),
        ("-(b1 > 3)", False),
    ],
)
def test_a_claim_is_known_before_it_is_computed(text, logical):
    expression = parse(text, NAMES)
    assert expression.logical == (logical,)
    (found,) = expression.evaluate(BANDS)
    if found.values.dtype == bool:
        assert logical


def test_each_result_has_its_text():
    assert parse("b1 +  b2 ; b1\n> 3", NAMES).texts == ("b1 + b2", "b1 > 3")
