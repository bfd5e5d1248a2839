# SPDX-License-Identifier: GPL-2.0-or-later
"""Footprints to seam cells to one mosaic."""
