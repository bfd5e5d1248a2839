# SPDX-License-Identifier: GPL-2.0-or-later
"""The task that writes the objects of all tiles as polygons with their classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...exchange.legend import read_legend
from ...executor import each
from ...image import Array, Image, Pixels, View
from ...landcover.labeled import read_labels
from ...landcover.lines import Ids
from ...progress import Progress
from ...raster import open_image
from ...vector import Feature, Layer, read_polygons, write_layers
from ...vector.rings import area_of, rings_of
from ...vector.styles import classes_style
from ...windows import Window, tiling
from ...workflow.objecttable import KEY, SIDE, read_table
from ...workflow.outlining import outlined
from ..mosaicclassification import Pieces
from ..objectstatistics import is_vector
from .mapping import envelopes_of, seen_tiles
from .plan import Plan
from .segments import files_of, placed

FIELDS = (
    ("object", "integer"),
    ("Class", "integer"),
    ("Name", "string"),
    ("Area", "real"),
    ("Confidence", "real"),
)


@dataclass(frozen=True)
class Renumbered(View):
    """Objects by other numbers: `numbers`[n] instead of n."""

    numbers: Array

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Return the other numbers of a window."""
        values = self.numbers[self.source.read(window).values]
        return Pixels(values, values[0] > 0)


@dataclass(frozen=True)
class Outline:
    """Write the objects of a run with the class that most of their pixels have on the map."""

    plan: Plan
    run: int

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them."""
        plan, tree = self.plan, self.plan.tree
        listed = [read_table(files_of(plan, tile)).objects[:, KEY] for tile in plan.tiles]
        keys = np.unique(np.concatenate(listed))
        objects = self._together(listed, keys, progress.part(0.0, 0.1))
        classes, sure = self._classes(objects, len(keys), progress.part(0.1, 0.4))
        legend = read_legend(plan.nomenclature, plan.request.colors)
        rows = self._rows(objects, keys, progress.part(0.4, 1.0))
        written = (
            Feature(
                shape,
                {
                    "object": number,
                    "Class": int(classes[at]),
                    "Name": legend.name(int(classes[at])),
                    "Area": area_of(rings_of(shape)),
                    "Confidence": float(sure[at]),
                },
            )
            for at, number, shape in rows
            if classes[at]
        )
        found = np.unique(classes[classes > 0]).tolist()
        entries = [
            (n, legend.name(n), "#{:02x}{:02x}{:02x}".format(*legend.color(n))) for n in found
        ]
        style = classes_style("Class", entries)
        layer = Layer("objects", "MultiPolygon", plan.crs, FIELDS, written, style)
        write_layers(tree.objects(self.run), [layer])
        known = int(np.count_nonzero(classes))
        progress.info(f"{known} of {len(keys)} objects have a class in run {self.run}.")

    def _together(self, listed: Sequence[Ids], keys: Ids, progress: Progress) -> Image:
        """Return the objects of all tiles as one image, by their place in the keys from 1."""
        plan, tree = self.plan, self.plan.tree
        seen = seen_tiles(plan)
        maps = [open_image(tree.temporary(f"{t.name}_seed_{self.run}.tif")) for t in seen]
        pieces = envelopes_of(plan, maps, progress)
        views = tuple(
            Renumbered(open_image(tree.segments(tile.name)), np.append(0, placed(mine, keys)))
            for tile, mine in zip(plan.tiles, listed)
            if tile in seen
        )
        own = Pieces(views, pieces.tiles, pieces.grid, pieces.envelopes)
        return own.together(views, np.dtype(np.int32))

    def _classes(self, objects: Image, count: int, progress: Progress) -> tuple[Ids, Array]:
        """Return the class and the mean confidence of each object on the map; 0 for none."""
        tree = self.plan.tree
        labels = open_image(tree.final(f"Classif_Seed_{self.run}.tif"))
        sure = open_image(tree.final(f"Confidence_Seed_{self.run}.tif"))

        def look(window: Window) -> tuple[Ids, Ids, Array]:
            numbers, found = objects.read(window), read_labels(labels, window)
            both = numbers.valid & (found > 0)
            keys = numbers.values[0][both].astype(np.int64) << 16 | found[both]
            known, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
            values = sure.read(window).values[0][both].astype(np.float64)
            return known, counts, np.bincount(place.ravel(), values, len(known))

        windows = list(tiling(objects.grid.window, SIDE, SIDE))
        threads = self.plan.request.threads
        parts = each(look, windows, threads=threads, progress=progress, total=len(windows))
        columns = [np.concatenate(column) for column in zip(*parts)]
        known, place = np.unique(columns[0], return_inverse=True)
        counts, sums = (np.bincount(place.ravel(), column, len(known)) for column in columns[1:])
        at, label = (known >> 16) - 1, known & 0xFFFF
        # the most pixels last, so that they stay; of equal ones the lowest label
        order = np.lexsort((-label, counts))
        classes, mean = np.zeros(count, np.int64), np.zeros(count)
        classes[at[order]], mean[at[order]] = label[order], (sums / counts)[order]
        return classes, mean

    def _rows(
        self, objects: Image, keys: Ids, progress: Progress
    ) -> Iterator[tuple[int, int, bytes]]:
        """Yield place, number and outline of the objects: parcels as they were given."""
        source = self.plan.request.segments
        if source and is_vector(source):
            parcels = read_polygons(source, self.plan.crs, progress)
            for at, key in enumerate(keys.tolist()):
                yield at, parcels[key - 1].number, parcels[key - 1].geometry
            return
        for number, shape in outlined(objects, self.plan.request.threads, progress):
            yield number - 1, int(keys[number - 1]) if source else number, shape
