# SPDX-License-Identifier: GPL-2.0-or-later
"""What the pipeline from raw images to one mosaic has beyond its steps: settings, memory, masks."""
