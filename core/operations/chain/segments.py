# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that make the objects of tiles and describe them; no object ends where a tile does.

A tile takes over the objects with which the tiles before it reach into it. All pixels of an object
count, each in the tile whose envelope holds it, so that both tiles see the object alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InvalidOption
from ...image import Array, Image, Pixels, View, constant
from ...landcover.classified import missing_features
from ...landcover.lines import Ids
from ...placement import bounds_in
from ...progress import Progress
from ...raster import open_image
from ...requests.objectstatistics import Request as Describing
from ...stage import WorkingFolder, staged
from ...vector import Burned, read_polygons
from ...vector.groundtruth import Burning, read_truth
from ...windows import Window, tiling
from ...workflow.objecttable import SIDE, Files, Given, Pooled, read_table, write_table
from ...workflow.segmenting import Segments
from ...write import write
from ..extractsamples import feature_names
from ..objectstatistics import objects_of
from .context import Segment, nothing
from .mapping import Within
from .plan import Plan
from .reference import is_empty
from .tiles import Tile

SPACING = 20
"""Distance of the points from which superpixels grow, px, when none is given."""


def describing(plan: Plan) -> Describing:
    """Return what objects are made and what is found out about them."""
    made: Describing = plan.step(
        Describing,
        "objectstatistics",
        image="features",
        output="objects.gpkg",
        segments=plan.request.segments,
        step=plan.request.object_size or SPACING,
    )
    return made


def statistics_of(plan: Plan) -> tuple[str, ...]:
    """Return the statistics that models learn from."""
    return tuple(name for name in describing(plan).statistics if name != "count") or ("mean",)


def bytes_by_pixel(plan: Plan, features: int) -> float:
    """Return the bytes that numbers of objects and their statistics take, by pixel."""
    each = 4 * features * len({"mean", *statistics_of(plan)})
    return 4 + each / describing(plan).step ** 2


def files_of(plan: Plan, tile: Tile) -> Files:
    """Return where the table of a tile's objects lies."""
    stem = plan.tree.feature(tile.name, f"{tile.name}_objects")
    return Files(f"{stem}.npy", f"{stem}_statistics.npy", f"{stem}_columns.json")


def before(plan: Plan, tile: Tile) -> tuple[Tile, ...]:
    """Return the tiles whose superpixels may reach into a tile, which come before it."""
    if plan.request.segments:
        return ()
    return tuple(
        one for one in around(plan, tile) if plan.tiles.index(one) < plan.tiles.index(tile)
    )


def around(plan: Plan, tile: Tile) -> tuple[Tile, ...]:
    """Return the tiles that may share objects with a tile, itself among them, in their order."""
    if plan.request.segments:
        return plan.tiles
    left, low, right, high = bounds_in(tile.grid, plan.crs)
    slack = max(tile.grid.pixel_size)
    boxes = ((one, bounds_in(one.grid, plan.crs)) for one in plan.tiles)
    return tuple(
        one
        for one, box in boxes
        if box[0] <= right + slack
        and box[2] >= left - slack
        and box[1] <= high + slack
        and box[3] >= low - slack
    )


def all_around(plan: Plan, tiles: Sequence[Tile]) -> tuple[Tile, ...]:
    """Return the tiles that may hold a part of an object of some tiles, in their order."""
    found = {one.name for tile in tiles for one in around(plan, tile)}
    return tuple(tile for tile in plan.tiles if tile.name in found)


def envelope_of(plan: Plan, tile: Tile) -> Burned:
    """Return the pixels that the mosaic takes from a tile."""
    path = plan.tree.envelope(tile.name)
    shapes = () if is_empty(path) else read_polygons(path, plan.crs)
    return Burned(tile.grid, tuple((one.geometry, 1) for one in shapes), "envelope")


def pooled(plan: Plan, tile: Tile) -> Pooled:
    """Return what is known of the objects of a tile, wherever they lie."""
    tiles = around(plan, tile)
    tables = tuple(read_table(files_of(plan, one)) for one in tiles)
    return Pooled(tables, tiles.index(tile))


@dataclass(frozen=True)
class Free(View):
    """The features below where all are known and no object is yet."""

    taken: tuple[Image, ...] = ()

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the features."""
        found = self.source.read(window, None, rounded)
        missing = missing_features(self.source, found.values)
        valid = np.array(found.valid) if missing is None else found.valid & ~missing
        for image in self.taken:
            valid &= image.read(window).values[0] == 0
        values = found.values if bands is None else found.values[[band - 1 for band in bands]]
        return Pixels(values, valid)


@dataclass(frozen=True)
class Keyed:
    """What objects are called in all tiles: those taken over, then our own numbers above `base`."""

    own: Image
    base: int
    earlier: tuple[tuple[Image, Ids], ...] = ()
    reverse: Image | None = None
    """Our own with the last of those that overlap on top."""

    def shared(self, window: Window) -> Array:
        """Return the pixels that several objects hold, of which the first one gets them."""
        if self.reverse is None:
            return constant(False, window.shape)
        both: Array = self.own.read(window).values[0] != self.reverse.read(window).values[0]
        return both

    def read(self, window: Window) -> Ids:
        """Return the key of the object of each pixel, 0 for none."""
        numbers = self.own.read(window).values[0].astype(np.int64)
        found: Ids = np.where(numbers > 0, numbers + self.base, 0)
        for image, keys in reversed(self.earlier):
            theirs = image.read(window).values[0]
            found = np.where(theirs > 0, np.append(0, keys)[theirs], found)
        return found


@dataclass(frozen=True)
class Numbered(View):
    """Objects by their place, from 1, in a list of keys; 0 where the list lacks one."""

    keyed: Keyed
    keys: Ids

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Look the keys of a window up."""
        keys = self.keyed.read(window)
        values = placed(keys, self.keys)[None]
        return Pixels(values, values[0] > 0)


def placed(keys: Ids, known: Ids) -> Array:
    """Return the place, from 1, of keys in ascending known ones; 0 for others."""
    if not len(known):
        return np.zeros(keys.shape, np.int32)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[place] == keys, place + 1, 0).astype(np.int32)


@dataclass(frozen=True)
class SegmentTile(Segment):
    """Make the objects of a tile."""

    def __call__(self, progress: Progress, share: float) -> None:
        """Write their numbers, and what they are called in all tiles."""
        plan, tree, name = self.plan, self.plan.tree, self.tile.name
        with WorkingFolder("segments", tree.feature(name, "tmp")) as folder:
            keyed = self._keyed(folder, progress.part(0.0, 0.8))
            keys = self._inside(keyed, progress)
            numbered = Numbered(keyed.own, keyed, keys)
            write(numbered, tree.segments(name), plan.writing(share), progress.part(0.8, 1.0))
        with staged(tree.segment_keys(name)) as path, open(path, "wb") as file:
            np.save(file, keys, allow_pickle=False)
        progress.info(f"{len(keys)} objects lie in {name}.")

    def _keyed(self, folder: str, progress: Progress) -> Keyed:
        plan, tile = self.plan, self.tile
        how = describing(plan)
        if how.segments:
            given = objects_of(plan.features(tile), how, folder, progress)
            return Keyed(given.image, 0, reverse=given.reverse)
        earlier = tuple(
            (Segments(open_image(plan.tree.segments(one.name)), tile.grid), _keys(plan, one))
            for one in before(plan, tile)
        )
        free = Free(plan.features(tile), tuple(image for image, _ in earlier))
        base = (plan.tiles.index(tile) + 1) << 32
        try:
            own = objects_of(free, how, folder, progress).image
        except InvalidOption as error:
            progress.warn(f"{tile.name} gets no superpixels of its own: {error}")
            own = nothing(tile.grid)
        return Keyed(own, base, earlier)

    def _inside(self, keyed: Keyed, progress: Progress) -> Ids:
        """Return the keys of the objects that the tile's envelope holds a pixel of."""
        area = envelope_of(self.plan, self.tile)
        found, shared = np.zeros(1, np.int64), 0
        for window in tiling(self.tile.grid.window, SIDE, SIDE):
            inside = area.labels(window) > 0
            if inside.any():
                found = np.union1d(found, keyed.read(window)[inside])
                shared += int(np.count_nonzero(keyed.shared(window) & inside))
        if shared:
            progress.warn(
                f"Objects overlap: {shared} pixels of {self.tile.name} lie in several and count "
                "for the first only."
            )
        return found[found > 0]


def _keys(plan: Plan, tile: Tile) -> Ids:
    found: Ids = np.load(plan.tree.segment_keys(tile.name), allow_pickle=False)
    return found


@dataclass(frozen=True)
class Inside(View):
    """The numbers below inside an area, 0 elsewhere."""

    area: Burned

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Return the numbers of a window."""
        inside = self.area.labels(window) > 0
        values = np.where(inside, self.source.read(window).values, 0) if inside.any() else None
        if values is None:
            values = np.zeros((1, *window.shape), self.dtype)
        return Pixels(values, values[0] > 0)


@dataclass(frozen=True)
class Describe:
    """Find out about the objects of a tile: what its features are in them."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the table of the objects, from the pixels in the tile's envelope."""
        plan, tile = self.plan, self.tile
        area, features = envelope_of(plan, tile), plan.features(tile)
        numbers = Inside(open_image(plan.tree.segments(tile.name)), area)
        found = write_table(
            Given(Within(features, area), numbers, _keys(plan, tile)),
            feature_names(features),
            statistics_of(plan),
            files_of(plan, tile),
            threads=plan.request.threads,
            progress=progress,
        )
        progress.info(f"{len(found)} objects of {tile.name} are described.")


@dataclass(frozen=True)
class Cover:
    """Count how many pixels of each object each reference polygon of a tile covers."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write key of the object, number of the polygon, label and pixels."""
        tree, name = self.plan.tree, self.tile.name
        rows = list(self._rows(progress)) if not is_empty(tree.formatted(name)) else []
        found = np.concatenate([np.empty((0, 4), np.int64), *rows])
        keys, place = np.unique(found[:, :3], axis=0, return_inverse=True)
        pixels = np.bincount(place.ravel(), found[:, 3], len(keys)).astype(np.int64)
        with staged(tree.covers(name)) as path, open(path, "wb") as file:
            np.save(file, np.column_stack([keys, pixels]), allow_pickle=False)
        progress.info(f"{len(keys)} times a polygon covers a part of an object in {name}.")

    def _rows(self, progress: Progress) -> Iterator[Ids]:
        plan, tile = self.plan, self.tile
        truth = read_truth(plan.tree.formatted(tile.name), plan.label, plan.crs)
        segments, keys = open_image(plan.tree.segments(tile.name)), _keys(plan, tile)
        source = np.array([int(one.values["originfid"]) for one in truth.features], np.int64)
        burning, area = Burning(tile.grid, truth), envelope_of(plan, tile)
        for window in burning.windows(SIDE):
            progress.check()
            held, numbers = burning.read(window).features, segments.read(window).values[0]
            both = (held > 0) & (numbers > 0) & (area.labels(window) > 0)
            at = held[both] - 1
            columns = [keys[numbers[both] - 1], source[at], truth.labels[at]]
            rows, counts = np.unique(np.column_stack(columns), axis=0, return_counts=True)
            yield np.column_stack([rows, counts])
