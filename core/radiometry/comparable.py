# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether images can be compared at all: one sentence for each reason why not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np

from ..alike import file_name, refuse_equal_names, refuse_other_bands, refuse_other_unit
from ..errors import IncompatibleImages, InvalidOption
from ..image import Image, representable


def refuse_different(images: Sequence[Image]) -> None:
    """Raise when the values of images cannot be compared or corrected.

    IncompatibleImages for bands, units, classes or positions, InvalidOption for equal names.
    """
    first = images[0]
    for image in images:
        if image.details.color_table:
            raise IncompatibleImages(
                f"{file_name(image)} has a color table; class values cannot be corrected."
            )
        if len(images) > 1 and not image.grid.georeferenced:
            raise IncompatibleImages(
                f"{file_name(image)} has no position on the ground, so overlaps are unknown. "
                "Georeference it first."
            )
        refuse_other_bands(first, image)
        refuse_other_unit(first, image)
    refuse_equal_names(images)


def refuse_type(images: Iterable[Image], output_type: str) -> None:
    """Raise InvalidOption when a type cannot hold the nodata value of an image."""
    if output_type == "same":
        return
    dtype = np.dtype(output_type)
    for image in images:
        if image.nodata is not None and representable(image.nodata, dtype) is None:
            raise InvalidOption(
                f"Output type: {output_type} cannot hold the nodata value {image.nodata:g} of "
                f"{file_name(image)}. Choose another type or give NODATA."
            )


def refuse_holes(images: Sequence[Image], valid: Sequence[int], output_type: str) -> None:
    """Raise InvalidOption when a type of whole numbers cannot mark the holes of decimal images.

    `valid` counts the valid pixels of each image.
    """
    if output_type == "same" or np.dtype(output_type).kind == "f":
        return
    for image, count in zip(images, valid):
        marked = image.nodata is not None or image.details.validity in ("alpha", "mask")
        if not marked and count < image.grid.window.pixels:
            raise InvalidOption(
                f"Output type: {output_type} has no NaN, which marks the holes of "
                f"{file_name(image)}. Give NODATA."
            )


def named_images(images: Sequence[Image], names: Sequence[str], option: str) -> tuple[int, ...]:
    """Return the indices of the images that an option names, with or without extension.

    Raises InvalidOption that lists the nearest names.
    """
    return tuple(_index(images, name, option) for name in names)


def _index(images: Sequence[Image], name: str, option: str) -> int:
    for index, image in enumerate(images):
        if name in (image.name, file_name(image)):
            return index
    known = sorted(image.name for image in images)
    near = get_close_matches(os.path.splitext(name)[0], known, 3, 0.4)
    hint = f" Nearest: {', '.join(near)}." if near else f" Images: {', '.join(known[:5])}."
    raise InvalidOption(f'{option} names "{name}", which is not among the images.{hint}')
