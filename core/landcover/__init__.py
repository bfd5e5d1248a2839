# SPDX-License-Identifier: GPL-2.0-or-later
"""Time series, samples, classifiers and class maps: arrays to small models to views."""
