# SPDX-License-Identifier: GPL-2.0-or-later
"""Many operations as one run: configuration, tasks with their state, logs and status page."""
