# SPDX-License-Identifier: GPL-2.0-or-later
"""What each step of the pipeline is asked: values of the whole run, and over them SETTINGS."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import InvalidOption
from ...image import Image
from ...mosaicking.journal import facts_of
from ...mosaicking.settings import Settings, request_of, settings_of
from ...options import Kind, options_of
from ...raster import RasterImage
from ...requests.shared.costs import Costing
from ...requests.voronoiseamlines import Grounds
from .. import (
    alignrasters,
    coregisterset,
    globalregression,
    leastcostseamlines,
    localblockadjustment,
    mergerasters,
    voronoiseamlines,
)

STEPS: dict[str, type] = {
    "coregisterset": coregisterset.Request,
    "alignrasters": alignrasters.Request,
    "globalregression": globalregression.Request,
    "localblockadjustment": localblockadjustment.Request,
    "voronoiseamlines": voronoiseamlines.Request,
    "leastcostseamlines": leastcostseamlines.Request,
    "mergerasters": mergerasters.Request,
}
"""The requests whose fields SETTINGS can hold, in the order of the run."""

STATISTICS = {
    "VECTOR_MASK": "STATISTICS_MASK",
    "MASK_MODE": "STATISTICS_MASK_MODE",
    "MASK_FIELD": "STATISTICS_MASK_FIELD",
}
"""What limits statistics, as the steps and as the pipeline call it."""

EVERYWHERE = ("threads", "memory", "window_size", "nodata")
LAYERS = (Kind.VECTOR, Kind.FILE, Kind.RASTER)


@dataclass(frozen=True)
class Plan:
    """The requests of the steps; `field` holds the image's name in layers."""

    radiometry: str
    seams: str
    coregistration: coregisterset.Request | None
    matching: globalregression.Request
    blocking: localblockadjustment.Request
    seaming: Grounds | None
    merging: mergerasters.Request
    masks: Costing
    field: str

    @property
    def matches(self) -> bool:
        """Whether images get gains and offsets."""
        return self.radiometry != "none"

    @property
    def evens(self) -> bool:
        """Whether differences inside images are corrected too."""
        return self.radiometry == "globallocal"

    def masked(self, images: Sequence[Image]) -> list[Any]:
        """Return what says which masks there are."""
        source = self.masks.masks
        if not source:
            return []
        if os.path.isdir(source):
            found = sorted(glob.glob(os.path.join(glob.escape(source), "*")))
        else:
            names = [image.name for image in images] if "$" in source else [""]
            near = (source.replace("$", name).partition("|")[0] for name in names)
            found = [path for one in near for path in sorted(glob.glob(glob.escape(one) + "*"))]
        return [list(self.masks.mask_values), facts_of(found)]

    @staticmethod
    def read_by(request: Any) -> Iterator[str]:
        """Yield the layers and files that a step reads besides the images."""
        for name, declared in options_of(request).items():
            value = getattr(request, name)
            if declared.kind in LAYERS and isinstance(value, str):
                yield value
        for entry in getattr(request, "cost_rasters", ()):
            yield entry if os.path.exists(entry) else entry.rpartition("=")[0]


def plan_of(request: Any, images: Sequence[RasterImage], folder: str) -> Plan:
    """Return the plan of a run of the pipeline.

    Raises InvalidOption for settings that no step has, MissingPackage for what a step needs.
    """
    settings = settings_of(request.settings, STEPS)
    paths = tuple(image.path for image in images)
    inside = {"images": paths, "output_folder": folder}
    mask = {name.lower(): getattr(request, own.lower()) for name, own in STATISTICS.items()}
    shared = {name: getattr(request, name) for name in EVERYWHERE}
    models = {"model_images": request.model_images, "model_mode": request.model_mode}
    grounds = {
        "images": paths,
        "output": os.path.join(folder, "seamlines.gpkg"),
        "image_field_name": request.image_field_name,
        "threads": request.threads,
    }
    seams = _seams_of(request)
    return Plan(
        request.radiometry,
        seams,
        _coregistration(request, {**inside, **shared}, settings),
        request_of(
            globalregression.Request,
            "globalregression",
            {**inside, **shared, **mask, **models},
            settings,
        ),
        request_of(
            localblockadjustment.Request,
            "localblockadjustment",
            {**inside, **shared, **mask},
            settings,
        ),
        _seaming(seams, {**grounds, "masks": request.masks}, settings),
        _merging(request, settings, paths),
        _masks(request, settings),
        request.image_field_name,
    )


def _seams_of(request: Any) -> str:
    """Return the kind of seams; multiband needs some."""
    if request.seams == "none" and request.rule == "multiband":
        return "voronoi"
    return str(request.seams)


def _coregistration(
    request: Any, values: dict[str, Any], settings: Settings
) -> coregisterset.Request | None:
    if not request.coregister:
        return None
    folder = values["output_folder"]
    files = {
        "transforms": os.path.join(folder, "transforms"),
        "save_tie_points": os.path.join(folder, "tie_points.json"),
    }
    found: coregisterset.Request = request_of(
        coregisterset.Request, "coregisterset", {**values, **files}, settings
    )
    return found


def _seaming(seams: str, values: dict[str, Any], settings: Settings) -> Grounds | None:
    if seams == "voronoi":
        values = {name: value for name, value in values.items() if name != "masks"}
        cut: Grounds = request_of(voronoiseamlines.Request, "voronoiseamlines", values, settings)
        return cut
    if seams == "leastcost":
        laid: Grounds = request_of(
            leastcostseamlines.Request, "leastcostseamlines", values, settings
        )
        return laid
    return None


def _merging(request: Any, settings: Settings, paths: tuple[str, ...]) -> mergerasters.Request:
    """Return what the mosaic is like; what settings say about the common grid counts too."""
    known = options_of(mergerasters.Request)
    own = {name: getattr(request, name) for name in options_of(request) if name in known}
    own.update({"images": paths, "seamlines": request.seamlines, "resume": "no"})
    aligned = settings.get("alignrasters", {})
    for name in aligned:
        if name not in own:
            raise InvalidOption(
                f"SETTINGS: {name.upper()} of alignrasters has no effect here; the mosaic's grid "
                "is that of EXTENT, CRS, RESOLUTION and TAP."
            )
    own.update({name: value for name, value in aligned.items() if name in own})
    found: mergerasters.Request = request_of(mergerasters.Request, "mergerasters", own, settings)
    return found


def _masks(request: Any, settings: Settings) -> Costing:
    given = settings.get("leastcostseamlines", {})
    names = ("masks", "mask_values")
    values = {"masks": request.masks, **{name: given[name] for name in names if name in given}}
    return Costing(**values)
