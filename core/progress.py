# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run tells its door while it works, and how the door tells it to stop."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Protocol

from .errors import Cancelled


class Workers(Protocol):
    """Other processes that work for a run."""

    def each(
        self, work: Callable[[Any], Any], items: Iterable[Any], check: Callable[[], None]
    ) -> Generator[Any, None, None]:
        """Yield work(item) for every item in their order; `check` raises to stop."""


class Progress:
    """A listener that hears nothing; every door overrides what it can show."""

    @property
    def workers(self) -> Workers | None:
        """Where the windows of this run are worked on; None: in threads of this process."""
        return None

    def __reduce__(self) -> tuple[type[Progress], tuple[Any, ...]]:
        """Stay in this process: what goes to another one tells nobody."""
        return (Progress, ())

    def advance(self, fraction: float) -> None:
        """Take note that this fraction (0-1) of the work is done."""

    def phase(self, text: str) -> None:
        """Take note of what is being done now, in a few words."""

    def info(self, text: str) -> None:
        """Take note of a decision or a number, one sentence."""

    def verdict(self, text: str) -> None:
        """Take note of how good the result is; a decision among others unless a door shows more."""
        self.info(text)

    def warn(self, text: str) -> None:
        """Take note of something the user should know, one sentence."""

    def cancelled(self) -> bool:
        """Return True once the user has asked to stop."""
        return False

    def check(self) -> None:
        """Raise Cancelled once the user has asked to stop."""
        if self.cancelled():
            raise Cancelled

    def part(self, start: float, stop: float) -> Progress:
        """Return a listener whose 0-1 is start-stop of this one."""
        return _Part(self, start, stop)

    def split(self, count: int) -> Iterator[Progress]:
        """Yield count listeners that share this one equally."""
        for index in range(count):
            yield self.part(index / count, (index + 1) / count)


class _Part(Progress):
    def __init__(self, whole: Progress, start: float, stop: float) -> None:
        self._whole, self._start, self._stop = whole, start, stop

    @property
    def workers(self) -> Workers | None:
        return self._whole.workers

    def advance(self, fraction: float) -> None:
        self._whole.advance(self._start + (self._stop - self._start) * fraction)

    def phase(self, text: str) -> None:
        self._whole.phase(text)

    def info(self, text: str) -> None:
        self._whole.info(text)

    def verdict(self, text: str) -> None:
        self._whole.verdict(text)

    def warn(self, text: str) -> None:
        self._whole.warn(text)

    def cancelled(self) -> bool:
        return self._whole.cancelled()


class Recorder(_Part):
    """Passes everything on and keeps the warnings, each once."""

    def __init__(self, whole: Progress) -> None:
        super().__init__(whole, 0.0, 1.0)
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Pass a warning on unless it was said before."""
        if text not in self.warnings:
            self.warnings.append(text)
            super().warn(text)


class Elsewhere(_Part):
    """Passes everything on, and says where work is done."""

    def __init__(self, whole: Progress, workers: Workers) -> None:
        super().__init__(whole, 0.0, 1.0)
        self._workers = workers

    @property
    def workers(self) -> Workers:
        """Where work is done."""
        return self._workers


SILENT = Progress()
