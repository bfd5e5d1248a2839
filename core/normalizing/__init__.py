# SPDX-License-Identifier: GPL-2.0-or-later
"""What the normalizing operations share: which pixels count, what is counted, what is written."""
