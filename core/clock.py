# SPDX-License-Identifier: GPL-2.0-or-later
"""What the steps of a long run cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, process_time

from .progress import Recorder
from .raster import bytes_read


@dataclass(frozen=True)
class Step:
    """Seconds, CPU seconds (all threads) and bytes of pixels read of a part of a run."""

    name: str
    seconds: float
    cpu_seconds: float
    read_bytes: int


@dataclass
class Clock:
    """Notes what each step of the run costs."""

    progress: Recorder
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step and announce it."""
        self.progress.phase(name)
        wall, cpu, read = monotonic(), process_time(), bytes_read()
        yield
        self.steps.append(Step(name, monotonic() - wall, process_time() - cpu, bytes_read() - read))
