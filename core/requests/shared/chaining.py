# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of the land cover workflow."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InvalidOption
from ...landcover.settings import Settings
from ...options import Kind, option, redefault
from .. import Writing, extractsamples, spectralfeatures, splitreference
from ..extractsamples import STRATEGIES
from .labels import Labels

STEPS = {
    "init": ("sensorsPreprocess", "CommonMasks", "PixelValidity"),
    "sampling": (
        "Envelope",
        "genRegionVector",
        "VectorFormatting",
        "samplesMerge",
        "statsSamplesModel",
        "samplingLearningPolygons",
        "samplesByTiles",
        "samplesExtraction",
        "samplesByModels",
    ),
    "learning": ("learnModel",),
    "classification": ("classification",),
    "mosaic": ("mosaic",),
    "validation": ("confusionCmd", "confusionsMerge", "reportGeneration"),
    "regularization": ("regularize",),
    "vectorization": ("vectorize",),
    "statistics": ("zonalStatistics",),
}
"""Groups of steps, in their order, with the steps that every run has."""


GROUPS = tuple(STEPS)


@dataclass(frozen=True)
class Chaining(Writing):
    """Everything that the workflow is told."""

    images: tuple[str, ...] = option(
        Kind.RASTERS, "Images", (),
        help="A folder with products of a known sensor (<folder>/<tile>/<product>), or one image "
        'for each tile: dates of one place first become one series with "Stack time series". '
        "Needed unless CONFIG says it.",
    )  # fmt: skip
    polygons: str | None = option(
        Kind.VECTOR, "Reference polygons", None,
        help="Labeled polygons or points, in any CRS. Needed unless CONFIG says it.",
    )  # fmt: skip
    field: str | None = option(
        Kind.FIELD, "Field with the class", None, parent="polygons",
        help="Whole numbers above 0, or text. Needed unless CONFIG says it.",
    )  # fmt: skip
    nomenclature: str | None = redefault(Labels, "nomenclature")
    classifier: str = redefault(Settings, "classifier", "best")
    output_folder: str | None = option(
        Kind.FOLDER_OUT, "Output folder", None, created=True,
        help="Gets the tree of files of iota2. Needed unless CONFIG says it; what others put into "
        "it is never deleted.",
    )  # fmt: skip
    config: str | None = option(
        Kind.FILE, "iota2 configuration", None, advanced=True,
        help="Fills every option that is not given here.",
    )  # fmt: skip
    masks: tuple[str, ...] = option(
        Kind.RASTERS, "Mask series", (), advanced=True,
        help="One for each series, found by the tile in its name, else by order. Known products "
        "bring their own.",
    )  # fmt: skip
    colors: str | None = redefault(Labels, "colors", advanced=True)
    regions: str | None = option(
        Kind.VECTOR, "Regions", None, advanced=True, help="Areas with a model of their own."
    )
    region_field: str = redefault(Labels, "region_field")
    threshold: int = option(
        Kind.INTEGER, "Least clear dates", 1, minimum=0, advanced=True,
        help="Reference pixels with fewer neither learn nor validate.",
    )  # fmt: skip
    tiles: str | None = option(
        Kind.TEXT, "Tiles", None, advanced=True,
        help="Names of the tiles to use, with blanks between; empty: all.",
    )  # fmt: skip
    ratio: float = redefault(splitreference.Request, "ratio", 0.5, advanced=True)
    runs: int = redefault(splitreference.Request, "runs", 1, advanced=True)
    unit: str = redefault(
        splitreference.Request, "unit", "polygon", advanced=True, choices=("polygon", "block")
    )
    seed: int = redefault(splitreference.Request, "seed", 0, advanced=True)
    step: int = option(
        Kind.INTEGER, "Step", 10, unit="days", minimum=-1, maximum=3660, advanced=True,
        help="Days between the dates of the filled series (10 means 16 for Landsat); 0: the dates "
        "of the images; -1: gaps are not filled.",
    )  # fmt: skip
    indices: tuple[str, ...] = redefault(
        spectralfeatures.Describing, "indices", ("ndvi", "ndwi", "brightness"), advanced=True
    )
    strategy: str = redefault(
        extractsamples.Request, "strategy", "all", advanced=True, choices=STRATEGIES,
        help="all; smallest: as many of each class as the smallest has; constant: AMOUNT of each; "
        "percent: AMOUNT % of each; total: AMOUNT in all, shared as the classes are; byclass: "
        "those of the table that a configuration names.",
    )  # fmt: skip
    amount: float = redefault(extractsamples.Request, "amount", 0.0, advanced=True)
    resolution: float | None = option(
        Kind.NUMBER, "Resolution", None, unit="map units", minimum=0, advanced=True,
        help="Pixel size of the map; empty: that of the images.",
    )  # fmt: skip
    crs: str | None = option(
        Kind.CRS, "CRS", None, advanced=True, help="CRS of the map; empty: of the first tile."
    )
    first_step: str = option(
        Kind.CHOICE, "First group of steps", "init", choices=GROUPS, advanced=True,
        help="Earlier groups must have been run in this folder.",
    )  # fmt: skip
    last_step: str = option(
        Kind.CHOICE, "Last group of steps", "validation", choices=GROUPS, advanced=True,
        help="Later groups are not run.",
    )  # fmt: skip
    fusion: str = option(
        Kind.CHOICE, "Models of a region", "separate", choices=("separate", "fusion"),
        advanced=True,
        help="separate: one. fusion: several in large regions, whose maps are fused by majority.",
    )  # fmt: skip
    fusion_area: float = option(
        Kind.NUMBER, "Area of a model", 1000.0, unit="km²", minimum=1e-6, advanced=True,
        help="With fusion, larger regions get one model for each such area.",
    )  # fmt: skip
    merge_runs: bool = option(
        Kind.FLAG, "Fuse the runs", False, advanced=True,
        help="Also write Classifications_fusion.tif, tested on polygons that no run learned from.",
    )  # fmt: skip
    merge_method: str = option(
        Kind.CHOICE, "Method of the fusion", "majority", choices=("majority", "dempstershafer"),
        advanced=True, help="How the maps of the runs are fused.",
    )  # fmt: skip
    probability: bool = option(
        Kind.FLAG, "Write probabilities", False, advanced=True,
        help="ProbabilityMap_seed_<run>.tif: one band for each class, per mille.",
    )  # fmt: skip
    write_features: bool = option(
        Kind.FLAG, "Write features", False, advanced=True,
        help="Keep the features of every tile as a file; needs much disk space.",
    )  # fmt: skip
    keep_intermediate: bool = option(
        Kind.FLAG, "Keep intermediate files", True, advanced=True,
        help="Without them a later run begins anew.",
    )  # fmt: skip
    resume: bool = option(
        Kind.FLAG, "Resume", True, advanced=True,
        help="Skip what an earlier run has done, unless what it read or was told has changed.",
    )  # fmt: skip
    clean: bool = option(
        Kind.FLAG, "Clean first", False, advanced=True,
        help="Remove what earlier runs wrote into the folder; other files stay.",
    )  # fmt: skip
    builder: str = option(
        Kind.CHOICE, "Builder", "classification",
        choices=("classification", "features", "objects"), advanced=True,
        help="classification: a map. features: only the features, as final/features_map.tif. "
        "objects: objects are learned and classified by what their pixels have in common, and "
        "written as final/vectors/Objects_Seed_<run>.gpkg too.",
    )  # fmt: skip
    segments: str | None = option(
        Kind.LAYER, "Objects", None, advanced=True,
        help="With builder objects: a layer of polygons such as parcels, or a raster with a number "
        "for each object. Empty: superpixels are made.",
    )  # fmt: skip
    object_size: int = option(
        Kind.INTEGER, "Size of superpixels", 0, unit="px", minimum=0, maximum=500, advanced=True,
        help="Distance of the points from which superpixels grow; 0: 20 for objects, 10 for "
        "auto-context.",
    )  # fmt: skip
    auto_context: int = option(
        Kind.INTEGER, "Auto-context", 0, minimum=0, maximum=10, advanced=True,
        help="How often the shares of classes around each pixel are learned from too; 0: not at "
        "all, 1 is mostly best, iota2 uses 3. Each round says whether it helps.",
    )  # fmt: skip
    sensor_fusion: bool = option(
        Kind.FLAG, "Fuse radar and optical", False, advanced=True,
        help="One model for radar and one for optical features; their maps are fused by how far "
        "each is to be believed. Who decided is in final/TMP/DSchoice_*.tif: 1 both, 2 radar, "
        "3 optical.",
    )  # fmt: skip
    retries: int = option(
        Kind.INTEGER, "Retries", 0, minimum=0, maximum=10, advanced=True,
        help="How often a task for which the memory does not suffice is tried again with half.",
    )  # fmt: skip
    max_memory: float = option(
        Kind.NUMBER, "Memory of all tasks", 60.0, unit="GB", minimum=0.1, advanced=True,
        help="MEMORY is lowered to this when it is above.",
    )  # fmt: skip
    dry_run: bool = option(
        Kind.FLAG, "Plan only", False, advanced=True,
        help="List the steps and estimate space and memory; nothing is computed.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if GROUPS.index(self.first_step) > GROUPS.index(self.last_step):
            raise InvalidOption(
                f"First group of steps: {self.first_step} comes after {self.last_step}."
            )
