# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import dataclass

from orthoweave.core.options import Kind, option
from orthoweave.core.ordering import in_reading_order


@dataclass(frozen=True)
class Shared:
    threads: int = option(Kind.INTEGER, "Threads", 0)
    images: tuple = option(Kind.RASTERS, "Images")


@dataclass(frozen=True)
class Request(Shared):
    report: str = option(Kind.HTML_OUT, "Report", None)
    reference: str = option(Kind.RASTER, "Reference", None)
    rule: str = option(Kind.CHOICE, "Rule", "first", choices=("first",))
    output: str = option(Kind.RASTER_OUT, "Output")
    target: str = option(Kind.RASTER, "Target")
    expression: str = option(Kind.TEXT, "Expression")


def test_what_must_be_given_comes_first_then_own_options_then_shared_ones_then_outputs():
    assert list(in_reading_order(Request)) == [
        *("images", "target", "expression"),
        *("reference", "rule", "threads"),
        *("output", "report"),
    ]
