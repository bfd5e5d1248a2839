# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pixels may be used: edges, clouds, expressions over the bands."""
