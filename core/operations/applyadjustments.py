# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply saved gains, offsets, curves and block maps, also to images they were not made from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from ..alike import file_name
from ..errors import InvalidOption
from ..exchange.blockmaps import map_files
from ..image import Image
from ..normalizing.correcting import common_numbers, conclude, corrected, destinations, exact
from ..normalizing.knownmaps import Mapping, loaded_maps, mapped, maps_for
from ..progress import SILENT, Progress, Recorder
from ..provenance import recorded
from ..radiometry import comparable
from ..radiometry.adjustments import Adjustments, ImageAdjustment, load_adjustments, unchanged
from ..radiometry.remarks import listed
from ..raster import RasterImage, open_listed
from ..report.html import Report, Table, Verdict, numbers_of
from ..report.levels import joined
from ..requests.applyadjustments import Request as Request
from ..requests.applyadjustments import Result as Result
from ..requests.shared.blocks import Blocking
from ..write import write_all

NEEDS = (("all methods", ()),)


@dataclass(frozen=True)
class Applied:
    """An image with what is applied to it; without entry and map it is copied."""

    image: RasterImage
    view: Image
    entry: ImageAdjustment | None
    mapped: bool

    @property
    def copied(self) -> bool:
        """True when nothing is applied."""
        return self.entry is None and not self.mapped


@recorded
def run(request: Request, progress: Progress = SILENT) -> Result:
    """Read the models, correct the images and write them."""
    if not request.model and not request.reference_map:
        raise InvalidOption("Give a model in MODEL, a block map in REFERENCE_MAP, or both.")
    heard = Recorder(progress)
    images, skipped = open_listed(request, heard)
    comparable.refuse_uncorrectable(images)
    comparable.refuse_type(images, request.output_type)
    # what is not read cannot be counted: holes are expected
    comparable.refuse_holes(images, [0] * len(images), request.output_type)
    maps = map_files(request.reference_map, request.local_maps, _called(images, request))
    paths = destinations(images, request, (request.model, *maps))
    found = applied(images, request, heard)
    progress.phase("Writing the corrected images")
    views = [one.view for one in found]
    resumed = replace(exact(request, images), local_maps=tuple(maps))
    written = write_all(views, paths, resumed, progress.part(0.3, 0.98))
    idle = sum(one.copied for one in found)
    outcome = Result(**common_numbers(request, written, len(images) + skipped, skipped + idle))
    report = _report(outcome, found, heard.warnings)
    conclude("applyadjustments", request, report, outcome, {}, progress)
    return outcome


def applied(
    images: Sequence[RasterImage], request: Request, progress: Progress = SILENT
) -> list[Applied]:
    """Return all images with model and maps as stacked views, rounded once.

    Raises InvalidOption for images without entry or map that may not be copied, and for bands the
    model does not have.
    """
    called = _called(images, request)
    entries: list[ImageAdjustment | None] = [None] * len(images)
    if request.model:
        entries = entries_of(called, request)
    last = "same" if request.reference_map else request.output_type
    views = [
        corrected(image, mine or unchanged(image.name, image.bands), last)
        for image, mine in zip(called, entries)
    ]
    if request.reference_map:
        mapping = _mapping(images, request)
        loaded = loaded_maps(called, mapping, progress)
        maps = maps_for(views, loaded, mapping, progress.part(0.0, 0.3))
        mapped_views = [mapped(view, maps, mapping, request.output_type) for view in views]
    else:
        mapped_views = [None] * len(views)
    found = [
        Applied(image, _typed(view, block, request), mine, block is not None)
        for image, view, block, mine in zip(images, views, mapped_views, entries)
    ]
    copied = [file_name(one.image) for one in found if one.copied]
    if copied:
        progress.warn(f"There is no entry or map for {listed(copied)}; copied unchanged.")
    return found


def _typed(view: Image, block: Image | None, request: Request) -> Image:
    """The image with its map; without one the model's correction in the type asked for."""
    if block is not None:
        return block
    return replace(view, output_type=request.output_type)  # type: ignore[type-var]


def _called(images: Sequence[RasterImage], request: Request) -> list[RasterImage]:
    """The images under the names they have in model and maps."""
    pairs = [pair.split(";") for pair in request.image_names]
    wanted = comparable.named_images(images, [image for image, _ in pairs], "IMAGE_NAMES")
    names = {at: name.strip() for at, (_, name) in zip(wanted, pairs)}
    return [replace(image, name=names.get(at, image.name)) for at, image in enumerate(images)]


def _mapping(images: Sequence[RasterImage], request: Request) -> Mapping:
    method = request.correction_method
    how = Blocking(
        correction_method="linear" if method == "automatic" else method,
        alpha=request.alpha,
        max_change=request.max_change,
    )
    return Mapping(
        str(request.reference_map),
        request.local_maps,
        how,
        method == "automatic",
        request.unknown_images,
        tuple(_order(images[0], request)),
        request.threads,
    )


def entries_of(images: Sequence[RasterImage], request: Request) -> list[ImageAdjustment | None]:
    """Return the model's entry for each image, bands in the image's order; None without one."""
    model = load_adjustments(str(request.model))
    found: list[ImageAdjustment | None] = []
    for image in images:
        mine = _entry(image, model, request)
        found.append(mine and _with_bands(mine, image, request))
    return found


def _entry(image: Image, model: Adjustments, request: Request) -> ImageAdjustment | None:
    mine, name = model.find(image.name), image.name
    if mine is not None or request.unknown_images in ("copy", "reference"):
        return mine
    title = os.path.basename(str(request.model))
    if request.unknown_images == "single":
        if len(model.images) == 1:
            return model.images[0]
        raise InvalidOption(
            f"{title} has {len(model.images)} entries, so that none is the only one. Say in "
            f"IMAGE_NAMES which serves {file_name(image)}."
        )
    near = get_close_matches(name, model.names, 3, 0.4)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    wanted = f' called "{name}"' if name != os.path.splitext(file_name(image))[0] else ""
    raise InvalidOption(
        f"{title} has no entry{wanted} for {file_name(image)}.{hint} Use IMAGE_NAMES or "
        "UNKNOWN_IMAGES."
    )


def _order(image: Image, request: Request) -> list[int]:
    """The number in the model of each band of the images."""
    order = list(range(image.bands))
    for band, number in band_numbers(request):
        if not 1 <= band <= image.bands:
            raise InvalidOption(
                f"Entries by band: {file_name(image)} has no band {band}; its bands are 1 to "
                f"{image.bands}."
            )
        order[band - 1] = number
    return order


def _with_bands(mine: ImageAdjustment, image: Image, request: Request) -> ImageAdjustment:
    """The entry with its bands in the order of the image's."""
    order = _order(image, request)
    missing = [number for number in order if not 0 <= number < len(mine.gains)]
    if missing:
        raise InvalidOption(
            f"{os.path.basename(str(request.model))}: {mine.name} has no band_{missing[0]}, which "
            f"{file_name(image)} with {image.bands} bands needs. Use BAND_ENTRIES."
        )
    lookups = tuple(mine.lookups[at] for at in order) if mine.lookups else ()
    gains, offsets = (tuple(v[at] for at in order) for v in (mine.gains, mine.offsets))
    return replace(mine, gains=gains, offsets=offsets, lookups=lookups)


def band_numbers(request: Request) -> list[tuple[int, int]]:
    """Return (band, number in the model) of the bands that are served by another number.

    Raises InvalidOption for what is no whole number.
    """
    found = []
    for pair in request.band_entries:
        band, number = pair.split(";")
        if not (band.strip().isdecimal() and number.strip().isdecimal()):
            raise InvalidOption(f"Entries by band: {pair!r} are not two whole numbers.")
        found.append((int(band), int(number)))
    return found


def _report(outcome: Result, found: Sequence[Applied], warnings: Sequence[str]) -> Report:
    used = int(outcome.images_used or 0)
    rows = tuple(
        (
            one.image.name,
            one.entry.name if one.entry else None,
            joined(one.entry.gains if one.entry else ()),
            joined(one.entry.offsets if one.entry else ()),
            bool(one.entry and one.entry.lookups),
            one.mapped,
        )
        for one in found
        if not one.copied
    )
    titles = ("Image", "Entry", "Gains", "Offsets", "Curve", "Block map")
    return Report(
        title="Applied adjustments",
        verdict=Verdict(
            "good" if used else "failed", f"{used} of {len(found)} images were corrected."
        ),
        numbers=numbers_of(outcome),
        tables=(Table("Corrections", titles, rows),),
        skipped=tuple(
            (one.image.name, "no entry or map, copied unchanged") for one in found if one.copied
        ),
        warnings=tuple(warnings),
    )
