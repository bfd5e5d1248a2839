# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of a land cover run: what it plans, and the tasks of each step."""
