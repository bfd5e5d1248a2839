# SPDX-License-Identifier: GPL-2.0-or-later
"""First tasks of a land cover run: references, dates, masks, clear areas, envelopes, regions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import IncompatibleImages
from ...image import Cast
from ...landcover.envelopes import northwest
from ...landcover.validity import ClearCount, Common
from ...progress import Progress
from ...raster import open_image
from ...requests.gapfill import Interpolating
from ...stage import write_text
from ...vector import Burned, Feature, FootprintTrace, Layer, read_polygons, write_layers
from ...vector.clipping import Shapes
from ...vector.rings import area_of, rings_of, wkb_of
from ...vector.shapefiles import write_shapefile
from ...vector.shaping import buffered
from ...write import write
from ..gapfill import output_dates
from ..pixelvalidity import ClearArea
from ..tilepriority import Tile as Outline
from ..tilepriority import divided, envelope_layer, footprints
from .plan import ONE_REGION, Plan
from .tiles import Tile


@dataclass(frozen=True)
class Prepare:
    """Write the reference image of a tile and the lists of dates."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them."""
        plan, tile = self.plan, self.tile
        blank = Cast(Burned(tile.grid, (), "reference"), "uint8")
        write(blank, plan.grid_file(tile), plan.writing(share), progress)
        for source in tile.dated:
            dates = source.stacked(plan.grid_file(tile)).dates
            filling = dict(plan.how.filling).get(source.sensor)
            lists = {"input": dates, "interpolation": _wanted(filling, dates)}
            for kind, listed in lists.items():
                path = plan.tree.dates(tile.name, source.title, kind)
                write_text(path, "".join(f"{date[:8]}\n" for date in listed))
            progress.info(f"{source.title}: {len(dates)} dates of {tile.name}.")


def _wanted(filling: Interpolating | None, dates: Sequence[str]) -> Sequence[str]:
    return output_dates(dates, filling) if dates and filling else dates


@dataclass(frozen=True)
class CommonMask:
    """Write the mask series of a tile, and where every sensor has seen the ground."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them."""
        plan, tile = self.plan, self.tile
        how, paths = plan.writing(share), []
        for source, path in zip(tile.sources, plan.masks(tile)):
            if path:
                write(source.seen(plan.grid_file(tile)), path, how, progress.part(0.0, 0.8))
                paths.append(path)
        common = Common(tuple(open_image(path) for path in paths))
        with FootprintTrace([common]) as trace:
            area = ClearArea(trace, 1)
            write(common, plan.tree.common(tile.name), how, progress.part(0.8, 1.0), (area,))
            (found,) = trace.footprints(common.grid.crs)
        shape = Feature(found.geometry, {"tile": tile.name})
        features = (shape,) if rings_of(found.geometry) else ()
        layer = Layer(
            "MaskCommunSL", "MultiPolygon", tile.grid.crs, (("tile", "string"),), features
        )
        write_shapefile(plan.tree.common(tile.name, "shp"), layer)


@dataclass(frozen=True)
class Validity:
    """Write how often each pixel of a tile is clear, and where it is often enough."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write both."""
        plan, tile = self.plan, self.tile
        threshold = plan.request.threshold
        count = ClearCount(tuple(open_image(path) for path in plan.masks(tile) if path))
        with FootprintTrace([count]) as trace:
            area = ClearArea(trace, threshold)
            write(count, plan.tree.clear(tile.name), plan.writing(share), progress, (area,))
            (found,) = trace.footprints(count.grid.crs)
        polygons = buffered(rings_of(found.geometry), -SHRINK)
        features = tuple(
            Feature(wkb_of([one]), {"threshold": threshold, "area": area_of([one])})
            for one in polygons
        )
        fields = (("threshold", "integer"), ("area", "real"))
        path = plan.tree.clear_area(tile.name, threshold)
        name = os.path.splitext(os.path.basename(path))[0]
        write_shapefile(path, Layer(name, "MultiPolygon", count.grid.crs, fields, features))
        progress.info(f"{area.never} pixels of {tile.name} are never clear.")
        if not features:
            progress.warn(
                f"No pixel of {tile.name} is clear on {threshold} dates or more; its polygons are "
                "not used."
            )


SHRINK = 0.1
"""How far the edges of clear areas are moved inward, map units."""


@dataclass(frozen=True)
class Envelopes:
    """Divide the ground among the tiles."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write one layer of all envelopes, and one for each tile."""
        plan = self.plan
        parts = progress.part(0.0, 0.5).split(len(plan.tiles))
        outlined = [self._outline(tile, part) for tile, part in zip(plan.tiles, parts)]
        tiles = [one for found in outlined for one in found]
        if not tiles:
            raise IncompatibleImages("No tile has ground that all sensors have seen: no map.")
        order = northwest([tile.box for tile in tiles])
        shapes: Sequence[bytes] = [tile.footprint for tile in tiles]
        if len(tiles) > 1:
            shapes = divided(tiles, order, "voronoi", 0.0, progress.part(0.5, 1.0))
        layer = envelope_layer(tiles, order, shapes)
        write_layers(plan.tree.envelopes, [layer])
        for tile in plan.tiles:
            mine = tuple(one for one in layer.features if one.values["tile"] == tile.name)
            one = replace(layer, name=tile.name, features=mine, style="")
            write_shapefile(plan.tree.envelope(tile.name), one)

    def _outline(self, tile: Tile, progress: Progress) -> list[Outline]:
        path = self.plan.tree.common(tile.name)
        found = footprints([path], self.plan.request.threads, progress, every=False)
        if not found:
            progress.warn(f"No ground of {tile.name} was seen by all sensors; it is not mapped.")
        return [replace(one, name=tile.name) for one in found]


@dataclass(frozen=True)
class Regions:
    """Write the part of each region in each tile, as polygons and as pixels."""

    plan: Plan

    def __call__(self, progress: Progress, share: float) -> None:
        """Write them."""
        plan = self.plan
        envelopes = {
            str(one.values["tile"]): one.geometry
            for one in read_polygons(plan.tree.envelopes, plan.crs)
        }
        areas = self._areas(tuple(envelopes.values()))
        if not plan.request.regions:
            features = tuple(Feature(shape, {"region": ONE_REGION}) for shape in areas[ONE_REGION])
            write_shapefile(plan.tree.at("MyRegion.shp"), self._layer("MyRegion", features))
        for region, tile in pairs(plan):
            tile_shape = Shapes(tuple(shape for n, shape in envelopes.items() if n == tile.name))
            shapes = self._common(Shapes(areas[region]), tile_shape)
            path = plan.tree.region(plan.layer, region, tile.name, "shp")
            features = tuple(Feature(shape, {"region": region}) for shape in shapes)
            write_shapefile(path, self._layer(plan.layer, features))
            burned = Burned(tile.grid, tuple((shape, 1) for shape in shapes), region)
            path = plan.tree.region(plan.layer, region, tile.name, "tif")
            write(Cast(burned, "uint8"), path, plan.writing(share))

    def _areas(self, envelopes: tuple[bytes, ...]) -> dict[str, tuple[bytes, ...]]:
        request = self.plan.request
        if not request.regions:
            return {ONE_REGION: envelopes}
        found: dict[str, tuple[bytes, ...]] = {}
        for feature in read_polygons(request.regions, self.plan.crs):
            name = str(feature.values[request.region_field])
            found[name] = (*found.get(name, ()), feature.geometry)
        return found

    @staticmethod
    def _common(areas: Shapes, tile: Shapes) -> list[bytes]:
        common = (areas.common(at, tile, place) for at, place in areas.meeting(tile))
        return [shape for shape in common if shape is not None]

    def _layer(self, name: str, features: tuple[Feature, ...]) -> Layer:
        return Layer(name, "MultiPolygon", self.plan.crs, (("region", "string"),), features)


def pairs(plan: Plan) -> list[tuple[str, Tile]]:
    """Return every region with each tile that it may reach."""
    return [
        (region, tile)
        for region in plan.regions
        for tile in plan.tiles
        if tile.name in plan.reach.get(region, ())
    ]
