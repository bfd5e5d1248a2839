# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.options import Kind, option
from orthoweave.core.report import html as pages
from orthoweave.core.report.html import (
    Figure,
    Number,
    Repeat,
    Report,
    Table,
    Verdict,
    number_text,
    numbers_of,
    page,
    write_report,
)

VOID = {"meta", "br", "img"}
EVIL = "<script>alert('x')</script>&\"'"


@dataclass(frozen=True)
class Counted:
    images_used: int = option(Kind.INTEGER, "Images used")


@dataclass(frozen=True)
class Matched(Counted):
    mean_difference_after: float = option(Kind.NUMBER, "Overlap difference after, %")


class Parsed(HTMLParser):
    """Text and tags of a page; fails when tags are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def full(text="plain"):
    return Report(
        title=text,
        verdict=Verdict("good", text, text),
        numbers=(Number(text, 1.5, text), Number("Holes", None, "px")),
        figures=(Figure(text, text, '<svg><path id="a" d=""/><use href="#a"/></svg>'),),
        tables=(Table(text, (text, "n"), ((text, 2), (None, 0.25)), text),),
        skipped=((text, text),),
        reading=(text,),
        warnings=(text,),
        repeat=Repeat({"images": [text], "nodata": None}, {text: text, "QGIS": None}, (text,)),
    )


def test_the_page_is_whole_and_needs_nothing_from_outside():
    parsed = Parsed(page(full()))
    assert not {"script", "link", "iframe"} & {tag for tag, _ in parsed.tags}
    assert "http" not in page(full())
    assert len(page(full())) < 20_000


def test_texts_from_outside_are_escaped():
    text = page(full(EVIL))
    assert "<script" not in text
    assert EVIL in "".join(Parsed(text).texts)


def test_sections_come_in_reading_order():
    text = page(full())
    marks = ("<h1>", "verdict good", "Warnings", "Key numbers", "<figure>", "<table>", "Skipped")
    later = ("How to read it", "Request", "Versions", "Repeat this run")
    places = [text.index(mark, text.index("<body>")) for mark in (*marks, *later)]
    assert places == sorted(places)


def test_empty_parts_leave_no_headings():
    text = page(Report("Title", Verdict("failed", "Nothing was written.")))
    assert "<h2>" not in text
    assert 'class="grade">failed<' in text


@pytest.mark.parametrize("grade", ["", "excellent"])
def test_a_grade_is_one_of_four_words(grade):
    with pytest.raises(InvalidOption, match="is not one of good, usable, poor, failed"):
        Verdict(grade, "x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not computed"),
        (float("nan"), "not computed"),
        (True, "yes"),
        (1234567, "1,234,567"),
        (12345.6, "12,346"),
        (0.123456, "0.1235"),
        (0.0, "0"),
        (0.000075, "0.000075"),
        (-0.00001234, "-0.000012"),
        (0.00000001234, "1.2e-08"),
        ("word", "word"),
    ],
)
def test_numbers_have_a_sensible_number_of_digits(value, text):
    assert number_text(value) == text


def test_a_number_that_could_not_be_computed_has_no_unit():
    texts = Parsed(page(full())).texts
    assert "not computed" in texts and "px" not in texts


def test_the_numbers_of_an_operation_stand_before_those_it_shares():
    result = Matched(images_used=2, mean_difference_after=1.5)
    assert [(one.label, one.value, one.unit) for one in numbers_of(result)] == [
        ("Overlap difference after", 1.5, "%"),
        ("Images used", 2, ""),
    ]


def test_what_is_not_a_number_is_a_dash_in_a_table():
    table = Table("T", ("n",), ((float("nan"),), (0.5,)))
    text = page(Report("T", Verdict("good", "x"), tables=(table,)))
    assert "<td class=n>–</td>" in text and "<td class=n>0.5</td>" in text
    assert "not computed" not in text


def test_all_options_wait_behind_a_click_and_the_commands_break_between_arguments():
    repeat = Repeat({"images": ["a.tif"]}, {"QGIS": "3.22"}, ("run --images=a.tif",))
    text = page(Report("T", Verdict("good", "x"), repeat=repeat))
    assert text.count("<details>") == text.count("</details>") == 2
    assert "<td>IMAGES</td>" in text.partition("<details>")[2].partition("</details>")[0]
    assert "<pre><span>run</span> <span>--images=a.tif</span></pre>" in text


def test_figures_that_could_not_be_drawn_leave_one_line(monkeypatch):
    monkeypatch.setattr(pages, "available", lambda _package: False)
    report = Report("T", Verdict("good", "x"), figures=(Figure("a"), Figure("b")))
    text = page(report)
    assert text.count("Matplotlib") == 1
    assert "<figure>" not in text


def test_a_figure_without_anything_to_draw_is_left_out_without_a_word(monkeypatch):
    monkeypatch.setattr(pages, "available", lambda _package: True)
    assert "Matplotlib" not in page(Report("T", Verdict("good", "x"), figures=(Figure("a"),)))


def test_ids_of_two_figures_do_not_meet():
    svg = '<svg><path id="a" d=""/><use href="#a"/><g clip-path="url(#a)"/></svg>'
    text = page(Report("T", Verdict("good", "x"), figures=(Figure("a", "", svg),) * 2))
    ids = re.findall(r'id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) == 2
    assert re.findall(r'href="#([^"]+)"', text) == ids == re.findall(r"url\(#([^)]+)\)", text)


def test_the_page_stays_below_two_megabytes(monkeypatch):
    big = Figure("big", "", "data:image/png;base64," + "A" * 1_000_000)
    rows = tuple(("row", n) for n in range(pages.MAX_ROWS + 7))
    tables = (Table("many", ("a", "b"), rows),)
    text = page(Report("T", Verdict("good", "x"), figures=(big, big), tables=tables))
    assert len(text) < 2_000_000
    assert "Left out to keep this file small: big." in text
    assert "7 more rows are not listed." in text


def test_a_report_is_written_to_a_file(tmp_path):
    path = write_report(str(tmp_path / "sub" / "r.html"), full("Größe"))
    assert (tmp_path / "sub" / "r.html").read_text(encoding="utf-8") == page(full("Größe"))
    assert path == str(tmp_path / "sub" / "r.html")
