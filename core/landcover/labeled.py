# SPDX-License-Identifier: GPL-2.0-or-later
"""Class maps as they are read: whole numbers, 0 where there is no class."""

from __future__ import annotations

import numpy as np

from ..errors import IncompatibleImages
from ..image import Array, Image, Pixels
from ..windows import Window
from .samples import LARGEST


def refuse_no_classes(image: Image) -> None:
    """Raise IncompatibleImages unless an image has one band of whole numbers."""
    if image.bands != 1 or image.dtype.kind not in "ui":
        bands = "1 band" if image.bands == 1 else f"{image.bands} bands"
        raise IncompatibleImages(
            f"{image.name} has {bands} of {image.dtype.name}; a class map has one band of whole "
            "numbers."
        )


def refuse_large(labels: Array, name: str) -> None:
    """Raise IncompatibleImages for a label that class maps cannot hold."""
    if labels.dtype.itemsize > 2 and labels.size and labels.max() > LARGEST:
        raise IncompatibleImages(
            f"{name} has the label {labels.max()}; labels are whole numbers from 1 to {LARGEST}."
        )


def known_labels(pixels: Pixels) -> Array:
    """Return the labels[row, col] of the first band in the type they have, 0 where not valid."""
    return np.where(pixels.valid, pixels.values[0], 0)


def read_labels(image: Image, window: Window) -> Array:
    """Return the labels[row, col] of a window as int64, 0 where there is no class.

    Raises IncompatibleImages for labels that are too large.
    """
    labels = known_labels(image.read(window, (1,)))
    refuse_large(labels, image.name)
    return np.maximum(labels, 0).astype(np.int64)
