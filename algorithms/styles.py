# SPDX-License-Identifier: GPL-2.0-or-later
"""The style that the core has put beside or into an output, for layers that a run loads."""

from __future__ import annotations

from collections.abc import Iterable

from qgis.core import (
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
)
from qgis.PyQt import sip


class DefaultStyle(QgsProcessingLayerPostProcessorInterface):
    """Gives a layer the style of its file.

    QGIS applies that style wherever a layer is opened, except when Processing loads results.
    """

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        layer.loadDefaultStyle()


def style_loaded(paths: Iterable[str], context: QgsProcessingContext) -> None:
    """Give those of the files that are going to be loaded the style of their file."""
    for path in paths:
        if context.willLoadLayerOnCompletion(path):
            style = DefaultStyle()
            context.layerToLoadOnCompletionDetails(path).setPostProcessor(style)
            # the context deletes it; without this Python would do so at the end of this line
            sip.transferto(style, None)
