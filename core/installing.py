# SPDX-License-Identifier: GPL-2.0-or-later
"""The line that installs optional packages for the Python that runs, chosen by platform."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from .deps import OPTIONAL, Package

WANTED = ("cv2", "scipy", "shapely", "matplotlib")
"""Import names of the packages that methods need."""

DEBIAN = "/usr/lib/python3/dist-packages"
"""Where Debian's and Ubuntu's packages install Python modules."""

FLATPAK = "org.qgis.qgis"

CONDA_NAMES = {"cv2": "opencv"}


@dataclass(frozen=True)
class Home:
    """Where a Python lives, as far as the way to install packages depends on it."""

    platform: str
    prefix: str
    exec_prefix: str
    base_prefix: str
    path: tuple[str, ...]
    flatpak: bool = False

    @property
    def kind(self) -> str:
        """How packages get there: conda, flatpak, debian or pip."""
        if os.path.isdir(os.path.join(self.prefix, "conda-meta")):
            return "conda"
        if self.flatpak:
            return "flatpak"
        debian = self.platform.startswith("linux") and DEBIAN in self.path
        return "debian" if debian else "pip"

    @property
    def interpreter(self) -> str | None:
        """The Python program below exec_prefix; sys.executable may be QGIS itself."""
        version = f"python3.{sys.version_info.minor}"
        windows = self.platform == "win32"
        names = ("python3.exe", "python.exe") if windows else (version, "python3", "python")
        folder = self.exec_prefix if windows else os.path.join(self.exec_prefix, "bin")
        places = (os.path.join(folder, name) for name in names)
        return next((place for place in places if os.path.isfile(place)), None)


def this_home() -> Home:
    """Return where the running Python lives."""
    return Home(
        platform=sys.platform,
        prefix=sys.prefix,
        exec_prefix=sys.exec_prefix,
        base_prefix=sys.base_prefix,
        path=tuple(sys.path),
        flatpak=os.path.exists("/.flatpak-info"),
    )


def install_line(names: Sequence[str], home: Home, numpy_version: str) -> str | None:
    """Return the line that installs optional packages, given by import name.

    None when no Python program is found that could run pip. pip keeps the numpy that QGIS has.
    """
    packages = [OPTIONAL[name] for name in names]
    if home.kind == "debian":
        return shlex.join(["sudo", "apt", "install", *(package.apt for package in packages)])
    if home.kind == "conda":
        return shlex.join(["conda", "install", "-c", "conda-forge", *map(_conda_name, packages)])
    python = home.interpreter
    if python is None:
        return None
    start = [python]
    if home.kind == "flatpak":
        start = ["flatpak", "run", f"--command={python}", FLATPAK]
    own = [] if home.prefix != home.base_prefix else ["--user"]
    wheels = [package.pip for package in packages]
    words = [*start, "-m", "pip", "install", *own, *wheels, f"numpy=={numpy_version}"]
    return _windows_line(words) if home.platform == "win32" else shlex.join(words)


def _windows_line(words: Sequence[str]) -> str:
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def _conda_name(package: Package) -> str:
    return CONDA_NAMES.get(package.module, package.pip)
