# SPDX-License-Identifier: GPL-2.0-or-later
"""One module for each operation, named as its algorithm."""
