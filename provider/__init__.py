# SPDX-License-Identifier: GPL-2.0-or-later
"""The provider: Orthoweave's entry in the Processing Toolbox."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsApplication, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from ..algorithms import ALGORITHMS
from ..core.version import package_version
from .shipped import shipped_models

ICON = Path(__file__).resolve().parents[1] / "icons" / "orthoweave.svg"


class OrthoweaveProvider(QgsProcessingProvider):
    """Offers every algorithm of the list, and models made of them."""

    def id(self) -> str:
        return "orthoweave"

    def name(self) -> str:
        return "Orthoweave"

    def longName(self) -> str:
        return f"Orthoweave {self.versionInfo()}"

    def versionInfo(self) -> str:
        return package_version()

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        return str(ICON)

    def loadAlgorithms(self) -> None:
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
        # before the registry knows the provider, models do not find their steps
        if QgsApplication.processingRegistry().providerById(self.id()) is not None:
            for model in shipped_models():
                self.addAlgorithm(model)

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        return ["tif"]

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        return ["gpkg"]

    def defaultVectorFileExtension(self, hasGeometry: bool = True) -> str:
        return "gpkg"

    def supportsNonFileBasedOutput(self) -> bool:
        return False
