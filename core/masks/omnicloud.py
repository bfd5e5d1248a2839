# SPDX-License-Identifier: GPL-2.0-or-later
"""Clouds found by the neural network of the package OmniCloudMask, when that is asked for.

Wright et al. 2025, Remote Sensing of Environment, doi:10.1016/j.rse.2025.114694.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from ..errors import InvalidOption, MissingPackage
from ..image import Array, Mask
from ..progress import Progress
from .clouds import INVALID

LEAST = 32
"""Fewest rows and columns that the network takes."""

WORDS = {"true": True, "false": False, "none": None}


def refuse_missing() -> None:
    """Raise MissingPackage with the way to install OmniCloudMask when it is not there."""
    _package()


def predicted(means: Array, valid: Mask, options: str | None, progress: Progress) -> Array:
    """Return the class of each pixel[row, col] of red, green and near-infrared means.

    Classes are those of masks.clouds, which are those of the package. Raises MissingPackage,
    InvalidOption for an option that the package does not take.
    """
    predict = _package().predict_from_array
    given = passed(options)
    height, width = valid.shape
    # what the network takes for invalid is 0 in every band
    scene = np.where(valid, np.maximum(means, 1e-6), 0).astype(np.float32)
    rows, cols = max(0, LEAST - height), max(0, LEAST - width)
    padded = np.pad(scene, ((0, 0), (0, rows), (0, cols)))
    progress.check()
    try:
        found = predict(padded, **{"no_data_value": 0, **given})
    except (TypeError, ValueError) as error:
        raise InvalidOption(f"Options of OmniCloudMask: {str(error).rstrip('.')}.") from error
    classes = np.asarray(found)
    if classes.ndim == 3 and len(classes) == 1:
        classes = classes[0]
    if classes.shape != padded.shape[1:]:
        raise InvalidOption(
            "Options of OmniCloudMask: they give something else than one class for each pixel, as "
            "export_confidence=true does. Leave them out."
        )
    classes = classes[:height, :width].astype(np.uint8)
    return np.where(valid & (classes <= 3), classes, np.uint8(INVALID))


def passed(options: str | None) -> dict[str, Any]:
    """Return "key=value,key=value" as arguments; models are loaded from their files.

    Raises InvalidOption for another form and for a model that cannot be loaded.
    """
    found: dict[str, Any] = {}
    for piece in filter(None, (part.strip() for part in (options or "").split(","))):
        key, equals, value = (word.strip() for word in piece.partition("="))
        if not equals or not key.isidentifier() or key == "input_array":
            raise InvalidOption(f"Options of OmniCloudMask: {piece!r} is not key=value.")
        if key == "custom_models":
            found[key] = [_model(path.strip()) for path in value.split(";")]
        else:
            found[key] = _value(value)
    return found


def _value(text: str) -> Any:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _model(path: str) -> Any:
    """Return a network saved as TorchScript, which holds its own code and needs no other."""
    title = os.path.basename(path)
    if not os.path.isfile(path):
        raise InvalidOption(f"Options of OmniCloudMask: the model {title} does not exist.")
    torch = _imported("torch")
    try:
        model = torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise InvalidOption(
            f"Options of OmniCloudMask: {title} is no TorchScript model ({reason})."
        ) from error
    return model.eval()


def _package() -> Any:
    return _imported("omnicloudmask")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackage(
            f"METHOD=omnicloudmask needs OmniCloudMask, which this Python does not have ({error}). "
            'Install it with "python3 -m pip install omnicloudmask" for the Python of QGIS, or use '
            "METHOD=spectral."
        ) from error
