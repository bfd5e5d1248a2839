# SPDX-License-Identifier: GPL-2.0-or-later
"""Check which packages, formats and methods this computer has, and try a small run."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import Kind, option, result, verify


@dataclass(frozen=True)
class Request:
    """Options of the run."""

    quick: bool = option(
        Kind.FLAG, "Skip the self-test", False, advanced=True, help="Only look, run nothing."
    )
    report: str | None = option(
        Kind.HTML_OUT, "Report", None, created=True, help="What was found, as a page."
    )

    def __post_init__(self) -> None:
        """Check the options."""
        verify(self)


@dataclass(frozen=True)
class Result:
    """What the run gives."""

    report: str | None = result(Kind.HTML_OUT, "Report")
    missing: int = result(Kind.INTEGER, "Optional packages that are absent")
    ready: int = result(Kind.INTEGER, "Tools all of whose methods can be used")
    passed: int | None = result(Kind.INTEGER, "Whether the self-test passed (1) or not (0)")
    install_command: str | None = result(Kind.TEXT, "Line that installs the optional packages")
