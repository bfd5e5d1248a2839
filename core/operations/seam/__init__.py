# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operations that cut seams share."""
