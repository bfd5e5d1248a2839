# SPDX-License-Identifier: GPL-2.0-or-later
"""Orthoweave: align, color-match and mosaic overlapping images, in QGIS and without it."""


def classFactory(iface):  # noqa: N802 - the name is QGIS's
    """Return the plugin; QGIS calls this once, with None headless."""
    from .plugin import OrthoweavePlugin

    return OrthoweavePlugin(iface)
