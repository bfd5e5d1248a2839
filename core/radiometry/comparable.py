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
    """Raise when images cannot be compared where they overlap, or not be corrected.

    IncompatibleImages for bands, units, classes or positions, InvalidOption for equal names.
    """
    refuse_uncorrectable(images)
    if len(images) > 1:
        refuse_unplaced(images)


def refuse_unplaced(images: Sequence[Image]) -> None:
    """Raise IncompatibleImages for an image without a position on the ground."""
    for image in images:
        if not image.grid.georeferenced:
            raise IncompatibleImages(
                f"{file_name(image)} has no position on the ground, so overlaps are unknown. "
                "Use LIRRN or histogram matching."
            )


def refuse_uncorrectable(images: Sequence[Image]) -> None:
    """Raise when the values of images, wherever they lie, cannot be compared or corrected.

    IncompatibleImages for bands, units or classes, InvalidOption for equal names.
    """
    for image in images:
        if image.details.color_table:
            raise IncompatibleImages(
                f"{file_name(image)} has a color table; class values cannot be corrected."
            )
        refuse_other_bands(images[0], image)
        refuse_other_unit(images[0], image)
    refuse_equal_names(images)


def refuse_other_reference(image: Image, reference: Image) -> None:
    """Raise IncompatibleImages when an image cannot be brought to the values of another one."""
    if reference.details.color_table:
        raise IncompatibleImages(
            f"{file_name(reference)} has a color table; class values cannot be compared."
        )
    refuse_other_bands(image, reference)
    refuse_other_unit(image, reference)


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


def named_images(
    images: Sequence[Image], names: Sequence[str], option: str, others: Sequence[str] = ()
) -> tuple[int, ...]:
    """Return the indices of the images that an option names, with or without extension.

    `others` are names that follow the images. Raises InvalidOption that lists the nearest names.
    """
    titles = [(image.name, file_name(image)) for image in images]
    titles += [(name, name) for name in others]
    return tuple(_index(titles, name, option) for name in names)


def _index(titles: Sequence[tuple[str, str]], name: str, option: str) -> int:
    for index, known in enumerate(titles):
        if name in known:
            return index
    names = sorted(known[0] for known in titles)
    near = get_close_matches(os.path.splitext(name)[0], names, 3, 0.4)
    hint = f" Nearest: {', '.join(near)}." if near else f" Images: {', '.join(names[:5])}."
    raise InvalidOption(f'{option} names "{name}", which is not among the images.{hint}')
