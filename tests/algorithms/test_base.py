# SPDX-License-Identifier: GPL-2.0-or-later
"""How the base brings what QGIS hands over to a request, and a result back to QGIS."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, NoSolution


@pytest.fixture
def image(write: Callable[..., str]) -> str:
    """Return a small file."""
    return write("a.tif", np.ones((4, 5), "uint8"))


def seen(trial: Any, start: Callable[..., Any], **parameters: Any) -> Any:
    """Return the request that reaches the operation."""
    start(trial.algorithm, {"IMAGES": ["a.tif"], "OUTPUT": "m.tif", **parameters})
    return trial.requests[-1]


def test_every_kind_has_a_parameter(trial: Any) -> None:
    from orthoweave.algorithms.parameters import PARAMETERS
    from orthoweave.core.options import Kind

    assert set(PARAMETERS) == set(Kind)
    made = trial.algorithm().create()
    assert len(made.parameterDefinitions()) == 22
    assert made.parameterDefinition("CELL_NAME").parentLayerParameterName() == "CELLS"
    assert made.parameterDefinition("WIDTH").description() == "Blend width (px)"
    assert made.parameterDefinition("WIDTH").maximum() == 512
    assert made.parameterDefinition("RULE").options() == ["first", "last", "mean"]
    assert made.outputDefinition("REPORT").type() == "outputHtml"


def test_the_dialog_begins_with_the_inputs_and_ends_with_the_destinations(trial: Any) -> None:
    made = trial.algorithm().create()
    names = [parameter.name() for parameter in made.parameterDefinitions()]
    assert names[:2] == ["IMAGES", "IMAGE"]
    assert names[-5:] == ["OUTPUT", "SEAMS", "REPORT", "MODEL", "OUTPUT_FOLDER"]
    assert names[2:4] == ["CELLS", "CELL_NAME"] and names[-6] == "LOAD_OUTPUTS"


def test_only_what_may_stay_empty_is_optional(trial: Any) -> None:
    from qgis.core import QgsProcessingParameterDefinition

    optional = QgsProcessingParameterDefinition.Flag.FlagOptional
    made = trial.algorithm().create()
    for name, expected in (("IMAGES", False), ("RULE", False), ("NODATA", True), ("NAMES", True)):
        assert bool(made.parameterDefinition(name).flags() & optional) is expected
    assert made.parameterDefinition("REPORT").createByDefault()
    assert not made.parameterDefinition("MODEL").createByDefault()


def test_the_docstring_becomes_help(trial: Any) -> None:
    made = trial.algorithm().create()
    assert made.shortHelpString() == (
        "<p>Does nothing with images.</p>\n<p>Use it in <b>tests</b> only.</p>"
    )
    assert made.shortDescription() == "Makes nothing of several images."
    assert made.name() == "trial"


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"WIDTH": "12"}, "width", 12),
        ({"WIDTH": 12.0}, "width", 12),
        ({"NODATA": "0"}, "nodata", 0.0),
        ({"NODATA": None}, "nodata", None),
        ({"ROBUST": "false"}, "robust", False),
        ({"ROBUST": 0}, "robust", False),
        ({"RESOLUTION": "0.5"}, "resolution", 0.5),
        ({"RESOLUTION": "lowest"}, "resolution", "lowest"),
        ({"NAMES": "a,b"}, "names", ("a", "b")),
        ({"NAMES": None}, "names", ()),
        ({"CREATION_OPTIONS": None}, "creation_options", "TILED=YES"),
        ({"IMAGES": "b.tif"}, "images", ("b.tif",)),
        ({"IMAGES": [["b.tif", "c.tif"], "d.tif"]}, "images", ("b.tif", "c.tif", "d.tif")),
        ({"IMAGES": ["folder", "x/*.tif"]}, "images", ("folder", "x/*.tif")),
        ({"CRS": "EPSG:4326"}, "crs", "EPSG:4326"),
        ({"EXTENT": "1,2,3,4"}, "extent", (1.0, 2.0, 3.0, 4.0)),
        ({"CELLS": "cells.gpkg|layername=seams"}, "cells", "cells.gpkg|layername=seams"),
    ],
)
def test_values_reach_the_request_in_its_types(
    trial: Any, start: Callable[..., Any], given: dict[str, Any], field: str, expected: Any
) -> None:
    assert getattr(seen(trial, start, **given), field) == expected


def test_null_of_qt_means_nothing_given(trial: Any, start: Callable[..., Any]) -> None:
    from qgis.core import NULL

    request = seen(trial, start, NODATA=NULL, NAMES=[NULL], WIDTH=NULL)
    assert (request.nodata, request.names, request.width) == (None, (), 32)


def test_layers_become_their_files(trial: Any, start: Callable[..., Any], image: str) -> None:
    from qgis.core import QgsProject, QgsRasterLayer

    shown = QgsRasterLayer(image, "shown")
    kept = QgsRasterLayer(image, "kept")
    QgsProject.instance().addMapLayer(kept)
    try:
        assert seen(trial, start, IMAGES=[shown]).images == (image,)
        assert seen(trial, start, IMAGES=[kept.id()]).images == (image,)
        assert seen(trial, start, IMAGES=["kept"]).images == (image,)
        assert seen(trial, start, IMAGE=shown).image == image
    finally:
        QgsProject.instance().clear()


def test_a_layer_of_a_web_service_is_refused_with_the_remedy(
    trial: Any, start: Callable[..., Any]
) -> None:
    from qgis.core import QgsRasterLayer

    uri = "type=xyz&url=file:///nowhere/{z}/{x}/{y}.png&zmax=1&zmin=0"
    web = QgsRasterLayer(uri, "web map", "wms")
    with pytest.raises(Exception, match="Layer 'web map' comes from a web service. Save it as"):
        seen(trial, start, IMAGES=[web])


def test_polygons_that_are_no_file_are_saved_as_one(trial: Any, start: Callable[..., Any]) -> None:
    from osgeo import ogr
    from qgis.core import QgsVectorLayer

    memory = QgsVectorLayer("Polygon?crs=EPSG:32633&field=image:string", "drawn", "memory")
    path, _, layer = seen(trial, start, CELLS=memory).cells.partition("|layername=")
    assert path.endswith(".gpkg")
    source = ogr.Open(path)
    assert source.GetLayerByName(layer) if layer else source.GetLayer(0) is not None


def test_an_extent_is_brought_to_the_crs_of_the_first_image(
    trial: Any, start: Callable[..., Any], image: str
) -> None:
    given = "14.9,15.1,44.9,45.1 [EPSG:4326]"
    xmin, xmax, ymin, ymax = seen(trial, start, IMAGES=[image], EXTENT=given).extent
    assert 480000 < xmin < 500000 < xmax < 520000  # 15° E is the middle of UTM 33
    assert 4970000 < ymin < 4982950 < ymax < 4996000  # 45° N
    in_degrees = seen(trial, start, IMAGES=[image], EXTENT=given, CRS="EPSG:4326").extent
    assert in_degrees == pytest.approx((14.9, 15.1, 44.9, 45.1))


def test_temporary_outputs_get_a_path_and_others_stay_empty(
    trial: Any, start: Callable[..., Any]
) -> None:
    from qgis.core import QgsProcessing

    temporary = QgsProcessing.TEMPORARY_OUTPUT
    request = seen(trial, start, OUTPUT=temporary, REPORT=temporary, OUTPUT_FOLDER=temporary)
    assert Path(request.output).suffix == ".tif" and Path(request.output).is_absolute()
    assert Path(request.report).suffix == ".html"
    assert Path(request.output_folder).is_absolute()
    assert request.model is None and request.seams is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"WIDTH": 1}, "Blend width: 1 is below 2 px."),
        ({"RULE": "lastt"}, "Overlap rule: 'lastt' is not one of first, last, mean. Did you mean"),
        ({"RULE": "1"}, "Overlap rule: '1' is not one of first, last, mean."),
        ({"PATTERN": "x"}, "Names: 'x' needs a $."),
        ({"EXTENT": "here"}, "Extent: 'here' is not an extent"),
        ({"IMAGES": []}, "Images (IMAGES) is missing."),
    ],
)
def test_a_wrong_value_is_refused_by_our_own_sentence(
    trial: Any, start: Callable[..., Any], given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Exception) as caught:
        seen(trial, start, **given)
    assert str(caught.value).startswith(sentence)
    assert not trial.requests


def test_an_unknown_name_warns_and_suggests(trial: Any, start: Callable[..., Any]) -> None:
    given = {"IMAGES": ["a.tif"], "OUTPUT": "m.tif", "WITDH": 4, "images": ["b.tif"]}
    feedback = start(trial.algorithm, given)[2]
    log = feedback.textLog()
    assert "WITDH is not a parameter of this tool and was ignored. Did you mean WIDTH?" in log
    assert "images is not a parameter of this tool and was ignored. Did you mean IMAGES?" in log
    assert trial.requests[-1].images == ("a.tif",)


def test_results_become_outputs_and_what_is_unknown_is_absent(
    trial: Any, start: Callable[..., Any]
) -> None:
    results, fine, _, _ = start(trial.algorithm, {"IMAGES": ["a.tif"], "OUTPUT": "m.tif"})
    assert fine
    assert results == {
        "OUTPUT": os.path.abspath("m.tif"),
        "OUTPUT_LAYERS": ["a.tif"],
        "USED": 1,
        "SKIPPED": "a, b",
        "PASSED": True,
    }


def test_an_error_of_the_core_is_shown_as_it_is(trial: Any, start: Callable[..., Any]) -> None:
    def fail(progress: Any) -> None:
        raise NoSolution("a.tif and b.tif do not overlap (they are 12.4 km apart).")

    trial.behavior = fail
    results, fine, feedback, _ = start(trial.algorithm, {"IMAGES": ["a.tif"], "OUTPUT": "m.tif"})
    assert not fine and not results
    assert feedback.textLog().strip() == "a.tif and b.tif do not overlap (they are 12.4 km apart)."


def test_a_cancelled_run_gives_nothing(trial: Any, start: Callable[..., Any]) -> None:
    def stop(progress: Any) -> None:
        raise Cancelled

    trial.behavior = stop
    results, fine, _, _ = start(trial.algorithm, {"IMAGES": ["a.tif"], "OUTPUT": "m.tif"})
    assert results == {} and fine


def test_progress_reaches_the_log_and_the_bar_never_runs_back(
    trial: Any, start: Callable[..., Any]
) -> None:
    from qgis.core import QgsProcessingFeedback

    class Shown(QgsProcessingFeedback):
        def setProgressText(self, text: str) -> None:
            phases.append(text)

    shown: list[float] = []
    phases: list[str] = []
    feedback = Shown(False)
    feedback.progressChanged.connect(shown.append)

    def work(progress: Any) -> None:
        progress.phase("Reading")
        progress.info("window 256 px")
        progress.warn("b.tif is left out")
        for fraction in (0.25, 0.5, 0.3, 2.0):
            progress.advance(fraction)

    trial.behavior = work
    start(trial.algorithm, {"IMAGES": ["a.tif"], "OUTPUT": "m.tif"}, feedback)
    assert shown == [25.0, 50.0, 100.0]
    assert phases == ["Reading"]
    for text in ("window 256 px", "b.tif is left out"):
        assert text in feedback.textLog()


@pytest.mark.parametrize("wanted", [True, False])
def test_the_images_of_a_result_are_loaded_when_asked(trial: Any, image: str, wanted: bool) -> None:
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject

    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    given = {"IMAGES": [image], "OUTPUT": "m.tif", "LOAD_OUTPUTS": wanted}
    trial.algorithm().create().run(given, context, QgsProcessingFeedback(False))
    loaded = context.layersToLoadOnCompletion()
    assert [details.name for details in loaded.values()] == (["a"] if wanted else [])


def test_the_check_reads_no_image(trial: Any, start: Callable[..., Any]) -> None:
    # QGIS's own check would open every file of the list and refuse what it cannot open
    request = seen(trial, start, IMAGES=["absent.tif"], IMAGE="absent.tif")
    assert request.images == ("absent.tif",)
