# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operations with an expression share."""
