# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether images can be compared at all: one sentence for each reason why not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np

from ..errors import IncompatibleImages, InvalidOption
from ..image import Image, representable


def file_name(image: Image) -> str:
    """Return the name under which users know an image: that of its file."""
    return os.path.basename(str(getattr(image, "path", ""))) or image.name


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
        if image.bands != first.bands:
            raise IncompatibleImages(
                f"{file_name(first)} has {_bands(first.bands)} and {file_name(image)} "
                f"{image.bands} (alpha not counted). Give images with the same bands."
            )
        _refuse_other_unit(first, image)
    _refuse_equal_names(images)


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


def _bands(count: int) -> str:
    return "1 band" if count == 1 else f"{count} bands"


def _refuse_other_unit(first: Image, image: Image) -> None:
    both = (first, image)
    for word, plain in (("scale", 1.0), ("offset", 0.0)):
        for band in range(first.bands):
            values = [_tag(getattr(i.details, f"{word}s"), band, plain) for i in both]
            if values[0] == values[1]:
                continue
            # the image that declares something comes first in the sentence
            (a, one), (b, other) = sorted(zip(both, values), key=lambda item: item[1] == plain)
            text = "none" if other == plain else f"{other:g}"
            raise IncompatibleImages(
                f"{file_name(a)} declares {word} {one:g} and {file_name(b)} {text}. Convert them "
                "to the same unit first."
            )


def _tag(values: Sequence[float | None], band: int, plain: float) -> float:
    found = values[band] if band < len(values) else None
    return plain if found is None else float(found)


def _refuse_equal_names(images: Sequence[Image]) -> None:
    taken: dict[str, Image] = {}
    for image in images:
        other = taken.setdefault(image.name, image)
        if other is not image:
            paths = " and ".join(str(getattr(one, "path", one.name)) for one in (other, image))
            raise InvalidOption(f"{paths} have one name, {image.name}. Rename one of them.")
