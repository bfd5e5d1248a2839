# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import pytest
from orthoweave.core import operations
from orthoweave.core.errors import InvalidOption, MissingPackage
from orthoweave.core.installing import WANTED
from orthoweave.core.operations import checkinstallation, installed
from orthoweave.core.operations.checkinstallation import Request, run

TOOLS = (
    ("one", SimpleNamespace(NEEDS=(("plain", ()), ("sharp", ("cv2", "scipy"))))),
    ("two", SimpleNamespace(NEEDS=())),
    ("three", SimpleNamespace()),
)


@pytest.fixture
def bare(monkeypatch):
    """A Python without optional packages, with three tools."""
    monkeypatch.setattr(checkinstallation, "version", lambda name: f"absent (no {name})")
    monkeypatch.setattr(checkinstallation, "installed", lambda _package: dict(TOOLS))


def test_this_installation_passes_its_self_test(tmp_path, listen):
    heard = listen()
    result = run(Request(report=str(tmp_path / "check.html")), heard)
    text = (tmp_path / "check.html").read_text(encoding="utf-8")
    assert result.passed == 1, text
    assert result.report == str(tmp_path / "check.html")
    assert result.install_command in text.replace("&#x27;", "'")
    assert "mergerasters: covered pixels" in text and "globalregression: largest gain" in text
    assert heard.warnings == [] and heard.fractions[-1] == 1.0
    assert heard.fractions == sorted(heard.fractions)


def test_quick_leaves_the_self_test_out():
    result = run(Request(quick=True))
    assert result.passed is None and result.report is None
    assert 0 <= result.missing <= len(WANTED)


def test_missing_packages_are_counted_and_the_methods_that_wait_are_named(bare, tmp_path, listen):
    heard = listen()
    result = run(Request(quick=True, report=str(tmp_path / "r.html")), heard)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert (result.missing, result.ready) == (len(WANTED), 2)
    assert 'class="verdict usable"' in text and "no cv2" in text
    assert "needs OpenCV and SciPy" in text
    assert "Missing: OpenCV, SciPy, Shapely, Matplotlib." in heard.infos
    assert heard.infos[-1] == f"To install: {result.install_command}"


def test_a_package_that_breaks_on_import_is_a_line_of_the_report(monkeypatch, tmp_path):
    def broken(name):
        raise AttributeError("_ARRAY_API not found")

    monkeypatch.setattr(checkinstallation, "version", broken)
    result = run(Request(quick=True, report=str(tmp_path / "r.html")))
    assert result.missing == len(WANTED)
    assert "AttributeError: _ARRAY_API not found" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("error", [MissingPackage("No numpy."), OSError("disk"), KeyError("x")])
def test_a_failing_self_test_is_reported_and_nothing_is_raised(monkeypatch, tmp_path, error):
    def fail(request, progress):
        raise error

    monkeypatch.setattr(checkinstallation.sampledata, "run", fail)
    result = run(Request(report=str(tmp_path / "r.html")))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert result.passed == 0
    assert 'class="verdict failed"' in text and type(error).__name__ in text


def test_a_wrong_number_fails_the_self_test(monkeypatch, tmp_path):
    union = checkinstallation._union
    monkeypatch.setattr(checkinstallation, "_union", lambda: union()[1:])
    assert run(Request()).passed == 0


def test_probes_that_fail_leave_a_word(monkeypatch, tmp_path):
    def fail():
        raise OSError("no")

    for name in ("formats", "compressions", "gdal_version", "_memory", "_disk"):
        monkeypatch.setattr(checkinstallation, name, fail)
    monkeypatch.setattr(checkinstallation, "install_line", lambda *_: None)
    result = run(Request(quick=True, report=str(tmp_path / "r.html")))
    assert result.install_command is None
    assert "No Python program was found below" in (tmp_path / "r.html").read_text()


def test_every_operation_of_the_package_is_listed():
    found = installed(operations)
    assert {"checkinstallation", "mergerasters", "sampledata"} <= set(found)


def test_bad_options_give_their_sentence():
    with pytest.raises(
        InvalidOption, match=r"Skip the self-test: 'perhaps' is not true or false\."
    ):
        Request(quick="perhaps")
