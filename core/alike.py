# SPDX-License-Identifier: GPL-2.0-or-later
"""What images of one run must have in common: one sentence for each reason why they do not fit."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .errors import IncompatibleImages, InvalidOption
from .image import Image, View


def file_name(image: Image) -> str:
    """Return the name under which users know an image: that of its file, also of a view of it."""
    while isinstance(image, View):
        image = image.source
    return os.path.basename(str(getattr(image, "path", ""))) or image.name


def refuse_other_bands(first: Image, image: Image) -> None:
    """Raise IncompatibleImages when two images differ in the number of bands."""
    if image.bands != first.bands:
        raise IncompatibleImages(
            f"{file_name(first)} has {_bands(first.bands)} and {file_name(image)} {image.bands} "
            "(alpha not counted). Give images with the same bands."
        )


def refuse_other_unit(first: Image, image: Image) -> None:
    """Raise IncompatibleImages when two images declare different scales or offsets."""
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


def refuse_equal_names(images: Sequence[Image]) -> None:
    """Raise InvalidOption when two images have one name: models and cells go by name."""
    taken: dict[str, Image] = {}
    for image in images:
        other = taken.setdefault(image.name, image)
        if other is not image:
            paths = " and ".join(str(getattr(one, "path", one.name)) for one in (other, image))
            raise InvalidOption(f"{paths} have the same name. Rename one of them.")


def band_count(image: Image) -> str:
    """Return in words how many bands an image has; users may take its alpha for one."""
    return _bands(image.bands) + (" (alpha not counted)" if getattr(image, "alpha_band", 0) else "")


def _bands(count: int) -> str:
    return "1 band" if count == 1 else f"{count} bands"


def _tag(values: Sequence[float | None], band: int, plain: float) -> float:
    found = values[band] if band < len(values) else None
    return plain if found is None else float(found)
