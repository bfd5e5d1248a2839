# SPDX-License-Identifier: GPL-2.0-or-later
"""Outputs that are opened as layers have the style that the core has put beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

OUTLINES = {"SimpleFill", "SimpleLine"}


def stretch(renderer: Any) -> list[tuple[float, float]]:
    """Return the (minimum, maximum) of the three colors."""
    shown = (
        renderer.redContrastEnhancement(),
        renderer.greenContrastEnhancement(),
        renderer.blueContrastEnhancement(),
    )
    return [(one.minimumValue(), one.maximumValue()) for one in shown]


@pytest.mark.parametrize(
    ("names", "expected"),
    [((), (3, 2, 1)), (("red", "green", "blue", "nir"), (1, 2, 3))],
)
def test_a_mosaic_is_shown_in_color_without_its_nodata(
    toolbox: Any,
    write: Callable[..., str],
    tmp_path: Path,
    names: tuple[str, ...],
    expected: tuple[int, int, int],
) -> None:
    import processing
    from qgis.core import QgsRasterLayer

    values = np.random.default_rng(1).integers(100, 3000, (4, 64, 64)).astype("uint16")
    values[:, :8] = 0
    output = str(tmp_path / "m.tif")
    given = {"IMAGES": [write("a.tif", values, nodata=0, names=names)], "OUTPUT": output}
    processing.run("orthoweave:mergerasters", given)
    shown = QgsRasterLayer(output, "mosaic")
    renderer = shown.renderer()
    assert renderer.type() == "multibandcolor"
    assert (renderer.redBand(), renderer.greenBand(), renderer.blueBand()) == expected
    valid = values[:, 8:].reshape(4, -1)
    for band, (low, high) in zip(expected, stretch(renderer)):
        # the stretch comes from a sample of the pixels: within 3 % of the range of 2900
        assert low == pytest.approx(np.percentile(valid[band - 1], 2), abs=90)
        assert high == pytest.approx(np.percentile(valid[band - 1], 98), abs=90)
    assert shown.dataProvider().sourceNoDataValue(1) == 0
    del renderer, shown


def test_a_single_band_is_gray(toolbox: Any, write: Callable[..., str], tmp_path: Path) -> None:
    import processing
    from qgis.core import QgsRasterLayer

    values = np.random.default_rng(1).integers(10, 200, (64, 64)).astype("uint8")
    output = str(tmp_path / "m.tif")
    processing.run(
        "orthoweave:mergerasters", {"IMAGES": [write("a.tif", values)], "OUTPUT": output}
    )
    shown = QgsRasterLayer(output, "mosaic")
    assert shown.renderer().type() == "singlebandgray"
    del shown


@pytest.mark.parametrize("name", ["footprints", "voronoiseamlines"])
def test_polygons_have_outline_and_label(
    toolbox: Any, write: Callable[..., str], tmp_path: Path, name: str
) -> None:
    import processing
    from qgis.core import QgsRenderContext, QgsVectorLayer

    pytest.importorskip("shapely", reason="polygons need Shapely")
    pytest.importorskip("scipy", reason="polygons need SciPy")
    values = np.ones((64, 64), "uint8")
    moved = (500320.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)
    images = [write("a.tif", values), write("b.tif", values, transform=moved)]
    output = str(tmp_path / "polygons.gpkg")
    processing.run(f"orthoweave:{name}", {"IMAGES": images, "OUTPUT": output})
    shown = QgsVectorLayer(output, name, "ogr")
    assert shown.featureCount() == 2
    assert shown.labelsEnabled() and shown.labeling().settings().fieldName == "image"
    symbols = shown.renderer().symbols(QgsRenderContext())
    assert {layer.layerType() for symbol in symbols for layer in symbol.symbolLayers()} <= OUTLINES
    del symbols, shown


def test_a_run_that_loads_corrected_images_gives_them_one_stretch(
    toolbox: Any, write: Callable[..., str], tmp_path: Path
) -> None:
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject

    values = np.random.default_rng(1).integers(100, 3000, (3, 64, 64)).astype("uint16")
    images = [write("a.tif", values), write("b.tif", values // 2 + 50)]
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    given = {"IMAGES": images, "OUTPUT_FOLDER": str(tmp_path / "out")}
    algorithm = toolbox.algorithmById("orthoweave:globalregression")
    results, fine = algorithm.run(given, context, QgsProcessingFeedback(False))
    assert fine
    assert list(context.layersToLoadOnCompletion()) == sorted(results["OUTPUT_LAYERS"])
    opened = [
        context.temporaryLayerStore().mapLayersByName(name)[0] for name in ("a_Global", "b_Global")
    ]
    assert stretch(opened[0].renderer()) == stretch(opened[1].renderer())
    del opened
