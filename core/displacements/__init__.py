# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure the displacements between two images, window by window."""
