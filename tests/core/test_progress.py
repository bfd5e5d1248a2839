# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from orthoweave.core.errors import Cancelled, OrthoweaveError
from orthoweave.core.progress import SILENT, Recorder


def test_silence_hears_everything_and_never_stops():
    SILENT.advance(0.5)
    SILENT.phase("x")
    SILENT.info("x")
    SILENT.warn("x")
    SILENT.check()
    assert not SILENT.cancelled()


def test_a_part_moves_only_its_share(listen):
    whole = listen()
    part = whole.part(0.2, 0.6)
    for fraction in (0.0, 0.5, 1.0):
        part.advance(fraction)
    assert whole.fractions == pytest.approx([0.2, 0.4, 0.6])


def test_parts_of_parts_multiply(listen):
    whole = listen()
    whole.part(0.5, 1.0).part(0.5, 1.0).advance(0.5)
    assert whole.fractions == pytest.approx([0.875])


@pytest.mark.parametrize("count", [1, 3, 7])
def test_a_split_fills_the_whole_without_going_back(listen, count):
    whole = listen()
    for part in whole.split(count):
        part.advance(0.0)
        part.advance(1.0)
    assert whole.fractions == sorted(whole.fractions)
    assert whole.fractions[0] == 0.0
    assert whole.fractions[-1] == pytest.approx(1.0)


def test_a_split_of_nothing_is_empty():
    assert list(SILENT.split(0)) == []


def test_words_pass_through_parts(listen):
    whole = listen()
    part = whole.part(0.0, 0.5).part(0.0, 0.5)
    part.phase("reading")
    part.info("4 images")
    part.warn("one is dark")
    assert (whole.phases, whole.infos, whole.warnings) == (
        ["reading"],
        ["4 images"],
        ["one is dark"],
    )


def test_cancelling_is_seen_through_parts_and_is_not_an_error(listen):
    whole = listen(cancel_after=0)
    with pytest.raises(Cancelled):
        whole.part(0.0, 0.5).check()
    assert not issubclass(Cancelled, OrthoweaveError)


def test_a_recorder_tells_and_keeps_each_warning_once(listen):
    whole = listen()
    recorder = Recorder(whole)
    for text in ("a", "b", "a"):
        recorder.part(0.0, 0.5).warn(text)
    recorder.advance(0.5)
    assert recorder.warnings == whole.warnings == ["a", "b"]
    assert whole.fractions == [0.5]
