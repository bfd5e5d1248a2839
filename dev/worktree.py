# SPDX-License-Identifier: GPL-2.0-or-later
"""This work tree as the package `orthoweave`, whatever its folder is called."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def register() -> None:
    """Make the work tree importable as `orthoweave`."""
    spec = importlib.util.spec_from_file_location(
        "orthoweave", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    sys.modules["orthoweave"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
