# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from orthoweave.core import deps
from orthoweave.core.errors import MissingPackage


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Make the entry "matplotlib" stand for a package of our own."""

    def make(text: str | None) -> None:
        if text is not None:
            (tmp_path / "faked_package").mkdir()
            (tmp_path / "faked_package" / "__init__.py").write_text(text, encoding="utf-8")
            (tmp_path / "faked_package" / "part.py").write_text("X = 1\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        entry = deps.Package("faked_package", "Fake", "fake", "python3-fake")
        monkeypatch.setitem(deps.OPTIONAL, "faked_package", entry)

    yield make
    for name in [name for name in sys.modules if name.startswith("faked_package")]:
        del sys.modules[name]


def test_a_package_that_is_there_is_imported_and_has_a_version(fake):
    fake("__version__ = '1.2'\n")
    assert deps.available("faked_package")
    assert "faked_package" not in sys.modules
    assert deps.require("faked_package.part", "Seams").X == 1
    assert deps.require("faked_package", "Seams").__version__ == "1.2"
    assert deps.version("faked_package") == "1.2"


def test_a_package_without_version_is_still_there(fake):
    fake("")
    assert deps.version("faked_package") == "unknown"


def test_an_absent_package_gives_a_sentence_with_purpose_and_remedy(fake):
    fake(None)
    assert not deps.available("faked_package")
    assert deps.version("faked_package").startswith("absent (No module named")
    with pytest.raises(MissingPackage) as caught:
        deps.require("faked_package.part", "Voronoi seamlines")
    assert str(caught.value) == (
        "Voronoi seamlines needs Fake, which this Python does not have "
        "(No module named 'faked_package'). "
        'Run "Check installation" for the install line.'
    )


def test_a_broken_package_says_why(fake):
    fake("raise ImportError('numpy is too old')\n")
    assert deps.available("faked_package")
    assert deps.version("faked_package") == "absent (numpy is too old)"
    with pytest.raises(MissingPackage, match="numpy is too old"):
        deps.require("faked_package", "Seams")


def test_a_package_known_under_another_name_is_found_by_its_module(fake, monkeypatch):
    fake("X = 2\n")
    monkeypatch.setitem(deps.OPTIONAL, "alias", deps.OPTIONAL["faked_package"])
    assert deps.require("alias", "Clusters").X == 2
    assert deps.available("alias")


@pytest.mark.parametrize("name", deps.OPTIONAL)
def test_each_optional_package_has_names_for_people_pip_and_apt(name):
    package = deps.OPTIONAL[name]
    assert package.title
    assert package.pip
    assert package.apt.startswith("python3-")


def test_two_threads_never_import_at_once(fake, monkeypatch):
    fake("")
    inside, most = [], []
    begun = threading.Event()

    def slow(name):
        inside.append(name)
        most.append(len(inside))
        begun.wait(0.05)  # the time in which another thread would come in
        inside.pop()

    monkeypatch.setattr(deps.importlib, "import_module", slow)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: deps.require("faked_package", "Seams"), range(4)))
    assert most == [1, 1, 1, 1]
