# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def measure():
    """The script dev/measure.py as a module."""
    spec = importlib.util.spec_from_file_location("measure", ROOT / "dev" / "measure.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["measure"] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["measure"]


@pytest.fixture
def source(measure):
    """Make a measured file of text."""

    def make(text: str, name: str = "core/a.py"):
        text = f"{measure.SPDX}\n{text}"
        return measure.Source(name, text, ast.parse(text))

    return make


def lines(count: int, word: str = "x") -> str:
    return "".join(f"    {word}_{n} = {n}\n" for n in range(count))


@pytest.mark.parametrize(("count", "over"), [(60, False), (61, True)])
def test_a_body_may_have_60_lines_without_its_docstring(measure, source, count, over):
    found = list(
        measure.over_budget(source(f'def f():\n    """One.\n\n    Two."""\n{lines(count)}'))
    )
    assert any("lines, the limit is 60" in text for text in found) is over


@pytest.mark.parametrize(
    ("signature", "over"),
    [
        ("def f(a, b, c, d, e, f): ...", False),
        ("def f(a, b, c, d, /, e, *, f, g): ...", True),
        ("class A:\n    def f(self, a, b, c, d, e, f): ...", False),
    ],
)
def test_a_function_may_have_6_arguments_beside_self(measure, source, signature, over):
    found = list(measure.over_budget(source(signature)))
    assert any("arguments" in text for text in found) is over


def test_a_file_may_have_400_lines_and_an_algorithm_120(measure, source):
    long = lines(400).replace("    ", "")
    face = f"class A:\n    operation = mergerasters\n{lines(130)}"
    assert any("400" in text for text in measure.over_budget(source(long)))
    assert any("120" in text for text in measure.over_budget(source(face, "algorithms/a.py")))
    assert not list(measure.over_budget(source(face, "provider/a.py")))


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "eval('1')",
        "assert True",
        "def f():\n    global x\n    x = 1",
        "try:\n    x = 1\nexcept Exception:\n    x = 2",
        "try:\n    x = 1\nexcept:\n    x = 2",
    ],
)
def test_what_no_product_file_may_have_is_found(measure, source, text):
    assert len(list(measure.over_budget(source(text)))) == 1


def test_a_named_exception_is_no_broad_one(measure, source):
    text = "try:\n    x = 1\nexcept (OSError, ValueError):\n    x = 2"
    assert not list(measure.over_budget(source(text)))


def test_names_that_say_nothing_and_missing_license_lines_are_found(measure, source):
    assert list(measure.over_budget(source("", "core/utils.py")))
    bare = measure.Source("core/a.py", "x = 1\n", ast.parse("x = 1\n"))
    assert list(measure.over_budget(bare)) == ["core/a.py:1 has no SPDX line"]


def test_six_identical_lines_in_two_places_are_told_once(measure, source):
    one = source(f"import os\n\n\ndef f():\n{lines(9)}", "core/a.py")
    two = source(f"def g():\n    # why\n{lines(9)}    return 1\n", "core/b.py")
    found = list(measure.repeats([one, two]))
    assert found == ["6 or more identical lines: core/a.py:6 and core/b.py:4"]


def test_five_identical_lines_imports_brackets_and_docstrings_do_not_count(measure, source):
    shared = f'"""Same words here."""\nimport a\nimport b\nx = [\n]\n\n\ndef f():\n{lines(3)}'
    one, two = source(shared, "core/a.py"), source(shared.replace("x = [", "y = ["), "core/b.py")
    assert not list(measure.repeats([one, two]))


def test_the_budget_is_measured_on_the_product(measure):
    names = [found.name for found in measure.sources()]
    assert "core/cli.py" in names
    assert not [name for name in names if name.startswith(("tests/", "dev/", "bench/"))]
