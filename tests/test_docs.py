# SPDX-License-Identifier: GPL-2.0-or-later
"""The docs say what the code does, and their links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_generated_pages_are_fresh():
    told = subprocess.run(
        [sys.executable, "-B", str(ROOT / "dev" / "make_docs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    missing = [target for target in local if not (page.parent / target).exists()]
    assert not missing


def test_the_map_of_folders_names_all_that_is_in_core():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("```")[1]
    shown = set(re.findall(r"\w+", text.partition("core/")[2]))
    places = [*(ROOT / "core").iterdir(), *(ROOT / "core" / "operations").iterdir()]
    folders = {place.name for place in places if place.is_dir() and "__" not in place.name}
    modules = {place.stem for place in (ROOT / "core").glob("*.py")} - {"__init__"}
    assert not (folders | modules) - shown


@pytest.mark.parametrize("page", ["index.md", "workflow.md"])
def test_the_guide_calls_tools_by_their_titles(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    links = re.findall(r"\[([^]]+)\]\((algorithms/[a-z]+\.md)\)", text)
    assert links
    for words, target in links:
        title = re.search("^# (.*)", (ROOT / "docs" / target).read_text(encoding="utf-8"), re.M)
        assert words == title[1], f"{target} is called {title[1]}"


def test_the_readme_leads_to_every_tool():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs" / "algorithms").glob("*.md")}
    assert pages == set(re.findall(r"\(docs/algorithms/([A-Za-z]+\.md)\)", text))


def test_the_picture_of_the_readme_is_small():
    assert (ROOT / "docs" / "images" / "demo.png").stat().st_size < 300_000
