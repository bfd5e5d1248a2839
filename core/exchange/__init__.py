# SPDX-License-Identifier: GPL-2.0-or-later
"""Files for people and other programs: key points, transforms, legends, assessments, settings."""
