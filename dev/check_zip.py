#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Check a plugin zip against the rules of the plugin store: check_zip.py build/orthoweave.zip."""

from __future__ import annotations

import configparser
import re
import sys
import zipfile
from collections.abc import Iterator

TOP = "orthoweave/"
LARGEST = 2 * 1024 * 1024
FORBIDDEN = (
    *(".pyc", ".exe", ".dll", ".so", ".dylib", ".bat", ".sh", ".ps1", ".cmd", ".whl"),
    *(".zip", ".pkl", ".pickle"),
)
HIDDEN = ("__pycache__", "__MACOSX")
NEEDED = ("metadata.txt", "__init__.py", "plugin.py", "LICENSE", "README.md", "CHANGELOG.md")
KEYS = (
    *("name", "description", "about", "version", "qgisMinimumVersion", "qgisMaximumVersion"),
    *("author", "email", "tracker", "repository", "homepage", "hasProcessingProvider", "icon"),
)
EXECUTABLE = 0o111


def problems(archive: zipfile.ZipFile) -> Iterator[str]:
    """Yield everything that the store would refuse."""
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    for entry in files:
        yield from entry_problems(entry)
    size = sum(entry.compress_size for entry in files)
    if size > LARGEST:
        yield f"{size} bytes, more than {LARGEST}"
    names = {entry.filename for entry in files}
    missing = [name for name in NEEDED if TOP + name not in names]
    yield from (f"{name} is missing" for name in missing)
    if not missing:
        yield from metadata_problems(archive, names)


def entry_problems(entry: zipfile.ZipInfo) -> Iterator[str]:
    """Yield what is wrong with the name and the mode of one file."""
    name = entry.filename
    parts = name.split("/")
    if not name.startswith(TOP) or ".." in parts:
        yield f"{name} is not below {TOP}"
    if name.endswith(FORBIDDEN) or any(p in HIDDEN or p.startswith(".") for p in parts):
        yield f"{name} may not be in it"
    if entry.external_attr >> 16 & EXECUTABLE:
        yield f"{name} is executable"


def metadata_problems(archive: zipfile.ZipFile, names: set[str]) -> Iterator[str]:
    """Yield what is wrong with metadata.txt."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(archive.read(f"{TOP}metadata.txt").decode("utf-8"))
    general = dict(parser["general"])
    yield from (f"metadata.txt has no {key}" for key in KEYS if not general.get(key, "").strip())
    version = general.get("version", "")
    newest = newest_version(archive.read(f"{TOP}CHANGELOG.md").decode("utf-8"))
    if version != newest:
        yield f"metadata.txt says {version}, CHANGELOG.md {newest}"
    if general.get("icon") and TOP + general["icon"] not in names:
        yield f"{general['icon']} is missing"


def newest_version(changelog: str) -> str | None:
    """Return the newest released version of a changelog."""
    found = re.search(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    return found.group(1) if found else None


def main(arguments: list[str]) -> int:
    """Print what is wrong with the zip; return 1 when anything is."""
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}\n")
        return 1
    with zipfile.ZipFile(arguments[0]) as archive:
        found = list(problems(archive))
        count = len(archive.infolist())
    sys.stdout.write(f"{arguments[0]}: {count} entries, {len(found)} problems\n")
    sys.stdout.writelines(f"  {problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
