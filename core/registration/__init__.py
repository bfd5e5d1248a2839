# SPDX-License-Identifier: GPL-2.0-or-later
"""Put a moving image in place: read a pair by levels, solve its correction, verify it."""
