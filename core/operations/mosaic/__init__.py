# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of the mosaic pipeline and of merging: plan, models, cells, tiles, report."""
