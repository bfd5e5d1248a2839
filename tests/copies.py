# SPDX-License-Identifier: GPL-2.0-or-later
"""Pytest plugin: all work on windows is done on pickled copies, as the workers of a cluster do it.

Finds work that changes what it holds:
`pytest -p no:pytest_qgis -p tests.copies tests/core/operations`.
"""

from __future__ import annotations

from typing import Any

import pytest


class Copies:
    """Workers (see core/progress.py) that are this process, and get and give copies only."""

    def each(self, work: Any, items: Any, check: Any) -> Any:
        """Yield work(item) for every item; two copies of the work take turns."""
        import cloudpickle
        from orthoweave.core.cluster import _do, _Job
        from orthoweave.core.executor import Ended

        def copied(value: Any) -> Any:
            return cloudpickle.loads(cloudpickle.dumps(value, protocol=5))

        ends = Ended.of(work)
        jobs = [copied(_Job(ends.work)) for _ in range(2)]
        for number, item in enumerate(items):
            check()
            found, _ = copied(_do(jobs[number % 2], copied(ends.before(item))))
            yield ends.after(found)


@pytest.fixture(autouse=True)
def copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every call of `each` work on copies."""
    from orthoweave.core import executor, progress

    pool = Copies()
    monkeypatch.setattr(progress.Progress, "workers", property(lambda self: pool))
    monkeypatch.setattr(
        executor, "_done", lambda work, items, threads, heard: pool.each(work, items, heard.check)
    )
