# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences of single tools that name their options, in the words of the pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import OrthoweaveError
from ..options import options_of

NAME = re.compile(r"\b[A-Z][A-Z_]{3,}\b")
SETTINGS = "SETTINGS"


@contextmanager
def worded(own: Any, steps: Mapping[str, Any], renamed: Mapping[str, str]) -> Iterator[None]:
    """Word errors of the steps for who runs the pipeline.

    `own` has the options of the pipeline, `steps` those of each tool, `renamed` says which ones of
    theirs have another name in the pipeline.
    """
    try:
        yield
    except OrthoweaveError as error:
        text = in_words(str(error), own, steps, renamed)
        if text == str(error):
            raise
        raise type(error)(text) from error


def in_words(text: str, own: Any, steps: Mapping[str, Any], renamed: Mapping[str, str]) -> str:
    """Return a sentence with the pipeline's names; SETTINGS is named where it has none."""
    if SETTINGS in text:
        return text
    text = NAME.sub(lambda found: renamed.get(found.group(), found.group()), text)
    known = {name.upper() for name in options_of(own)}
    for name in dict.fromkeys(NAME.findall(text)):
        step = next((step for step in steps if name.lower() in options_of(steps[step])), None)
        if name not in known and step is not None:
            return f'{text} {name} stands in SETTINGS: {{"{step}": {{"{name}": …}}}}.'
    return text
