# SPDX-License-Identifier: GPL-2.0-or-later
"""Every algorithm's dialog opens, shows all of its parameters and fits a small screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orthoweave.algorithms import ALGORITHMS

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
BY_ID = {algorithm().name(): algorithm for algorithm in ALGORITHMS}


def opened(name: str, parameters: dict[str, Any]) -> Any:
    """Open the dialog of an algorithm with its advanced part."""
    import processing

    dialog = processing.createAlgorithmDialog(f"orthoweave:{name}", parameters)
    advanced = group(dialog)
    if advanced is not None:
        advanced.setProperty("collapsed", False)
    dialog.show()  # QGIS takes the size of the dialog before
    dialog.resize(900, 900)
    settle()
    return dialog


def settle() -> None:
    """Let the dialog lay itself out."""
    from qgis.PyQt.QtWidgets import QApplication

    for _ in range(3):
        QApplication.processEvents()


def group(dialog: Any) -> Any:
    """Return the box of the advanced parameters."""
    from qgis.PyQt.QtWidgets import QWidget

    return dialog.findChild(QWidget, "grpAdvanced")


@pytest.mark.parametrize("name", BY_ID)
def test_the_dialog_opens_with_all_its_parameters_and_is_not_blank(toolbox: Any, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    dialog = opened(name, {})
    try:
        needed = dialog.minimumSizeHint()
        assert needed.width() <= 900 and needed.height() <= 900
        picture = dialog.grab().toImage()
        assert picture.save(str(SCREENSHOTS / f"{name}.png"))
        whole = group(dialog).parentWidget() if group(dialog) else dialog
        dialog.resize(900, whole.sizeHint().height() + 200)
        settle()
        assert whole.grab().toImage().save(str(SCREENSHOTS / f"{name}_all.png"))
        colors = {
            picture.pixel(x, y)
            for x in range(0, picture.width(), 7)
            for y in range(0, picture.height(), 7)
        }
        assert len(colors) > 8
    finally:
        dialog.close()
        dialog.deleteLater()


def test_a_run_from_the_dialog_loads_the_styled_mosaic(
    toolbox: Any, write: Callable[..., str], tmp_path: Path
) -> None:
    from qgis.core import QgsProcessingOutputLayerDefinition, QgsProject

    values = np.random.default_rng(1).integers(100, 3000, (4, 64, 64)).astype("uint16")
    output = str(tmp_path / "mosaic.tif")
    loading = QgsProcessingOutputLayerDefinition(output, QgsProject.instance())
    given = {"IMAGES": [write("a.tif", values)], "OUTPUT": loading}
    dialog = opened("mergerasters", given)
    try:
        dialog.runButton().click()
        until(lambda: QgsProject.instance().mapLayers())
        (loaded,) = QgsProject.instance().mapLayers().values()
        assert loaded.source() == output
        assert loaded.renderer().type() == "multibandcolor"
        assert loaded.renderer().redBand() == 3
        del loaded
    finally:
        dialog.close()
        dialog.deleteLater()
        QgsProject.instance().clear()
        settle()


def until(done: Callable[[], Any], seconds: float = 10.0) -> None:
    """Let QGIS work until something has happened."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        settle()
