# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
import re
import time

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.masks.expressions import Names, parse

NAMES = Names(4, "a", nodata=-1, whole=True, fields=("order", "cloud cover"))

B1 = np.array([1, 2, 3, 60000], np.uint16)
B2 = np.array([4, 0, 3, 7], np.int16)
B3 = np.array([0.5, -2.0, 4.0, 100.0], np.float32)
B4 = np.array([0, 1, 2, 255], np.uint8)
BANDS = {1: B1, 2: B2, 3: B3, 4: B4}


def outcome(text, **known):
    (found,) = parse(text, NAMES).evaluate(BANDS, **known)
    return found


def values(text, **known):
    found = outcome(text, **known)
    assert found.undefined is None, text
    return found.values.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("b1", [1, 2, 3, 60000]),
        ("B1 + b2*3", [13, 2, 12, 60021]),
        ("(b1 + b2) * 3", [15, 6, 18, 180021]),
        ("b1 - b2 - 1", [-4, 1, -1, 59992]),
        ("-b1 ** 2", [-1, -4, -9, -3600000000]),
        ("2 ** -1 ** 2", 0.5),
        ("2 ** 3 ** 2", 512),
        ("2 * -b2", [-8, 0, -6, -14]),
        ("b1 // 2", [0, 1, 1, 30000]),
        ("-b1 // 2", [-1, -1, -2, -30000]),
        ("b1 / 2", [0.5, 1.0, 1.5, 30000.0]),
        ("b3 // .5", [1.0, -4.0, 8.0, 200.0]),
        ("b1 > 1 & b2 < 5", [False, True, True, False]),
        ("b1 > 1 and b2 < 5", [False, True, True, False]),
        ("b1 == 1 | b2 == 7", [True, False, False, True]),
        ("b1 == 1 or b2 == 7 and b4 > 300", [True, False, False, False]),
        ("~b1 > 2", [True, True, False, False]),
        ("not b1 > 2 or b4 == 255", [True, True, False, True]),
        ("~ ~ b2", [True, False, True, True]),
        ("0 < b1 <= 2", [True, True, False, False]),
        ("0 < b1 <= 3 < b2", [True, False, False, False]),
        ("0 < b1 <= 3 < b2 != 9", [True, False, False, False]),
        ("b1 <= 2 == true", [False, False, False, False]),
        ("abs(b3)", [0.5, 2.0, 4.0, 100.0]),
        ("abs(b2 - 3)", [1, 3, 0, 4]),
        ("sqrt(b1 * b1)", [1.0, 2.0, 3.0, 60000.0]),
        ("round(b1 / 2)", [0.0, 1.0, 2.0, 30000.0]),
        ("floor(b3)", [0.0, -2.0, 4.0, 100.0]),
        ("ceil(b3)", [1.0, -2.0, 4.0, 100.0]),
        ("round(b1)", [1, 2, 3, 60000]),
        ("min(b1, 2, b2)", [1, 0, 2, 2]),
        ("max(b1, b3)", [1.0, 2.0, 4.0, 60000.0]),
        ("where(b2 > 3, b1, 0)", [1, 0, 0, 60000]),
        ("where(b2 > 3, b1, .5)", [1.0, 0.5, 0.5, 60000.0]),
        ("clip(b1, 2, 3)", [2, 2, 3, 3]),
        ("bit(b1, 0)", [1, 0, 1, 0]),
        ("bit(b4, 7)", [0, 0, 0, 1]),
        ("exp(0 * b1) + cos(0) + sin(0) + tan(0) + log(1) + log10(100)", [4.0] * 4),
        ("b1 * true + false", [1, 2, 3, 60000]),
        ("nodata * b2", [-4, 0, -3, -7]),
        ("pi", math.pi),
        ("e", math.e),
        ("1e-3", 1e-3),
        (".5 + 1.", 1.5),
        (" \t( b1\n) ", [1, 2, 3, 60000]),
        ("{order} * b1", [3, 6, 9, 180000]),
        ("{cloud cover} > 1", True),
    ],
)  # fmt: skip
def test_results_are_those_of_arithmetic(text, expected):
    assert values(text, fields={"order": 3, "cloud cover": 1.5}) == expected


def test_whole_numbers_stay_exact_and_turn_decimal_only_when_they_must():
    big = np.array([2**31, 2**32 - 1], np.uint32)
    names = Names(1)
    for text, expected in (
        ("b1 * b1", None), ("b1 * 1000003 + 1", [int(v) * 1000003 + 1 for v in big]),
        ("b1 ** 1", big.tolist()), ("(b1 - 4294967295) ** 1 // 3", [-715827883, 0]),
    ):  # fmt: skip
        (found,) = parse(text, names).evaluate({1: big})
        if expected is None:  # 2**64 does not fit 64 bits with a sign
            assert found.values.dtype == np.float64
        else:
            assert found.values.dtype == np.int64 and found.values.tolist() == expected
    assert outcome("b1 ** 3").values.tolist() == [1, 8, 27, 216000000000000]
    (found,) = parse("b1", names).evaluate({1: np.array([2**64 - 1], np.uint64)})
    assert found.values.dtype == np.float64


def test_large_numbers_cancel_exactly():
    big = np.array([2**32 - 1, 2**31], np.uint32)
    (found,) = parse("(b1 * 1000 + 7) - b1 * 1000", Names(1)).evaluate({1: big})
    assert found.values.tolist() == [7, 7]
    (found,) = parse("b1 // b1 - 8589934592 + 8589934593", Names(1)).evaluate({1: big})
    assert found.values.tolist() == [2, 2]


def test_what_is_not_defined_is_invalid_and_not_zero():
    for text, expected in (
        ("b1 / b2", [0, 1, 0, 0]),
        ("b1 // b2", [0, 1, 0, 0]),
        ("b3 // b4", [1, 0, 0, 0]),
        ("b1 / b2 > 1", [0, 1, 0, 0]),
        ("not b1 / b2", [0, 1, 0, 0]),
        ("log(b3)", [0, 1, 0, 0]),
        ("log10(b4)", [1, 0, 0, 0]),
        ("sqrt(b3)", [0, 1, 0, 0]),
        ("b3 ** .5", [0, 1, 0, 0]),
        ("b4 ** -1", [1, 0, 0, 0]),
        ("min(b1, b1 / b2)", [0, 1, 0, 0]),
        ("where(b1 / b2 > 1, 1, 2)", [0, 1, 0, 0]),
    ):
        assert outcome(text).undefined.tolist() == [bool(v) for v in expected], text
        assert not outcome(text).finite[outcome(text).undefined].any()


def test_a_guard_keeps_what_it_guards_defined():
    guarded = ("where(b2 != 0, b1 / b2, 5)", "where(b2 == 0, 5, b1 / b2)")
    for text in guarded:
        found = outcome(text)
        assert found.finite.all() and found.values[1] == 5
    found = outcome("b2 != 0 and b1 / b2 > 0.3")
    assert found.finite.all() and found.values.tolist() == [False, False, True, True]
    found = outcome("b2 == 0 or b1 / b2 > 0.3")
    assert found.finite.all() and found.holds.tolist() == [False, True, True, True]
    assert outcome("b2 == 4 or b1 / b2 > 0.3").undefined.tolist() == [False, True, False, False]


def test_nan_and_infinity_are_results_only_when_they_are_asked_for():
    assert parse("where(b1 > 1, nan, b1)", NAMES).speaks_of_nan
    assert not parse("b1", NAMES).speaks_of_nan
    assert outcome("exp(b1)").finite.tolist() == [True, True, True, False]
    assert outcome("where(b1 > 1, inf, b1)").finite.tolist() == [True, False, False, False]


def test_several_expressions_give_several_results():
    found = parse("b1; b2 > 3; 5", NAMES).evaluate(BANDS)
    assert [one.values.tolist() for one in found] == [B1.tolist(), [True, False, False, True], 5]


def test_percentiles_are_named_and_filled_in():
    found = parse("b1 > 5%b1 & b3 < 99.5 % B3 & 5%b1 > 0", NAMES)
    assert found.percentiles == ((5.0, 1), (99.5, 3))
    assert found.bands == (1, 3)
    known = {(5.0, 1): 2, (99.5, 3): 50.0}
    (one,) = found.evaluate(BANDS, known)
    assert one.values.tolist() == [False, False, True, False]
    (one,) = found.evaluate(BANDS, {**known, (5.0, 1): None})
    assert not one.holds.any()
    assert values("-5%b1 + 1", percentiles={(5.0, 1): 3}) == -2


def test_a_band_is_a_whole_word():
    bands = {k: np.full(2, k) for k in range(1, 13)}
    (one,) = parse("b1 * 100 + b10", Names(12)).evaluate(bands)
    assert one.values.tolist() == [110, 110]
    with pytest.raises(InvalidOption, match=r'"b10" at character 6: the image has 1 band \(b1\)'):
        parse("b1 + b10", Names(1))
    with pytest.raises(InvalidOption, match=r"has 3 bands \(b1 to b3\) and alpha\."):
        parse("b4", Names(3, alpha=True))


def test_the_error_points_at_the_character():
    with pytest.raises(InvalidOption) as error:
        parse("b1 > 3 and b7 < 2", NAMES)
    sentence, text, caret = str(error.value).split("\n")
    assert sentence == 'Unknown name "b7" at character 12: the image "a" has 4 bands (b1 to b4).'
    assert text[caret.index("^")] == "b" and text[caret.index("^") :].startswith("b7")
    with pytest.raises(InvalidOption) as error:
        parse("b1 + " * 100 + "c", NAMES)
    sentence, text, caret = str(error.value).split("\n")
    assert "character 501" in sentence and text[caret.index("^")] == "c" and len(text) < 100


SENTENCES = {
    "": "The expression is empty at character 1.",
    "b1 = 3": 'One "=" at character 4: write "==" to compare.',
    "(b1 + 2": 'Missing ")" at character 8 for the "(" at character 1.',
    "b1 + 2)": '")" at character 7 closes nothing.',
    "b1 +": 'A value is missing at character 5 after "+".',
    "b1 b2": 'An operator is missing before "b2" at character 4.',
    "b1 % 5": '"%" at character 4 follows no number',
    "5 % 3": 'A band such as b1 is missing after "%" at character 5',
    "%b1": '"%" at character 1 has no percentage before it',
    "101%b1": "The percentile 101 at character 1 is not 0 to 100.",
    "where(b1, 2)": "where at character 1 takes 3 arguments, not 2.",
    "min(b1)": "min at character 1 takes at least 2 arguments, not 1.",
    "abs()": "abs at character 1 takes 1 argument, not 0.",
    "sqr(b1)": 'Unknown function "sqr" at character 1. Did you mean sqrt?',
    "sqrt": 'The function "sqrt" at character 1 needs parentheses.',
    "b1(2)": '"b1" at character 1 is not a function.',
    "zzz": 'Unknown name "zzz" at character 1. Bands are called b1 to b4.',
    "5 == not b1": 'Put "not …" at character 6 into parentheses.',
    "b1, b2": '"," at character 3 stands outside the arguments of a function.',
    "b1 if b2 else b3": '"if" is not allowed here (at character 4).',
    "1_000": '"1_000" at character 1 is not a number.',
    "1e999": "The number at character 1 is too large.",
    "2 ** 65": 'The exponent after "**" at character 3 is beyond 64.',
    "b1 ** (8 * 9)": 'The exponent after "**" at character 4 is beyond 64.',
    "{kind}": 'Unknown field "{kind}" at character 1: the fields are: order, cloud cover.',
    "bit(b1 + 1, 2)": "bit at character 1 needs a band of whole numbers first",
    "bit(b1, 63)": "bit at character 1 needs the number of a bit, 0 to 62.",
    "bit(b1, b2)": "bit at character 1 needs the number of a bit, 0 to 62.",
    "b1^2": '"^" at character 3 is not allowed: write "**" for a power.',
    "b1 − 1": '"−" (U+2212) at character 4 is not one of the plain letters',
    "１ + b1": 'Write "1".',
    "(b1)(b2)": '"(" at character 5: only functions are followed by a parenthesis.',
    "b1 > 2 && b2": '"&&" at character 9: write "&" or "and".',
    "b1 || b2": '"||" at character 5: write "|" or "or".',
    "b1 <> b2": '"<>" at character 5: write "!=".',
    "b1 +\n\x00": "The character U+0000 at character 6",
}


@pytest.mark.parametrize("text", SENTENCES)
def test_each_mistake_has_its_sentence(text):
    with pytest.raises(InvalidOption) as error:
        parse(text, NAMES)
    assert SENTENCES[text] in str(error.value)


def test_what_an_image_does_not_have_is_said():
    with pytest.raises(InvalidOption, match='"nodata" at character 1: the image "a" declares no'):
        parse("nodata", Names(1, "a"))
    with pytest.raises(InvalidOption, match="there are none here"):
        parse("{order}", Names(1))
    with pytest.raises(InvalidOption, match="needs a band of whole numbers"):
        parse("bit(b1, 2)", Names(1, whole=False))


HOSTILE = [
    *("__import__('os').system('x')", "__import__", "__builtins__", "__name__", "_", "__b1__"),
    *("b1.__class__", "b1.shape", "b1.dtype", "().__class__.__bases__", "b1.tolist()", "b1.T"),
    *("eval('1')", "exec('1')", "eval(b1)", "open('/etc/passwd')", "compile", "globals()"),
    *("getattr(b1, b2)", "setattr(b1, b2, 3)", "vars()", "dir()", "help()", "input()", "id(b1)"),
    *("lambda: 1", "lambda x: x", "(lambda: b1)()", "lambda", "def f(): pass", "class A: pass"),
    *("[b1]", "[b1 for b1 in b2]", "[[1 for x in y] for y in z]", "(b1 for b1 in b2)", "{b1}"),
    *("{b1: b2}", "{b1 for b1 in b2}", "{}", "{{order}}", "{order", "order}", "{order!r}"),
    *("b1[0]", "b1[0:1]", "b1[::]", "b1 if b2 else b3", "b1 := 3", "(x := 3)", "x = 3", "b1 += 1"),
    *("import os", "from os import path", "del b1", "return b1", "yield b1", "await b1", "pass"),
    *("assert b1", "raise b1", "global b1", "print(b1)", "while b1: b2", "for b1 in b2: b3"),
    *("'a'", '"a"', "'''a'''", "f'{b1}'", "b'1'", "r'1'", "u'1'", "'b1' * 3", "b1 + 'a'"),
    *("9 ** 999999999", "9 ** 9 ** 9", "9 ** (9 ** 9)", "b1 ** 1e9", "b1 ** inf", "b1 ** nan"),
    *("2 ** (64 + 1)", "2 ** (2 * 33)", "2 ** --65"),
    *("2 ** (130 // 1.9)", "2 ** (1 / 0)", "b1**-65"),
    *("1j", "1 + 2j", "0x10", "0b1", "0o7", "1_0"),
    *("1e", "1e+", "1..2", "1.2.3", "..1", "1a", "5b1"),
    *("1e400", "9" * 400, "1" * 1999, "b1 @ b2", "b1 << 2", "b1 >> 2", "b1 ^ b2", "b1 ! b2", "!b1"),
    *("b1 <> b2", "b1 === b2", "b1 =< b2", "b1 => b2"),
    *("b1 && b2", "b1 || b2", "b1 ** ** b2", "b1 is b2"),
    *("b1 in b2", "b1 not in b2", "b1 is not b2", "and"),
    *("or", "not", "b1 and", "or b1", "b1 not b2"),
    *("+b1", "*b1", "**b1", "f(*b1)", "min(*b1)", "min(b1, key=b2)", "round(b1, ndigits=2)"),
    *("b1 b2", "b1 2", "2 b1", "b1 (b2)", "(b1) b2"),
    *("sin b1", "sin", "sin(b1)(b2)", "pi()", "nan()"),
    *("b0", "b5", "b01", "b1b2", "b", "bb1"),
    *("b-", "b99999999999999999999", "b1_", "b_1", "c1", "band1"),
    *("", " ", "\n", "()", "(", ")", ")(", "((b1)"),
    *("(b1))", ",", "b1,", ",b1", ";", "b1;", ";b1", "b1;;b2"),
    *("min()", "min(,)", "min(b1,)", "min(,b1)", "where(b1,b2,b3,b4)", "clip(b1)", "abs(b1,b2)"),
    *("b1 = 1", "b1 == ", "== b1", "b1 < ", "< b1"),
    *("b1 < > b2", "b1 +* b2", "b1 //", "/ b1", "-", "~"),
    *("5%", "%b1", "5%5%b1", "5%b7", "-1%%b1"),
    *("5%(b1)", "(5)%b1", "b1%b2", "1e3%b1", "101%b1", "5%pi"),
    *("bit(b1)", "bit(1, 2)", "bit(b1, -1)"),
    *("bit(b1, 2.5)", "bit(b1, b2)", "bit(b3+1, 1)", "bit(5%b1, 1)"),
    *("\u0062\u0301 + 1", "\uff421", "\u0431 + 1"),
    *("b\u0661", "b1\u00a0+ 1", "b1 \u00d7 2", "b1 \u2212 1"),
    *("\u212f", "\u03c0", "\u221e", "b1 \u2264 2"),
    *("b1 \u2260 2", "\u202eb1", "b1\u200b", "\U0001f600"),
    *("b1 # comment", "b1 \\ b2", "b1 $ 2", "b1 ? b2 : b3", "`b1`", "b1\x00", "\x1b[31m", "b1\x7f"),
    *("(" * 51 + "b1" + ")" * 51, "(" * 1900),
    *("-" * 1000 + "b1", "~" * 60 + "b1", "not " * 60 + "b1"),
    *("2**" * 60 + "1", "abs(" * 60 + "b1" + ")" * 60, "where(" * 300, "{" * 1000, "[" * 1000),
    *("+".join(["b1"] * 251), "b1 " * 600, "1;" * 900 + "1;"),
    *("x" * 1_000_000, "b1+" * 333_334, "(" * 1_000_000),
]  # fmt: skip


def test_there_are_hundreds_of_hostile_texts():
    assert len(set(HOSTILE)) == len(HOSTILE) >= 200


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:40]))
def test_hostile_text_is_refused_with_a_sentence_that_points_at_the_character(text):
    started = time.perf_counter()
    with pytest.raises(InvalidOption) as error:
        parse(text, NAMES)
    assert time.perf_counter() - started < 0.5
    sentence, shown, caret = str(error.value).split("\n")
    place = int(re.search(r"character (\d+)", sentence).group(1))
    assert 1 <= place <= min(len(text), 2000) + 1
    assert caret.strip() == "^" and len(shown) <= 90
    start = place - 1 - (caret.index("^") - (2 if shown.startswith("… ") else 0))
    assert 0 <= start <= place - 1


def test_the_longest_texts_that_are_allowed_are_read():
    found = parse("+".join(["b1"] * 250), NAMES)
    assert found.evaluate(BANDS)[0].values.tolist() == [250 * int(v) for v in B1]
    parse("(" * 50 + "b1" + ")" * 50, NAMES)
    parse("b1" + " " * 1998, NAMES)
