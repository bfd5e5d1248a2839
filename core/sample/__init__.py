# SPDX-License-Identifier: GPL-2.0-or-later
"""Overlapping images with known truth, painted from nothing."""
