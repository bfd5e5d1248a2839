# SPDX-License-Identifier: GPL-2.0-or-later
"""Dated files found, checked and seen on one grid: what stacktimeseries and the workflow stack."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...errors import IncompatibleImages, InvalidOption
from ...exchange.text import read_lines
from ...grid import Grid
from ...image import Image, Pixels, View, representable
from ...landcover.dates import parsed_day, text_of
from ...landcover.sensors import Product, Rule, date_in, found_products, sensors
from ...landcover.series import UNDATED, UNSEEN, dates_without
from ...landcover.stacking import Acquired, Flag, Joined, MaskSeries, Stacked, Take, common_type
from ...placement import agree_on_crs, onto, output_grid
from ...progress import SILENT, Progress
from ...raster import RasterImage, expand, open_image
from ...windows import Window

UNKNOWN = "image"
"""What a sensor is called that is not in the table."""


@dataclass(frozen=True)
class Choice:
    """Which files are taken for what; see the options of stacktimeseries."""

    sensor: str = "auto"
    pattern: str = r"(\d{8})"
    dates: str | None = None
    rule: Rule = Rule()
    nodata: float | None = None
    same_day: str = "suffix"


@dataclass(frozen=True)
class Place:
    """The grid of a stack; see the options of stacktimeseries."""

    reference: str | None = None
    resolution: float | None = None
    crs: str | None = None
    extent: tuple[float, ...] | None = None
    resampling: str = "bilinear"


@dataclass(frozen=True)
class Listed:
    """Products of one sensor, one or several for each date, or `undated` files by name."""

    sensor: str
    products: tuple[Product, ...]
    choice: Choice
    undated: tuple[tuple[str, str], ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of them."""
        return (
            *(path for one in self.products for path in one.images),
            *(path for one in self.products for path, _ in one.masks),
            *(path for _, path in self.undated),
        )


@dataclass(frozen=True)
class Stack:
    """A series as a view, its masks and its dates; undated images have neither."""

    series: Image
    masks: MaskSeries | None
    dates: tuple[str, ...]


@dataclass(frozen=True)
class Named(View):
    """The image below with other names of its bands."""

    titles: tuple[str, ...] = ()

    @property
    def band_names(self) -> tuple[str, ...]:
        """The other names."""
        return self.titles

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below."""
        return self.source.read(window, bands, rounded)


def listed(
    entries: Sequence[str],
    masks: Sequence[str] = (),
    choice: Choice = Choice(),
    progress: Progress = SILENT,
) -> Listed:
    """Return what files, folders and patterns mean: products of known sensors, or dated images.

    Raises InvalidOption for files without date and dates without mask, IncompatibleImages for
    products that lack files.
    """
    if choice.sensor == UNDATED:
        return _undated(entries, choice, progress)
    folders = [entry for entry in entries if os.path.isdir(entry)]
    products = [one for entry in folders for one in found_products(entry, choice.sensor)]
    if products:
        if len(folders) < len(entries):
            raise InvalidOption(
                "Images: folders of products and single files are given. Stack them apart."
            )
        products = [_with_masks(one, masks, choice, progress) for one in products]
        return Listed(products[0].sensor, _ordered(products, choice, progress), choice)
    sensor = UNKNOWN if choice.sensor == "auto" else choice.sensor
    paths = expand(entries, progress)
    dated = _dated(paths, choice)
    made = [
        Product(sensor, group[0], date, tuple(group)) for date, group in _grouped(dated, sensor)
    ]
    if masks:
        made = _masked(made, _dated(expand(masks, progress), replace(choice, dates=None)), choice)
    return Listed(sensor, _ordered(made, choice, progress), choice)


def stack(
    found: Listed,
    place: Place = Place(),
    band_names: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Stack:
    """Return listed files as a series on one grid, with its masks; nothing is computed yet.

    Raises IncompatibleImages when dates differ in bands or files do not fit, InvalidOption for
    names that do not fit the bands.
    """
    if found.undated:
        return _stack_undated(found, place, band_names, progress)
    opened = {path: _opened(path, found) for one in found.products for path in one.images}
    images = list(opened.values())
    grid = grid_of(images, place, progress)
    _refuse_unequal(found.products, opened)
    seen = {path: onto(image, grid, place.resampling) for path, image in opened.items()}
    nodata = _nodata(found, images, seen.values(), grid)
    count = sum(opened[path].bands for path in found.products[0].images)
    series = Stacked(
        name=found.sensor,
        grid=grid,
        sensor=found.sensor,
        titles=_titles(found.sensor, count, band_names),
        acquired=_acquired(found, seen, grid),
        dtype_name=common_type(images, nodata).name,
        nodata=nodata,
    )
    dates = tuple(one.date for one in series.acquired)
    return Stack(series, MaskSeries(series), dates)


def grid_of(images: Sequence[Image], place: Place, progress: Progress = SILENT) -> Grid:
    """Return the grid of a stack: the reference's or the first image's, changed as asked."""
    reference = open_image(place.reference) if place.reference else images[0]
    crs = agree_on_crs([reference, *images], place.crs, progress)
    if place.resolution is None and place.crs is None and place.extent is None:
        return reference.grid
    resolution: str | float = "highest" if place.resolution is None else place.resolution
    if place.resolution == 0:
        resolution = images[0].grid.pixel_size[0]
    return output_grid([reference], crs, resolution=resolution, extent=place.extent)


def _dated(paths: Sequence[str], choice: Choice) -> list[tuple[str, str]]:
    """(date, path) of files, in the order of the dates; the order of files stays within a day."""
    table = _table(choice.dates) if choice.dates else {}
    found = []
    for path in paths:
        date = table.get(os.path.basename(path)) if table else None
        if not table:
            known = sensors().get(choice.sensor)
            pattern = choice.pattern
            if known and known.date and pattern == Choice().pattern:
                pattern = known.date
            date = date_in(path, pattern) or date_in(path, choice.pattern)
        if date is None:
            how = f"no line of {os.path.basename(choice.dates)}" if choice.dates else ""
            raise InvalidOption(
                f"{os.path.basename(path)} has no date: "
                f"{how or f'none found with {choice.pattern!r} in the name of file or folder'}. "
                "Change DATE_PATTERN, or give DATES."
            )
        found.append((date, path))
    return sorted(found, key=lambda item: item[0])


def _table(path: str) -> dict[str, str]:
    found = {}
    for number, row in enumerate(csv.reader(read_lines(path)), 1):
        if not row or (number == 1 and [cell.strip() for cell in row[:2]] == ["file", "date"]):
            continue
        if len(row) < 2:
            raise InvalidOption(f"{os.path.basename(path)}, line {number}: file,date is needed.")
        day = parsed_day(row[1], f"{os.path.basename(path)}, line {number}")
        found[os.path.basename(row[0].strip())] = text_of(day)
    return found


def _grouped(dated: Sequence[tuple[str, str]], sensor: str) -> list[tuple[str, list[str]]]:
    """Files of one date each; for a sensor with one file for each band, all of its bands."""
    known = sensors().get(sensor)
    tokens = known.names if known and not known.products else ()
    if not tokens:
        return [(date, [path]) for date, path in dated]
    by_date: dict[str, dict[str, str]] = {}
    for date, path in dated:
        parts = os.path.splitext(os.path.basename(path))[0].lower().split("_")
        for token in set(tokens) & set(parts):
            by_date.setdefault(date, {}).setdefault(token, path)
    used = [token for token in tokens if any(token in one for one in by_date.values())]
    for date, one in by_date.items():
        lacking = [token for token in used if token not in one]
        if lacking:
            raise IncompatibleImages(f"{sensor}: {date} has no file for {lacking[0]}.")
    if not used:
        return [(date, [path]) for date, path in dated]
    return [(date, [one[token] for token in used]) for date, one in by_date.items()]


def _masked(
    products: Sequence[Product], masks: Sequence[tuple[str, str]], choice: Choice
) -> list[Product]:
    """Give each image the mask of its date, the second one of a day the second mask."""
    lacking = dates_without([one.date for one in products], [date for date, _ in masks])
    if lacking:
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise InvalidOption(f"Masks: none for {', '.join(lacking[:5])}{more}.")
    found, used = [], {one.date: 0 for one in products}
    for one in products:
        mine = [path for date, path in masks if date == one.date]
        path = mine[min(used[one.date], len(mine) - 1)]
        used[one.date] += 1
        found.append(replace(one, masks=((path, choice.rule),)))
    return found


def _with_masks(
    product: Product, masks: Sequence[str], choice: Choice, progress: Progress
) -> Product:
    if not masks:
        return product
    dated = _dated(expand(masks, progress), replace(choice, dates=None))
    return _masked([product], dated, choice)[0]


def _ordered(
    products: Iterable[Product], choice: Choice, progress: Progress
) -> tuple[Product, ...]:
    found = sorted(products, key=lambda one: one.date)
    days = [one.date for one in found]
    again = sorted({date for date in days if days.count(date) > 1})
    if again:
        progress.info(
            f"Several images of one day: {', '.join(again[:5])} ({choice.same_day} is taken)."
        )
    return tuple(found)


def _acquired(found: Listed, seen: Mapping[str, Image], grid: Grid) -> tuple[Acquired, ...]:
    by_date: dict[str, list[Take]] = {}
    masks: dict[str, Image] = {}
    for one in found.products:
        for path, _ in one.masks:
            if path not in masks:
                masks[path] = onto(_one_band(open_image(path)), grid, "nearest")
        flags = tuple(Flag(masks[path], rule) for path, rule in one.masks)
        take = Take(tuple(seen[path] for path in one.images), flags)
        by_date.setdefault(one.date, []).append(take)
    how = found.choice.same_day
    dates = []
    for date, takes in by_date.items():
        if how == "clearest":
            dates.append(Acquired(date, tuple(takes)))
            continue
        for number, take in enumerate(takes[:1] if how == "first" else takes):
            dates.append(Acquired(f"{date}.{number}" if number else date, (take,)))
    return tuple(dates)


def _one_band(mask: RasterImage) -> RasterImage:
    if mask.bands != 1:
        raise IncompatibleImages(
            f"{os.path.basename(mask.path)} has {mask.bands} bands; the mask of a date has one."
        )
    return mask


def _opened(path: str, found: Listed) -> RasterImage:
    """Open an image with the nodata value asked for, else its own, else that of the sensor."""
    image = open_image(path, found.choice.nodata)
    known = sensors().get(found.sensor)
    plain = image.details.validity == "all" and known is not None and known.nodata is not None
    if plain and known and representable(known.nodata, image.dtype) is not None:
        return open_image(path, known.nodata)
    return image


def _nodata(
    found: Listed, images: Sequence[Image], seen: Iterable[Image], grid: Grid
) -> float | None:
    """What marks missing samples: as asked, as declared, else a value if any can be missing."""
    if found.choice.nodata is not None:
        return found.choice.nodata
    declared = [image.nodata for image in images if image.nodata is not None]
    if declared:
        return declared[0]
    covered = all(
        one.grid.offset(grid) == (0, 0) and one.grid.window == grid.window for one in seen
    )
    if covered and all(i.details.validity == "all" and i.dtype.kind != "f" for i in images):
        return None
    signed = all(representable(UNSEEN, image.dtype) is not None for image in images)
    return UNSEEN if signed else 0.0


def _titles(sensor: str, count: int, given: Sequence[str]) -> tuple[str, ...]:
    """Names of the bands of a date."""
    known = sensors().get(sensor)
    names = tuple(name.lower() for name in given) or (known.band_names if known else ())
    if len(set(names)) < len(names):
        raise InvalidOption(f"Band names: {', '.join(names)} hold a name twice.")
    if not names or (not given and len(names) > count):
        names = names[:count] if sensor == "sentinel1" else ()
    if not names:
        if known:
            raise IncompatibleImages(
                f"{known.title} images have {len(known.band_names)} bands "
                f"({', '.join(known.band_names)}); these have {count}. Give BAND_NAMES."
            )
        return tuple(f"b{number}" for number in range(1, count + 1))
    if len(names) != count:
        raise InvalidOption(f"Band names: {len(names)} are given and every date has {count} bands.")
    return names


def _refuse_unequal(products: Sequence[Product], opened: Mapping[str, RasterImage]) -> None:
    first = products[0]
    counts = [sum(opened[path].bands for path in one.images) for one in products]
    for one, count in zip(products, counts):
        if count != counts[0]:
            raise IncompatibleImages(
                f"{first.name} has {counts[0]} bands and {one.name} {count}. Every date needs the "
                "same bands."
            )


def _undated(entries: Sequence[str], choice: Choice, progress: Progress) -> Listed:
    paths = expand(entries, progress)
    return Listed(UNDATED, (), choice, tuple((os.path.basename(path), path) for path in paths))


def _stack_undated(
    found: Listed, place: Place, patterns: Sequence[str], progress: Progress
) -> Stack:
    """Rasters without date whose names hold the patterns, one after the other."""
    wanted = tuple(patterns) or sensors()[UNDATED].patterns
    chosen = []
    for pattern in wanted:
        hits = [path for name, path in found.undated if pattern in name]
        if not hits:
            raise InvalidOption(
                f"No file has {pattern} in its name. Give BAND_NAMES: what to look for, in order."
            )
        chosen.append(open_image(hits[0], found.choice.nodata))
    grid = grid_of(chosen, place, progress)
    named = tuple(
        Named(onto(image, grid, place.resampling), _undated_titles(pattern, image.bands))
        for pattern, image in zip(wanted, chosen)
    )
    return Stack(Joined(UNDATED, named, grid), None, ())


def _undated_titles(pattern: str, bands: int) -> tuple[str, ...]:
    name = f"{UNDATED}_{pattern.lower()}"
    return (name,) if bands == 1 else tuple(f"{name}_{n}" for n in range(1, bands + 1))
