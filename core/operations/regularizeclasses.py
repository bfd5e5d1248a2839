# SPDX-License-Identifier: GPL-2.0-or-later
"""Clean a class map: small regions go to their neighbors, coarser pixels take the majority."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InvalidOption
from ..exchange.numbertable import read_groups
from ..image import Image, Pixels, View
from ..landcover.labeled import refuse_no_classes
from ..landcover.majority import Majority
from ..landcover.mosaicked import Labeled
from ..landcover.sieving import Sieve, Sieved
from ..progress import SILENT, Progress
from ..provenance import recorded
from ..raster import open_image, refuse_overwriting
from ..requests.regularizeclasses import Request as Request
from ..requests.regularizeclasses import Result as Result
from ..requests.regularizeclasses import labels_in
from ..stage import write_text
from ..vector import Burned, files_of, read_polygons
from ..windows import Window
from ..write import write

NEEDS = (("regularization", ()),)

COARSEST = 1000
"""Pixels of the map along a pixel of the result at most."""


@dataclass(frozen=True)
class Landed(View):
    """The class map below, water outside the land being sea."""

    land: Image
    water: int
    sea: int

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """8 bits unless the sea needs 16."""
        wide = self.sea > 255 or self.source.dtype.itemsize > 1
        return np.dtype(np.uint16 if wide else np.uint8)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Look where the water of a window lies."""
        found = self.source.read(window, (1,))
        values = found.values.astype(self.dtype)
        away = (values == self.water) & ~self.land.read(window).valid
        values[away] = self.sea
        return Pixels(values, found.valid)


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Regularize the map of the request and write it."""
    image = open_image(request.image)
    inputs = [image.path, *files_of(request.inland)]
    output = refuse_overwriting(request.output, inputs)
    view = apply(image, request, progress)
    progress.phase("Regularizing")
    written = write(view, output, request, progress)
    _style(image.path, output)
    if not written.valid_pixels:
        progress.warn(f"{image.name} has no class anywhere; the map is empty.")
    progress.info(
        f"The map has pixels of {view.grid.pixel_size[0]:g} × {view.grid.pixel_size[1]:g} map "
        f"units, {written.valid_pixels} of them with a class. It is {output}."
    )
    return Result(output, written.valid_pixels)


def apply(image: Image, request: Request, progress: Progress = SILENT) -> Image:
    """Return the regularized map as a view: nothing is computed yet.

    Raises IncompatibleImages when the image is no class map, InvalidOption when the result would
    have finer pixels.
    """
    refuse_no_classes(image)
    groups = read_groups(request.nomenclature) if request.nomenclature else ()
    sieve = Sieve(request.umc1, keep=labels_in(request.keep), groups=groups)
    view: Image = Sieved(Labeled(image), sieve)
    across, along = (request.resolution / size for size in image.grid.pixel_size)
    if request.resolution and (across < 1 or along < 1):
        raise InvalidOption(
            f"Pixel size of the result: {request.resolution:g} is finer than the "
            f"{image.grid.pixel_size[0]:g} map units of {image.name}. Give a larger one, or 0."
        )
    if request.resolution and max(across, along) > COARSEST:
        raise InvalidOption(
            f"Pixel size of the result: {request.resolution:g} is more than {COARSEST} pixels of "
            f"{image.name}, which measure {image.grid.pixel_size[0]:g} map units. Give a smaller "
            "one, or 0."
        )
    if request.resolution and (across > 1 or along > 1):
        view = Majority(view, (across, along))
    view = Sieved(view, replace(sieve, limit=request.umc2, corners=True))
    if bool(request.sea_label) != bool(request.inland):
        raise InvalidOption("Sea: INLAND and SEA_LABEL belong together; give both or none.")
    if request.inland:
        features = read_polygons(request.inland, image.grid.crs, progress)
        land = Burned(view.grid, tuple((feature.geometry, 1) for feature in features))
        view = Landed(view, land, request.water_label, request.sea_label)
    return view


def _style(source: str, output: str) -> None:
    """Give the result the colors of the map, when it has some."""
    path, target = (os.path.splitext(name)[0] + ".qml" for name in (source, output))
    if os.path.isfile(path):
        with open(path, encoding="utf-8") as file:
            write_text(target, file.read())
