# SPDX-License-Identifier: GPL-2.0-or-later
"""Small text files (JSON, HTML, styles) that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import ImageIOError


def write_text(path: str, text: str) -> str:
    """Write a text file under a temporary name, rename it, and return its absolute path.

    Its folder is created. Raises ImageIOError with the reason.
    """
    target = Path(os.path.abspath(path))
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode("utf-8"))
        os.replace(temporary, target)
    except OSError as error:
        _remove(temporary)
        reason = error.strerror or str(error)
        raise ImageIOError(f"{target.name} cannot be written: {reason}.") from error
    return str(target)


def _remove(temporary: Path) -> None:
    try:
        temporary.unlink()
    except OSError:  # it was never made, or its folder is gone
        return
