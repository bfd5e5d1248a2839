# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import inspect
from dataclasses import dataclass

import pytest
from orthoweave.core import requests
from orthoweave.core.errors import InvalidOption
from orthoweave.core.options import options_of

MIXINS = [
    found
    for _, found in inspect.getmembers(requests, inspect.isclass)
    if found.__module__ == requests.__name__
]


@dataclass(frozen=True)
class Request(
    requests.Images,
    requests.Writing,
    requests.ManyOutputs,
    requests.OneMosaic,
    requests.StatisticsMask,
):
    def __post_init__(self) -> None:
        super().__post_init__()


def test_the_mixins_combine_and_their_defaults_are_valid():
    request = Request(images=("a.tif",), output_folder="out")
    assert request.memory == 256
    assert request.threads == 0
    assert request.resampling == "bilinear"
    assert request.nodata is None


@pytest.mark.parametrize("given", ["", None])
def test_empty_creation_options_mean_the_default(given):
    request = Request(images=("a.tif",), output_folder="out", creation_options=given)
    assert request.creation_options == "COMPRESS=DEFLATE|PREDICTOR=auto|TILED=YES"


@pytest.mark.parametrize(
    ("size", "legal"), [(0, True), (16, True), (65536, True), (1, False), (15, False)]
)
def test_a_window_is_automatic_or_at_least_16_pixels(size, legal):
    if legal:
        assert requests.Memory(window_size=size).window_size == size
        return
    with pytest.raises(InvalidOption, match=f"Window size: {size} is below 16."):
        requests.Memory(window_size=size)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"memory": 63}, "Memory: 63 is below 64 MiB."),
        ({"threads": -1}, "Threads: -1 is below 0."),
        ({"window_size": -1}, "Window size: -1 is below 0 px."),
        ({"output_folder": None}, "Output folder (OUTPUT_FOLDER) is missing."),
        (
            {"output_type": "int8"},
            "Output type: 'int8' is not one of same, uint8, int16, uint16, int32, uint32, "
            "float32, float64. Did you mean uint8?",
        ),
        (
            {"mask_mode": "inside"},
            "Polygon mode: 'inside' is not one of include, exclude. Did you mean include?",
        ),
    ],
)
def test_shared_options_have_limits(values, sentence):
    with pytest.raises(InvalidOption) as caught:
        Request(**{"images": ("a.tif",), "output_folder": "out", **values})
    assert str(caught.value) == sentence


@pytest.mark.parametrize("mixin", MIXINS, ids=lambda mixin: mixin.__name__)
def test_each_shared_option_says_more_than_its_label(mixin):
    for name, declared in options_of(mixin).items():
        assert declared.help, name
        assert declared.help.rstrip(".") != declared.label, name


def test_two_mixins_never_declare_the_same_option():
    own = [name for mixin in MIXINS for name in mixin.__annotations__ if name in options_of(mixin)]
    assert len(own) == len(set(own))
