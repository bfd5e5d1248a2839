# SPDX-License-Identifier: GPL-2.0-or-later
"""A cancelled run ends, gives nothing and leaves no file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def cancelling(after: int) -> Any:
    """Return a feedback that is cancelled once it has been asked `after` times."""
    from qgis.core import QgsProcessingFeedback

    class Cancelling(QgsProcessingFeedback):
        asked = 0

        def isCanceled(self) -> bool:
            self.asked += 1
            return self.asked > after

    return Cancelling(False)


@pytest.mark.parametrize("moment", ["first", "second", "middle", "last"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_merge_cancelled_at_any_window_leaves_nothing(
    start: Callable[..., Any],
    toolbox: Any,
    write: Callable[..., str],
    tmp_path: Path,
    moment: str,
    threads: int,
) -> None:
    values = np.random.default_rng(1).integers(1, 255, (1, 1536, 1536), "uint8")
    algorithm = toolbox.algorithmById("orthoweave:mergerasters")
    given = {
        "IMAGES": [write("in/a.tif", values), write("in/b.tif", values)],
        "THREADS": threads,
        "RULE": "mean",
        "BUILD_OVERVIEWS": False,
    }

    whole = cancelling(10**9)
    results, _, _, _ = start(algorithm, {**given, "OUTPUT": str(tmp_path / "m.tif")}, whole)
    assert results["COVERED"] == 1 and whole.asked >= 4
    after = {"first": 0, "second": 1, "middle": whole.asked // 2, "last": whole.asked - 1}[moment]

    before = threading.active_count()
    stopped = cancelling(after)
    given["OUTPUT"] = str(tmp_path / "out" / "m.tif")
    results, _, feedback, _ = start(algorithm, given, stopped)
    assert results == {}
    assert "Traceback" not in feedback.textLog()
    assert not [path for path in (tmp_path / "out").glob("**/*") if path.is_file()]
    assert threading.active_count() == before
