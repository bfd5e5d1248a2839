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

SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@dataclass(frozen=True)
class Tree:
    """Paths below the output folder.

    `version` stands in the names of models and maps that better ones of the same run replace.
    """

    folder: str
    version: str = ""

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

    def samples(self, region: str, run: int, round_number: int = 0) -> str:
        """Return the samples of a model; from round 1 of auto-context on they know more."""
        context = f"_context_{round_number}" if round_number else ""
        return self.at(
            "learningSamples", f"Samples_region_{region}_seed{run}_learn{context}.sqlite"
        )

    def superpixels(self, tile: str) -> str:
        """Return the numbers of the superpixels of a tile."""
        return self.feature(tile, f"{tile}_superpixels.tif")

    def shares(self, tile: str, run: int) -> str:
        """Return the shares that classes of a map have in superpixels and around them."""
        return self.feature(tile, f"tmp/{tile}_seed_{run}_shares{self.version}.npy")

    def statistics(self, run: int) -> str:
        """Return the table of classes of a run."""
        return self.at("learningSamples", f"class_statistics_seed{run}_learn.csv")

    def model(self, region: str, run: int) -> str:
        """Return a model."""
        return self.at("model", f"model_{region}_seed_{run}{self.version}.owm")

    def area(self, region: str, tile: str) -> str:
        """Return where a model classifies in a tile."""
        return self.at("classif", "MASK", f"MASK_region_{region}_{tile}.tif")

    def labels(self, tile: str, region: str, run: int) -> str:
        """Return the map that a model makes of a tile."""
        return self.at("classif", f"Classif_{tile}_model_{region}_seed_{run}{self.version}.tif")

    def confidence(self, tile: str, region: str, run: int) -> str:
        """Return the confidence of a model in a tile."""
        name = f"{tile}_model_{region}_confidence_seed_{run}{self.version}.tif"
        return self.at("classif", name)

    def probability(self, tile: str, region: str, run: int) -> str:
        """Return the probabilities of a model in a tile."""
        name = f"PROBAMAP_{tile}_model_{region}_seed_{run}{self.version}.tif"
        return self.at("classif", name)

    def believed(self, region: str, run: int) -> str:
        """Return the confusion of a model that is fused with another one."""
        return self.at("dataAppVal", "bymodels", f"model_{region}_seed_{run}{self.version}.csv")

    def choice(self, tile: str, region: str, run: int) -> str:
        """Return who decided where the maps of two models were fused."""
        return self.temporary(f"DSchoice_{tile}_model_{region}_seed_{run}.tif")

    def segments(self, tile: str) -> str:
        """Return the numbers of the objects of a tile."""
        return self.feature(tile, f"{tile}_segments.tif")

    def segment_keys(self, tile: str) -> str:
        """Return what the objects of a tile are called in all tiles."""
        return self.feature(tile, f"{tile}_segments.npy")

    def covers(self, tile: str) -> str:
        """Return which reference polygons cover the objects of a tile."""
        return self.at("samplesSelection", f"{tile}_objects.npy")

    def objects(self, run: int) -> str:
        """Return the objects of all tiles with their classes."""
        return self.final(f"vectors/Objects_Seed_{run}.gpkg")


def parts_of_shapefile(path: str) -> tuple[str, ...]:
    """Return the files that belong to a shapefile."""
    stem = os.path.splitext(path)[0]
    return tuple(stem + ending for ending in SHAPEFILE)
