# SPDX-License-Identifier: GPL-2.0-or-later
"""Models that come with the plugin, as algorithms of the Toolbox."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProcessingModelAlgorithm
from qgis.PyQt.QtGui import QIcon

from ..algorithms.texts import GROUPS, tr

FOLDER = Path(__file__).resolve().parent / "models"
ICONS = FOLDER.parents[1] / "icons"
PAGE = "https://github.com/orthoweave/orthoweave/blob/main/docs/workflow.md"


class ShippedModel(QgsProcessingModelAlgorithm):
    """A model whose id is the name of its file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.fromFile(str(path))

    def createInstance(self) -> ShippedModel:
        return ShippedModel(self._path)

    def name(self) -> str:
        return self._path.stem

    def displayName(self) -> str:
        return tr(super().displayName())

    def groupId(self) -> str:
        return "workflows"

    def group(self) -> str:
        return tr(GROUPS["workflows"])

    def svgIconPath(self) -> str:
        return str(ICONS / "mosaicpipeline.svg")

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def helpUrl(self) -> str:
        return PAGE

    def tags(self) -> list[str]:
        return [tr(word) for word in ("mosaic", "model", "workflow", "chain", "stitch")]


def shipped_models() -> list[ShippedModel]:
    """Return the models of the folder, in the order of their names."""
    return [ShippedModel(path) for path in sorted(FOLDER.glob("*.model3"))]
