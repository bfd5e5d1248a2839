# SPDX-License-Identifier: GPL-2.0-or-later
"""Check installation, in the Toolbox."""

from __future__ import annotations

from ..core.requests import checkinstallation
from .base import OperationAlgorithm


class CheckInstallation(OperationAlgorithm):
    """Looks which optional Python packages this QGIS has, which methods need them, and prints the
    line that installs what is missing on this computer. Nothing is installed or downloaded.

    <b>When to use it.</b> First of all, and whenever a tool says that a package is missing.

    <b>What comes out.</b> A report with versions, usable methods, memory, disk and a self-test
    that compares a small run with known truth; and the install line as text.

    <b>How to read the numbers.</b> Missing counts the optional packages that are absent; ready
    counts the tools all of whose methods can be used; passed is 1 when the self-test gave the
    known result.
    """

    operation = checkinstallation
    title = "Check installation"
    group_id = "setup"
    keywords = (
        "install",
        "installation",
        "packages",
        "opencv",
        "scipy",
        "shapely",
        "matplotlib",
        "dependencies",
        "troubleshooting",
    )
