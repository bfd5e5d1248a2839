# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
from orthoweave.core.windows import Window
from orthoweave.core.workflow.pixelfile import Spooled


def test_windows_are_read_as_they_were_written(tmp_path):
    file = Spooled(str(tmp_path / "pixels"), 9, 12, 2, "<i2").created()
    whole = np.random.default_rng(0).integers(-900, 900, (9, 12, 2)).astype(np.int16)
    for window in (Window(0, 0, 5, 9), Window(5, 0, 7, 4), Window(5, 4, 7, 5)):
        # not one after the other in memory, and of another type
        turned = whole[window.slices].transpose(2, 0, 1).copy().transpose(1, 2, 0)
        file.write(window, turned + 0.0)
    for window in (Window(0, 0, 12, 9), Window(3, 2, 6, 5)):
        np.testing.assert_array_equal(file.read(window), whole[window.slices])


def test_what_was_not_written_is_zero(tmp_path):
    file = Spooled(str(tmp_path / "pixels"), 3, 4, 1, "<i4").created()
    assert not file.read(Window(0, 0, 4, 3)).any()
