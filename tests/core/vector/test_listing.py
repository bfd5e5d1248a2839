# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.raster.listing import natural
from orthoweave.core.vector.listing import expand_vectors


def test_folders_and_patterns_come_in_natural_order_and_layers_stay(tmp_path, listen):
    for name in ("v_10.gpkg", "v_2.gpkg", "notes.txt", ".hidden.gpkg", "v_1.shp"):
        (tmp_path / name).write_text("")
    both = [str(tmp_path / name) for name in ("v_2.gpkg", "v_10.gpkg")]
    assert list(expand_vectors([str(tmp_path)])) == both
    assert list(expand_vectors([str(tmp_path / "v_*.gpkg")])) == both
    progress = listen()
    named = [f"{both[0]}|layername=cuts", both[0], both[0]]
    assert list(expand_vectors(named, progress)) == named[:2]
    assert progress.warnings == ["v_2.gpkg is given twice; it is used once."]
    assert expand_vectors(["/vsizip/a.zip/b.gpkg"]) == ("/vsizip/a.zip/b.gpkg",)


@pytest.mark.parametrize("entry", ["gone.gpkg", "*.nothing", ""])
def test_what_means_no_file_is_named(tmp_path, monkeypatch, entry):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidOption, match="matches no vector file"):
        expand_vectors([entry])


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(InvalidOption, match="matches no vector file"):
        expand_vectors([str(tmp_path)])


def test_numbers_in_names_count_as_numbers():
    assert sorted(["b", "img_10", "Img_2", "a1b3"], key=natural) == ["a1b3", "b", "Img_2", "img_10"]
