# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree

import pytest
from orthoweave.core.workflow.page import Section, write_page
from orthoweave.core.workflow.running import Here, Run
from orthoweave.core.workflow.state import read_state

from .chain import chain


@pytest.fixture
def page(tmp_path):
    """The page of a run in which one tile failed, as text."""
    folder = str(tmp_path)
    graph = chain(folder, {"a1": "always"})
    run = Run(graph, read_state(folder), lambda _: None)
    run.go(Here(folder))
    sections = [Section("Configuration", [("FIELD", "<code>"), ("MASKS", []), ("CLEAN", False)])]
    path = write_page(folder, "Land cover", graph, run.outcomes, sections)
    with open(path, encoding="utf-8") as file:
        return path, file.read()


def test_the_page_says_what_failed_and_why(page):
    _, text = page
    assert "2 of 5 tasks are finished (2 done, 1 failed, 2 not reached)" in text
    assert "a has no solution." in text
    assert "&lt;code&gt;" in text
    assert "<td>MASKS</td><td>(empty)</td>" in text and "<td>CLEAN</td><td>no</td>" in text


def test_each_task_has_the_color_of_its_status(page):
    path, _ = page
    svg = os.path.join(os.path.dirname(path), "..", "tasks_status_1.svg")
    name = "{http://www.w3.org/2000/svg}"
    colors = {}
    for link in ElementTree.parse(svg).iter(f"{name}a"):
        title = link.find(f"{name}title").text.partition(":")[0]
        colors[title] = link.find(f"{name}rect").get("fill")
    assert colors["a1"] == "#b3261e"
    assert colors["mosaic"] == colors["b1"] == "#e08a00"
    assert colors["a2"] == "#2f6fb2"


def test_links_lead_to_logs_and_nothing_needs_the_network(page):
    path, text = page
    links = re.findall(r'href="([^"]+\.err)"', text)
    assert links
    for link in links:
        assert os.path.exists(os.path.join(os.path.dirname(path), link))
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in text
