# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, Details, constant
from orthoweave.core.radiometry.comparable import (
    named_images,
    refuse_different,
    refuse_holes,
    refuse_type,
)

PLACED = (5.0, 1.0, 0.0, 9.0, 0.0, -1.0)


def image(name, bands=1, transform=PLACED, nodata=None, **details):
    values = np.ones((bands, 2, 2), np.uint16)
    grid = Grid(2, 2, transform)
    return ArrayImage(name, grid, values, constant(True, (2, 2)), nodata, (), Details(**details))


def test_images_of_one_kind_are_accepted():
    tags = {"scales": (1e-4,), "offsets": (-0.1,)}
    refuse_different([image("a", **tags), image("b", **tags)])
    refuse_different([image("a", scales=(None,), offsets=(0.0,)), image("b", scales=(1.0,))])
    refuse_different([image("a", transform=(0.0, 1.0, 0.0, 0.0, 0.0, 1.0))])


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([image("lc", color_table=((0, 0, 0, 255),))],
         "lc has a color table; class values cannot be corrected."),
        ([image("a"), image("b", transform=(0.0, 1.0, 0.0, 0.0, 0.0, 1.0))],
         "b has no position on the ground, so overlaps are unknown. "
         "Use LIRRN or histogram matching."),
        ([image("a", 4), image("b", 3)],
         "a has 4 bands and b 3 (alpha not counted). Give images with the same bands."),
        ([image("a", 1), image("b", 2)],
         "a has 1 band and b 2 (alpha not counted). Give images with the same bands."),
        ([image("a", scales=(1e-4,)), image("b", scales=(None,))],
         "a declares scale 0.0001 and b none. Convert them to the same unit first."),
        ([image("a"), image("b", scales=(1e-4,))],
         "b declares scale 0.0001 and a none. Convert them to the same unit first."),
        ([image("a", scales=(0.1,)), image("b", scales=(0.2,))],
         "a declares scale 0.1 and b 0.2. Convert them to the same unit first."),
        ([image("a", offsets=(0.0,)), image("b", offsets=(-0.1,))],
         "b declares offset -0.1 and a none. Convert them to the same unit first."),
    ],
)  # fmt: skip
def test_images_that_cannot_be_compared_are_named(images, sentence):
    with pytest.raises(IncompatibleImages) as error:
        refuse_different(images)
    assert str(error.value) == sentence


def test_two_images_of_one_name_are_refused():
    with pytest.raises(InvalidOption, match="a and a have the same name. Rename one of them."):
        refuse_different([image("a"), image("b"), image("a")])


def test_a_type_must_hold_the_nodata_value():
    images = [image("a"), image("b", nodata=-9999.0)]
    refuse_type(images, "same")
    refuse_type(images, "int16")
    refuse_type([image("a")], "uint8")
    with pytest.raises(InvalidOption, match="uint8 cannot hold the nodata value -9999 of b"):
        refuse_type(images, "uint8")


def test_a_type_of_whole_numbers_cannot_mark_holes_by_nan():
    refuse_holes([image("a")], [3], "same")
    refuse_holes([image("a")], [3], "float32")
    refuse_holes([image("a")], [4], "uint8")
    refuse_holes([image("a", nodata=0.0), image("b", validity="mask")], [3, 3], "uint8")
    with pytest.raises(InvalidOption, match="uint8 has no NaN, which marks the holes of a. Give"):
        refuse_holes([image("a")], [3], "uint8")


def test_named_images_may_have_an_extension_and_unknown_ones_list_the_nearest():
    images = [image("img_1"), image("img_17"), image("other")]
    assert named_images(images, ["other", "img_1"], "MODEL_IMAGES") == (2, 0)
    with pytest.raises(InvalidOption) as error:
        named_images(images, ["img_7"], "MODEL_IMAGES")
    assert str(error.value) == (
        'MODEL_IMAGES names "img_7", which is not among the images. Nearest: img_17, img_1.'
    )
    with pytest.raises(InvalidOption, match="Images: img_1, img_17, other."):
        named_images(images, ["zzz"], "MODEL_IMAGES")
