# SPDX-License-Identifier: GPL-2.0-or-later
"""Text files that users write, read in one way and refused with one sentence."""

from __future__ import annotations

import os

from ..errors import ImageIOError, InvalidOption


def read_text(path: str) -> str:
    """Return what a text file in UTF-8 holds, without its byte order mark.

    Raises ImageIOError with the reason when it cannot be read, InvalidOption when it is no text.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except OSError as error:
        title = os.path.basename(path)
        raise ImageIOError(f"{title} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidOption(f"{os.path.basename(path)} is no text in UTF-8.") from error


def read_lines(path: str) -> list[str]:
    """Return the lines of a text file; raises as read_text does."""
    return read_text(path).splitlines()
