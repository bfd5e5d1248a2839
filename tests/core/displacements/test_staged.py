# SPDX-License-Identifier: GPL-2.0-or-later
"""Features that are kept while a run lasts."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest


def test_features_come_back_from_any_window():
    from orthoweave.core.displacements.staged import LIMIT, staged_planes
    from orthoweave.core.windows import Window

    rng = np.random.default_rng(2)
    f = rng.normal(0, 1, (140, 150)).astype(np.float32)
    f[3, 4] = 99
    valid = rng.random(f.shape) > 0.2
    with staged_planes(150) as (first, second):
        for window in (Window(0, 0, 64, 140), Window(64, 0, 86, 64), Window(64, 64, 86, 76)):
            first.write(window, f[window.slices], valid[window.slices])
            second.write(window, -f[window.slices], valid[window.slices])
        window = Window(7, 2, 133, 130)
        got, good = first.read(window)
        other, _ = second.read(window)
    assert np.array_equal(good, valid[window.slices])
    wanted = np.where(good, np.clip(f[window.slices], -LIMIT, LIMIT), 0)
    assert np.abs(got - wanted).max() <= 0.5 / 1024
    assert np.array_equal(other, -got)


def test_a_folder_without_room_is_a_sentence(monkeypatch):
    from orthoweave.core.displacements.staged import staged_planes
    from orthoweave.core.errors import ImageIOError

    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(ImageIOError, match="No space left.*TMPDIR"), staged_planes(10):
        pass


def test_a_full_disk_is_a_sentence():
    from orthoweave.core.displacements.spooled import Tiles
    from orthoweave.core.displacements.staged import Plane
    from orthoweave.core.errors import ImageIOError
    from orthoweave.core.windows import Window

    class Full:
        def seek(self, _):
            raise OSError(28, "No space left on device")

    values = np.zeros((2, 2), np.float32)
    plane = Plane(Tiles(Full(), 2, np.dtype(np.int16)))
    with pytest.raises(ImageIOError, match="No space left"):
        plane.write(Window(0, 0, 2, 2), values, values == 0)
