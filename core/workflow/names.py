# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of a land cover run, under the names that users of iota2 know."""

from __future__ import annotations

import os
from dataclasses import dataclass

FOLDERS = (
    "classif/MASK",
    "config_model",
    "dataAppVal/bymodels",
    "dataRegion",
    "dimRed",
    "envelope",
    "features",
    "final/TMP",
    "final/simplification/mosaic",
    "final/simplification/tiles",
    "final/simplification/tmp",
    "final/simplification/vectors",
    "final/vectors",
    "formattingVectors",
    "learningSamples",
    "logs/html",
    "model",
    "samplesSelection",
    "shapeRegion",
    "stats",
)

SHAPEFILE = (".shp", ".shx", ".dbf", ".prj")


@dataclass(frozen=True)
class Tree:
    """Paths below the output folder."""

    folder: str

    def at(self, *parts: str) -> str:
        """Return the path of a file below the folder."""
        return os.path.join(self.folder, *parts)

    def final(self, name: str) -> str:
        """Return the path of a final product."""
        return self.at("final", name)

    def temporary(self, name: str) -> str:
        """Return the path of a piece of a final product."""
        return self.at("final", "TMP", name)

    def feature(self, tile: str, name: str) -> str:
        """Return the path of what is known of a tile."""
        return self.at("features", tile, name)

    def reference(self, tile: str, sensor: str) -> str:
        """Return the image whose pixels everything of a tile gets."""
        return self.feature(tile, f"tmp/{sensor}_{tile}_reference.tif")

    def masks(self, tile: str, sensor: str, number: int = 0) -> str:
        """Return the mask series of one sensor, the `number`-th one of the tile."""
        again = f"_{number}" if number else ""
        return self.feature(tile, f"tmp/{sensor}_{tile}_masks{again}.tif")

    def dates(self, tile: str, sensor: str, kind: str) -> str:
        """Return the list of dates: kind "input" or "interpolation"."""
        return self.feature(tile, f"tmp/{sensor}_{tile}_{kind}_dates.txt")

    def common(self, tile: str, ending: str = "tif") -> str:
        """Return where every sensor has seen the ground."""
        return self.feature(tile, f"tmp/MaskCommunSL.{ending}")

    def clear(self, tile: str) -> str:
        """Return the count of clear dates."""
        return self.feature(tile, "nbView.tif")

    def clear_area(self, tile: str, threshold: int) -> str:
        """Return the polygons with enough clear dates."""
        return self.feature(tile, f"CloudThreshold_{threshold}.shp")

    @property
    def envelopes(self) -> str:
        """The parts that the mosaic takes from the tiles."""
        return self.at("envelope", "envelopes.gpkg")

    def envelope(self, tile: str) -> str:
        """Return the part that the mosaic takes from one tile."""
        return self.at("envelope", f"{tile}.shp")

    def region(self, layer: str, region: str, tile: str, ending: str) -> str:
        """Return the part of a region in a tile."""
        return self.at("shapeRegion", f"{layer}_region_{region}_{tile}.{ending}")

    def formatted(self, tile: str) -> str:
        """Return the reference polygons of a tile."""
        return self.at("formattingVectors", f"{tile}.shp")

    def part(self, tile: str, run: int, part: str) -> str:
        """Return the polygons of a tile that learn ("learn") or validate ("val") in a run."""
        return self.at("dataAppVal", f"{tile}_seed_{run}_{part}.sqlite")

    @property
    def validation(self) -> str:
        """The reference polygons as they count in tiles, each one feature with all its parts."""
        return self.at("dataAppVal", "reference.gpkg")

    def chosen(self, region: str, run: int, ending: str) -> str:
        """Return a file of the selection of samples for a model."""
        return self.at("samplesSelection", f"samples_region_{region}_seed_{run}{ending}")

    def counted(self, tile: str, region: str, run: int) -> str:
        """Return the counts of the pixels of each class for a model in a tile."""
        return self.at("samplesSelection", f"{tile}_region_{region}_seed_{run}_stats.csv")

    def rates(self, tile: str, run: int) -> str:
        """Return how many pixels of each region and class a tile gives."""
        return self.at("samplesSelection", f"{tile}_seed_{run}_selection.csv")

    def tile_samples(self, tile: str, region: str, run: int) -> str:
        """Return the samples of a model from one tile."""
        name = f"{tile}_region_{region}_seed{run}_Samples_learn.sqlite"
        return self.at("learningSamples", name)

    def samples(self, region: str, run: int) -> str:
        """Return the samples of a model."""
        return self.at("learningSamples", f"Samples_region_{region}_seed{run}_learn.sqlite")

    def statistics(self, run: int) -> str:
        """Return the table of classes of a run."""
        return self.at("learningSamples", f"class_statistics_seed{run}_learn.csv")

    def model(self, region: str, run: int) -> str:
        """Return a model."""
        return self.at("model", f"model_{region}_seed_{run}.owm")

    def area(self, region: str, tile: str) -> str:
        """Return where a model classifies in a tile."""
        return self.at("classif", "MASK", f"MASK_region_{region}_{tile}.tif")

    def labels(self, tile: str, region: str, run: int) -> str:
        """Return the map that a model makes of a tile."""
        return self.at("classif", f"Classif_{tile}_model_{region}_seed_{run}.tif")

    def confidence(self, tile: str, region: str, run: int) -> str:
        """Return the confidence of a model in a tile."""
        return self.at("classif", f"{tile}_model_{region}_confidence_seed_{run}.tif")

    def probability(self, tile: str, region: str, run: int) -> str:
        """Return the probabilities of a model in a tile."""
        return self.at("classif", f"PROBAMAP_{tile}_model_{region}_seed_{run}.tif")


def parts_of_shapefile(path: str) -> tuple[str, ...]:
    """Return the files that belong to a shapefile."""
    stem = os.path.splitext(path)[0]
    return tuple(stem + ending for ending in SHAPEFILE)
