# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from orthoweave.core.room import size_text


def test_sizes_are_read_by_people():
    found = [size_text(count) for count in (10, 2048, 3.21e9, 5e15)]
    assert found == ["10 bytes", "2.05 kB", "3.21 GB", "5e+03 TB"]
