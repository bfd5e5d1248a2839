# SPDX-License-Identifier: GPL-2.0-or-later
"""Importing the package needs numpy and GDAL alone; optional packages wait until a method asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OPTIONAL = ("cv2", "scipy", "shapely", "matplotlib", "distributed")

IMPORT_CORE = """
import importlib, pkgutil, sys
import numpy, osgeo.gdal
from osgeo import gdal_array, ogr, osr
before = set(sys.modules)
import orthoweave, orthoweave.core
for found in pkgutil.walk_packages(orthoweave.core.__path__, "orthoweave.core."):
    importlib.import_module(found.name)
"""
IMPORT_PLUGIN = """
import sys
import qgis.core, qgis.gui, qgis.PyQt.QtWidgets
before = set(sys.modules)
import orthoweave.plugin, orthoweave.provider, orthoweave.algorithms
"""
HIDE = f"""
import sys
for name in {OPTIONAL}:
    sys.modules[name] = None
"""
TELL = """
new = {name.partition(".")[0] for name in set(sys.modules) - before if sys.modules[name]}
print(" ".join(sorted(new)))
"""


@pytest.fixture
def python(tmp_path):
    """Run Python where the repository is the package `orthoweave`; return what it printed."""
    (tmp_path / "orthoweave").symlink_to(ROOT, target_is_directory=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "QT_QPA_PLATFORM": "offscreen",
        "HOME": str(tmp_path),
    }

    def run(code: str) -> str:
        told = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        return told.stdout

    return run


def test_importing_all_of_core_brings_in_no_optional_package_and_no_qgis(python):
    loaded = python(IMPORT_CORE + TELL).split()
    assert "orthoweave" in loaded
    assert not {*OPTIONAL, "qgis", "PyQt5", "PyQt6"} & set(loaded)


def test_importing_the_plugin_brings_in_no_optional_package(python):
    pytest.importorskip("qgis.core", reason="this Python has no QGIS")
    loaded = python(IMPORT_PLUGIN + TELL).split()
    assert "orthoweave" in loaded
    assert not set(OPTIONAL) & set(loaded)


def test_all_of_core_can_be_imported_without_the_optional_packages(python):
    assert "orthoweave" in python(HIDE + IMPORT_CORE + TELL).split()


def test_the_plugin_can_be_imported_without_the_optional_packages(python):
    pytest.importorskip("qgis.core", reason="this Python has no QGIS")
    assert "orthoweave" in python(HIDE + IMPORT_PLUGIN + TELL).split()


def test_the_package_itself_imports_neither_qgis_nor_core(python):
    loaded = python("import sys\nbefore = set(sys.modules)\nimport orthoweave" + TELL).split()
    assert loaded == ["__future__", "orthoweave"] or loaded == ["orthoweave"]
