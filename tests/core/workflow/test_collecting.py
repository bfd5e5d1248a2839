# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import tempfile

import numpy as np
import pytest
from orthoweave.core.workflow import collecting
from orthoweave.core.workflow.collecting import values_at


@pytest.mark.parametrize("read", [20, 37, 400, 1 << 20])
def test_rows_of_the_spool_come_in_the_order_asked_for(monkeypatch, read):
    monkeypatch.setattr(collecting, "READ", read)
    table = np.random.default_rng(0).random((53, 3), np.float32)
    rows = np.random.default_rng(1).permutation(53)[:30]
    with tempfile.TemporaryFile() as spool:
        spool.write(table.tobytes())
        np.testing.assert_array_equal(values_at(spool, rows, 3), table[rows])
        assert values_at(spool, rows[:0], 3).shape == (0, 3)
