# SPDX-License-Identifier: GPL-2.0-or-later
"""The only list of algorithms, in the order of the Toolbox."""

from __future__ import annotations

from .base import OperationAlgorithm
from .checkinstallation import CheckInstallation
from .globalregression import GlobalRegression
from .mergerasters import MergeRasters
from .sampledata import SampleData

ALGORITHMS: tuple[type[OperationAlgorithm], ...] = (
    GlobalRegression,
    MergeRasters,
    CheckInstallation,
    SampleData,
)
