# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a land cover map of many tiles and dates in one run, as iota2 does."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, result
from .shared.chaining import Chaining


@dataclass(frozen=True)
class Request(Chaining):
    """Options of the run."""


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    output_folder: str | None = result(Kind.FOLDER_OUT, "Output folder")
    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Products")
    report: str | None = result(Kind.HTML_OUT, "Report")
    status_page: str | None = result(Kind.HTML_OUT, "Status page")
    accuracy: float | None = result(Kind.NUMBER, "Overall accuracy")
    kappa: float | None = result(Kind.NUMBER, "Kappa")
    tasks_done: int | None = result(Kind.INTEGER, "Tasks done")
    tasks_skipped: int | None = result(Kind.INTEGER, "Tasks skipped, because they still hold")
