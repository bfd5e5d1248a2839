# SPDX-License-Identifier: GPL-2.0-or-later
"""Files in which key points and transforms are kept and exchanged."""
