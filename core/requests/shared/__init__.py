# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that some operations share, with their checks: one module for each subject."""
