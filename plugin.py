# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin: registers the provider, nothing else."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication

from .provider import OrthoweaveProvider


class OrthoweavePlugin:
    """What QGIS starts and stops; `iface` is None in qgis_process."""

    def __init__(self, iface: Any) -> None:
        self._provider: OrthoweaveProvider | None = None

    def initProcessing(self) -> None:
        """Register the provider; qgis_process calls only this."""
        if self._provider is None:
            self._provider = OrthoweaveProvider()
            QgsApplication.processingRegistry().addProvider(self._provider)
            # models are made of the algorithms that are known now
            self._provider.refreshAlgorithms()

    def initGui(self) -> None:
        """Register the provider; QGIS with windows calls this."""
        self.initProcessing()

    def unload(self) -> None:
        """Take the provider away again."""
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
