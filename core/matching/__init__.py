# SPDX-License-Identifier: GPL-2.0-or-later
"""Where points of one image are seen in another: key points and their displacements."""
