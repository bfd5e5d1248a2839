# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine: images in, small models, one write out; never imports QGIS."""
