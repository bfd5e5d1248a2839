# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics of images to gains and offsets to corrected views."""
