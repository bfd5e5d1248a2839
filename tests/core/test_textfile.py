# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os

import pytest
from orthoweave.core.errors import ImageIOError
from orthoweave.core.textfile import write_text


def test_the_folder_is_made_and_the_text_is_utf8(tmp_path):
    path = write_text(str(tmp_path / "a" / "b.json"), "größe\n")
    assert path == str(tmp_path / "a" / "b.json")
    assert (tmp_path / "a" / "b.json").read_bytes() == "größe\n".encode()
    assert os.listdir(tmp_path / "a") == ["b.json"]


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path):
    (tmp_path / "a.json").mkdir()
    (tmp_path / "a.json" / "full").write_text("")
    with pytest.raises(ImageIOError, match=r"^a\.json cannot be written: .+\.$"):
        write_text(str(tmp_path / "a.json"), "text")
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageIOError, match=r"^a\.json cannot be written"):
        write_text(str(tmp_path / "file" / "a.json"), "text")
