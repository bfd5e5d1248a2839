# SPDX-License-Identifier: GPL-2.0-or-later
"""Small tasks on text files: what the tests of the workflow run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from orthoweave.core.errors import NoSolution
from orthoweave.core.progress import Progress
from orthoweave.core.stage import write_text
from orthoweave.core.workflow.tasks import Task, graph_of


@dataclass(frozen=True)
class Append:
    """Write the text of the inputs and a word; `trouble` names what goes wrong once or always."""

    inputs: tuple[str, ...]
    output: str
    word: str
    trouble: str = ""

    def __call__(self, progress: Progress, share: float) -> None:
        progress.info(f"Adding {self.word}.")
        if self.trouble == "memory" and share > 0.5:
            raise MemoryError
        if self.trouble == "always":
            raise NoSolution(f"{self.word} has no solution.")
        if self.trouble == "bug":
            raise ZeroDivisionError("a bug")
        texts = [Path(path).read_text("utf-8") for path in self.inputs]
        write_text(self.output, "".join(texts) + self.word)
        progress.verdict(f"{self.word} is good.")


def chain(folder, trouble=(), words=None):
    """Return two tiles of two tasks each, and a mosaic of both."""
    trouble, words = dict(trouble), dict(words or {})

    def path(name):
        return os.path.join(folder, f"{name}.txt")

    def task(name, step, inputs=()):
        files = tuple(path(one) for one in inputs)
        word = words.get(name, name[0])
        work = Append(files, path(name), word, trouble.get(name, ""))
        return Task(name, step, work, {"word": word}, files, (path(name),))

    return graph_of(
        [
            task("mosaic", "mosaic", ["b1", "b2"]),
            task("a1", "prepare"),
            task("b1", "classify", ["a1"]),
            task("a2", "prepare"),
            task("b2", "classify", ["a2"]),
        ]
    )
