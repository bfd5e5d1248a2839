# SPDX-License-Identifier: GPL-2.0-or-later
"""Clouds of one image: its bands as reflectance on a coarse grid, and their classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..alike import band_count, file_name
from ..errors import InvalidOption
from ..image import Array, Image, Mask
from ..masks.clouds import TOP, CloudRules, Scene, classified
from ..masks.coarse import CellMeans
from ..masks.omnicloud import predicted
from ..masks.shadows import ShadowSearch
from ..progress import SILENT, Progress
from ..requests.shared.clouds import CloudFinding
from ..survey import survey

MOST = 4_000_000
"""Pixels in which clouds are looked for, unless the request says otherwise."""

MOST_REFLECTANCE = 2.0
"""Images of a larger median hold other values than reflectances; clouds hardly exceed 1."""

OMNI_BANDS = ("red", "green", "nir")


@dataclass(frozen=True)
class Coarse:
    """Means[band, row, col] of cells, `factor` pixels wide, of bands by name; which are valid."""

    image: Image
    factor: int
    names: tuple[str, ...]
    means: Array
    valid: Mask


def bands_of(image: Image, how: CloudFinding) -> dict[str, int]:
    """Return the bands that are looked at, by name.

    Raises InvalidOption, naming the option, for one that the image does not have.
    """
    for name, number in how.bands.items():
        if number > image.bands:
            raise InvalidOption(
                f"{name.upper()}_BAND is {number} but {file_name(image)} has {band_count(image)}."
                + (" Use 0 for none." if name not in ("red", "green") else "")
            )
    if how.method == "spectral":
        return how.bands
    return {name: how.bands[name] for name in OMNI_BANDS}


def factor_of(image: Image, how: CloudFinding) -> int:
    """Return how many pixels wide the cells are in which clouds are looked for."""
    if how.down_sample > 0:
        return max(1, round(how.down_sample / image.grid.pixel_size[0]))
    return max(1, math.ceil(math.sqrt(image.grid.window.pixels / MOST)))


def clouds_of(
    image: Image, how: CloudFinding, threads: int = 0, progress: Progress = SILENT
) -> Array:
    """Return the class of each cell[row, col] of an image (masks.clouds), which is read once."""
    coarse = _coarse(image, how, threads, progress.part(0.0, 0.7))
    if how.method == "omnicloudmask":
        return predicted(coarse.means, coarse.valid, how.omnicloud_options, progress)
    progress.check()
    found = classified(*_asked(coarse, how, progress))
    progress.advance(1.0)
    return found


def _coarse(image: Image, how: CloudFinding, threads: int, progress: Progress) -> Coarse:
    bands, factor = bands_of(image, how), factor_of(image, how)
    cells = CellMeans(image, factor, tuple(bands.values()))
    survey([image], own=[cells], canvas=image.grid, threads=threads, progress=progress)
    return Coarse(image, factor, tuple(bands), *cells.means())


def _asked(coarse: Coarse, how: CloudFinding, progress: Progress) -> tuple[Scene, CloudRules]:
    """The image as reflectance, and how clouds are looked for in it; its means are used up."""
    scene = _scene(coarse, how.scale, progress)
    search = None
    if how.shadows:
        direction = None
        if how.sun_azimuth is not None:
            direction = _away(coarse.image, how.sun_azimuth)
        search = ShadowSearch(direction, 0.04 if scene.calibrated else None)
    return scene, CloudRules(how.sensitivity, how.min_size, how.buffer, search)


def _scene(coarse: Coarse, scale: float, progress: Progress) -> Scene:
    declared = coarse.image.details
    means, title = coarse.means, file_name(coarse.image)
    known = len(set(declared.scales)) == 1 and declared.scales[0] not in (None, 1.0)
    if scale > 0:
        means /= np.float32(scale)
    elif known:
        offset = declared.offsets[0] if declared.offsets else 0.0
        means *= np.float32(declared.scales[0])
        means += np.float32(offset or 0.0)
        progress.info(f"{title} declares scale {declared.scales[0]:g} and offset {offset or 0:g}.")
    else:
        colors = [n for n, name in enumerate(coarse.names) if name in ("blue", "green", "red")]
        bright = means[colors].mean(0)[coarse.valid]
        top = float(np.percentile(bright, 99.5)) if bright.size else 1.0
        means *= np.float32(TOP / top if top > 0 else 1.0)
        text = (
            f"{title} declares no scale and SCALE is 0, so thresholds are relative to its "
            "brightness, and haze is not looked for."
        )
        middle = float(np.median(bright)) if bright.size else 0.0
        if middle > MOST_REFLECTANCE:
            progress.warn(
                f"{text} An image all under clouds is then taken for clear. Its median of "
                f"{middle:.0f} is no reflectance: give SCALE, the value of reflectance 1 (10000 "
                "for Sentinel-2 level 1C and 2A)."
            )
        else:
            progress.info(text)
    means[:, ~coarse.valid] = 0
    return Scene(dict(zip(coarse.names, means)), coarse.valid, scale > 0 or known)


def _away(image: Image, azimuth: float) -> tuple[float, float]:
    """The direction (cols, rows) away from the sun."""
    angle = math.radians(azimuth)
    x, y = image.grid.to_map(0, 0)
    span = image.grid.pixel_size[0]
    col, row = image.grid.to_pixel(x - span * math.sin(angle), y - span * math.cos(angle))
    return float(col), float(row)
