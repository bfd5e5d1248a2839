# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operations on time series share."""
