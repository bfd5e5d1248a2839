# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import sys

import pytest
from orthoweave.core.workflow import heap


@pytest.mark.skipif(sys.platform != "linux", reason="memory is given back on Linux only")
def test_memory_between_pieces_that_stay_is_given_back():
    def resident():
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096

    # below 128 KiB, from where on the C library asks the system for each piece
    pieces = [bytearray(b"x" * 100_000) for _ in range(1000)]
    last = bytearray(100_000)
    full = resident()
    del pieces
    heap.give_back()
    assert len(last) and full - resident() > 50e6


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(heap.sys, "platform", "win32")
    monkeypatch.setattr(heap.ctypes, "CDLL", None)
    heap.give_back()
