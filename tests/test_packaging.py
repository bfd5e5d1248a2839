# SPDX-License-Identifier: GPL-2.0-or-later
"""One version, one list of packages, and a zip that the plugin store takes."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def value(name: str, key: str) -> str:
    """What a line `key = value` of a file says, without quotes."""
    found = re.search(rf"^{key}\s*=\s*(.+)$", text(name), re.MULTILINE)
    assert found, f"{name} has no {key}"
    return found.group(1).strip().strip('"')


@pytest.fixture(scope="module")
def check_zip():
    """The script dev/check_zip.py as a module."""
    spec = importlib.util.spec_from_file_location("check_zip", ROOT / "dev" / "check_zip.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(*arguments: str, **environment: str) -> str:
    """Run git in the repository; skip where there is none."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a clone")
    told = subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()


@pytest.fixture(scope="module")
def package_zip(tmp_path_factory):
    """The zip of the work tree as it is, made without touching the repository."""
    folder = tmp_path_factory.mktemp("zip")
    (folder / "objects").mkdir()
    objects = ROOT / git("rev-parse", "--git-path", "objects")
    apart = {
        "GIT_INDEX_FILE": str(folder / "index"),
        "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
    }
    git("-c", "core.safecrlf=false", "add", "-A", **apart)
    tree = git("write-tree", **apart)
    path = folder / "orthoweave.zip"
    git("archive", "--prefix=orthoweave/", "--format=zip", "-o", str(path), tree, **apart)
    return path


def test_metadata_changelog_and_pyproject_have_one_version(check_zip):
    version = value("metadata.txt", "version")
    assert version == value("pyproject.toml", "version")
    assert version == check_zip.newest_version(text("CHANGELOG.md"))


def test_the_changelog_keeps_a_place_for_what_is_new():
    headings = re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", line) for line in headings[1:])


def test_every_folder_of_core_is_installed():
    found = re.search(r"^packages = (\[.*?\])", text("pyproject.toml"), re.MULTILINE | re.DOTALL)
    listed = ast.literal_eval(found.group(1))
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "core").rglob("__init__.py")}
    expected = {".".join(("orthoweave", *folder.parts)) for folder in folders}
    assert set(listed) == expected | {"orthoweave"}
    assert listed == sorted(listed)


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for path in (ROOT / "core").rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_the_license_is_the_general_public_license_version_2():
    assert "GNU GENERAL PUBLIC LICENSE" in text("LICENSE")
    assert "Version 2, June 1991" in text("LICENSE")
    assert value("pyproject.toml", "license") == "GPL-2.0-or-later"


@pytest.mark.parametrize(
    "name", ["setup", "demo", "test", "smoke", "qgis_process", "package.sh", "../.ci/run"]
)
def test_the_scripts_can_be_executed(name):
    assert (ROOT / "dev" / name).stat().st_mode & stat.S_IXUSR


def test_ci_runs_the_tests_and_nothing_else():
    lines = [line for line in text(".ci/run").splitlines() if not line.startswith("#")]
    assert lines == ['exec "$(dirname "$0")/../dev/test"']


def test_the_zip_passes_its_check(package_zip, check_zip):
    with zipfile.ZipFile(package_zip) as archive:
        assert list(check_zip.problems(archive)) == []


def test_the_zip_holds_the_plugin_and_no_development(package_zip):
    with zipfile.ZipFile(package_zip) as archive:
        parts = {tuple(name.split("/")[1:2]) for name in archive.namelist()}
    top = {part[0] for part in parts if part and part[0]}
    assert {"core", "algorithms", "provider", "icons", "metadata.txt", "LICENSE"} <= top
    assert not top & {"tests", "bench", "docs", "dev", ".ci", "Makefile", "pyproject.toml"}
    assert not [name for name in top if name.startswith(".")]


BAD = {
    "other/a.py": "is not below orthoweave/",
    "orthoweave/../a.py": "is not below orthoweave/",
    "orthoweave/a.pyc": "may not be in it",
    "orthoweave/__pycache__/a.py": "may not be in it",
    "orthoweave/.git/config": "may not be in it",
    "orthoweave/run.sh": "may not be in it",
}


@pytest.mark.parametrize("name", BAD)
def test_the_check_finds_what_may_not_be_in_a_zip(tmp_path, check_zip, name):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "")
    with zipfile.ZipFile(path) as archive:
        assert f"{name} {BAD[name]}" in list(check_zip.problems(archive))


def test_the_check_finds_executables_missing_files_and_other_versions(tmp_path, check_zip):
    path = tmp_path / "bad.zip"
    entry = zipfile.ZipInfo("orthoweave/plugin.py")
    entry.external_attr = 0o100755 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, "")
        for name in ("__init__.py", "LICENSE", "README.md"):
            archive.writestr(f"orthoweave/{name}", "")
        archive.writestr("orthoweave/metadata.txt", "[general]\nname=a\nversion=1.0.0\nicon=a.svg")
    with zipfile.ZipFile(path) as archive:
        found = list(check_zip.problems(archive))
    assert "orthoweave/plugin.py is executable" in found
    assert "CHANGELOG.md is missing" in found
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("orthoweave/CHANGELOG.md", "## Unreleased\n\n## 0.9.0 - 2030-01-01\n")
    with zipfile.ZipFile(path) as archive:
        found = list(check_zip.problems(archive))
    assert "metadata.txt says 1.0.0, CHANGELOG.md 0.9.0" in found
    assert "metadata.txt has no author" in found
    assert "a.svg is missing" in found
