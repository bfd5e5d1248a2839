# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting the plugin is cheap and needs nothing but numpy, GDAL and QGIS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = """
import importlib.util, sys, time
import numpy, qgis.core
from osgeo import gdal, ogr, osr
root, hidden = sys.argv[1], sys.argv[2:]
for name in hidden:
    sys.modules[name] = None
spec = importlib.util.spec_from_file_location(
    "orthoweave", root + "/__init__.py", submodule_search_locations=[root]
)
package = sys.modules["orthoweave"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
before = set(sys.modules)
import time
start = time.process_time()
plugin = package.classFactory(None)
from orthoweave.algorithms import ALGORITHMS
for algorithm in ALGORITHMS:
    algorithm().initAlgorithm()
print(time.process_time() - start)
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
OPTIONAL = ("cv2", "scipy", "shapely", "matplotlib", "distributed")


def started(*hidden: str) -> tuple[float, set[str]]:
    """Start the plugin in a new Python; return its CPU seconds and the packages it loaded."""
    command = [sys.executable, "-W", "ignore", "-B", "-c", START, str(ROOT), *hidden]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seconds, loaded = done.stdout.strip().splitlines()
    return float(seconds), set(loaded.split())


def test_starting_loads_no_optional_package_and_is_quick() -> None:
    seconds, loaded = started()
    assert not loaded & set(OPTIONAL)
    # 51 tools take 0.2 s on a quiet machine (0.3 s are allowed), twice that on a busy one
    assert seconds < 0.6


@pytest.mark.parametrize("hidden", [OPTIONAL], ids=["no optional package"])
def test_every_algorithm_starts_without_the_optional_packages(hidden: tuple[str, ...]) -> None:
    started(*hidden)
