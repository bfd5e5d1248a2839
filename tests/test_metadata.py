# SPDX-License-Identifier: GPL-2.0-or-later
"""metadata.txt says what QGIS and the plugin store need."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def general() -> configparser.SectionProxy:
    """Return the one section of the file."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(ROOT / "metadata.txt", encoding="utf-8")
    return parser["general"]


def test_it_names_the_versions_of_qgis(general: configparser.SectionProxy) -> None:
    assert general["qgisMinimumVersion"] == "3.22"
    assert general["qgisMaximumVersion"] == "4.99"
    assert general["hasProcessingProvider"] == "yes"
    assert not {"supportsQt6", "plugin_dependencies"} & set(general)


def test_texts_are_complete_and_name_the_optional_packages(
    general: configparser.SectionProxy,
) -> None:
    assert general["name"] == "Orthoweave" and "plugin" not in general["description"].lower()
    for package in ("SciPy", "Shapely", "Matplotlib", "OpenCV", "optional"):
        assert package in general["about"]
    assert "/" not in general["author"] and "@" in general["email"]
    assert general["category"] == "Raster" and "mosaic" in general["tags"].split(",")
    assert (general["experimental"], general["deprecated"]) == ("False", "False")
    assert (ROOT / general["icon"]).is_file()


def test_addresses_are_real(general: configparser.SectionProxy) -> None:
    for key in ("tracker", "repository", "homepage"):
        assert re.fullmatch(r"https://github\.com/orthoweave/orthoweave(/issues)?", general[key])


def test_the_version_is_semantic_and_is_everywhere_the_same(
    general: configparser.SectionProxy,
) -> None:
    version = general["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    headings = re.findall(
        r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M
    )
    assert headings[0] == version
    assert general["changelog"].startswith(version)
