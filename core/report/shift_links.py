# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of a shift report that are more than numbers: chips beside each other, links to files."""

from __future__ import annotations

import base64
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from ..image import Array
from .html import Figure, escape, number_text

MOST_CHIPS = 25
CHIP_SIDE = 96
"""Width of a chip on the page, px of the screen."""


@dataclass(frozen=True)
class Chip:
    """A key point and what both images show around it: gray bytes[row, col] of one stretch."""

    x0: int
    y0: int
    dx: float
    dy: float
    zncc: float
    mi: float
    reference: Array
    moving: Array


@dataclass(frozen=True)
class Product:
    """A file or folder that the run wrote, and what it is."""

    path: str
    meaning: str


def chips_figure(chips: Iterable[Chip]) -> Figure:
    """Return a table of at most 25 chips, the least similar first; unknown similarity last."""
    ordered = sorted(chips, key=lambda chip: np.nan_to_num(chip.zncc, nan=np.inf))
    shown = ordered[:MOST_CHIPS]
    heads = ("Reference", "Moving", "Column, row (px)", "dx, dy (px)", "ZNCC", "MI (0-1)")
    caption = (
        "The least similar of the chips that are spread over the overlap. The moving chip is "
        "centered on the displaced position, so that both must show the same."
    )
    title = "Chips, least similar first"
    return Figure(title, caption, _table(heads, map(_chip_row, shown)) if shown else "")


def products_figure(products: Sequence[Product], folder: str) -> Figure:
    """Return links to the files of a run, for a page that lies in `folder`."""
    rows = [(_link(product.path, folder), escape(product.meaning)) for product in products]
    return Figure("Products", "", _table(("File", "What it is"), rows) if rows else "")


def png_address(gray: Array) -> str:
    """Return gray bytes[row, col] as a PNG in a data address."""
    height, width = gray.shape
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = gray
    head = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_part(*part) for part in parts)
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def _part(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _chip_row(chip: Chip) -> tuple[str, ...]:
    return (
        _image(chip.reference, "reference"),
        _image(chip.moving, "moving"),
        f"{chip.x0}, {chip.y0}",
        f"{number_text(chip.dx)}, {number_text(chip.dy)}",
        number_text(chip.zncc),
        number_text(chip.mi),
    )


def _image(gray: Array, role: str) -> str:
    return f'<img src="{png_address(gray)}" width="{CHIP_SIDE}" alt="{role}">'


def _link(path: str, folder: str) -> str:
    """A link that also holds when the folder is moved, where the file lies below it."""
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive
        relative = os.pardir
    if relative.startswith(os.pardir):
        text = os.path.abspath(path)
        address = Path(text).as_uri()
    else:
        address, text = quote(relative.replace(os.sep, "/")), relative
    return f'<a href="{escape(address)}">{escape(text)}</a>'


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )
