# SPDX-License-Identifier: GPL-2.0-or-later
"""One module for each operation, named as its algorithm."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def installed(package: ModuleType, only: str = "") -> dict[str, ModuleType]:
    """Return the modules of a package that are operations (they have Request and run), by id.

    `only`: the name of one; where there is such a module no other is imported.
    """
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    names = [only] if only in names else names
    modules = {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
    return {
        name: module
        for name, module in modules.items()
        if hasattr(module, "Request") and hasattr(module, "run")
    }
