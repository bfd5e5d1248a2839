# SPDX-License-Identifier: GPL-2.0-or-later
"""The QGIS side is written for Qt5 and Qt6 and for QGIS 3.22: read from the syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    [ROOT / "plugin.py", ROOT / "__init__.py"]
    + [path for folder in ("algorithms", "provider") for path in (ROOT / folder).rglob("*.py")]
)
CORE = sorted((ROOT / "core").rglob("*.py"))
GONE = {"exec_", "QRegExp", "QDesktopWidget", "toTime_t"}
NOT_IN_322 = {"WkbType", "pushFormattedMessage", "ProcessingSourceType", "ProcessingParameterFlag"}
UNSCOPED = re.compile(r"^(Flag[A-Z]|Type[A-Z]|AlignLeft|AlignRight|AlignCenter)")
ENUMS = {"Flag", "SourceType", "Type", "Behavior", "WktVariant", "AlignmentFlag", "MessageLevel"}


def modules(tree: ast.AST) -> Iterator[str]:
    """Yield the names of all imported modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def names(tree: ast.AST) -> Iterator[str]:
    """Yield all names and attributes that are used."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_qt_is_imported_from_qgis(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [name for name in modules(tree) if name.startswith(("PyQt", "sip", "PySide"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_used_that_one_version_lacks(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = set(names(tree))
    assert not used & (GONE | NOT_IN_322)
    assert not [name for name in used if name.startswith("Processing") and name != "Processing"]
    assert not [m for m in modules(tree) if m.startswith("processing.gui")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_enumerations_are_scoped(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aliases = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute)
        for target in node.targets
        if isinstance(target, ast.Name) and node.value.attr in ENUMS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and UNSCOPED.match(node.attr):
            owner = node.value
            holder = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            assert holder in ENUMS | aliases, f"{holder}.{node.attr}"


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_imports_neither_qgis_nor_qt(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [m for m in modules(tree) if m.split(".")[0] in ("qgis", "PyQt5", "PyQt6")]
