# SPDX-License-Identifier: GPL-2.0-or-later
"""The one place that knows which optional package is there."""

from __future__ import annotations

import importlib
import importlib.util
import threading
from types import ModuleType
from typing import NamedTuple

from .errors import MissingPackage


class Package(NamedTuple):
    """An optional package: import name, name users know, name for pip, name for Debian's apt."""

    module: str
    title: str
    pip: str
    apt: str


OPTIONAL = {
    "cv2": Package("cv2", "OpenCV", "opencv-python-headless", "python3-opencv"),
    "scipy": Package("scipy", "SciPy", "scipy", "python3-scipy"),
    "shapely": Package("shapely", "Shapely", "shapely", "python3-shapely"),
    "matplotlib": Package("matplotlib", "Matplotlib", "matplotlib", "python3-matplotlib"),
    "dask": Package("distributed", "Dask", "distributed", "python3-distributed"),
}


_IMPORTING = threading.RLock()
"""Held while a package is imported: SciPy cannot be found by two threads that begin at once."""


def require(module: str, purpose: str) -> ModuleType:
    """Import a module of an optional package, for example "scipy.ndimage".

    Raises MissingPackage with one sentence that says what needs it and what to install.
    """
    package = OPTIONAL[module.partition(".")[0]]
    name = package.module if "." not in module else module
    try:
        with _IMPORTING:
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackage(
            f"{purpose} needs {package.title}, which this Python does not have ({error}). "
            'Run "Check installation" for the install line.'
        ) from error


def available(package: str) -> bool:
    """Return True when an optional package can be found, without importing it."""
    try:
        return importlib.util.find_spec(OPTIONAL[package].module) is not None
    except (ImportError, ValueError):
        return False


def version(package: str) -> str:
    """Return the version of an optional package, or the reason why it cannot be imported."""
    try:
        with _IMPORTING:
            found = importlib.import_module(OPTIONAL[package].module)
    except ImportError as error:
        return f"absent ({error})"
    return str(getattr(found, "__version__", "unknown"))
