# SPDX-License-Identifier: GPL-2.0-or-later
"""Model files that are damaged, or made to do harm."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.landcover import models, opencvforest
from orthoweave.core.landcover.forest import Node, grown
from orthoweave.core.landcover.models import Model, load_model, save_model
from orthoweave.core.landcover.preparing import plain
from orthoweave.core.landcover.randomforest import ForestRule


@pytest.fixture
def forest(tmp_path):
    """Save a forest of one tree: two features, classes 11 and 12."""
    nodes = [Node(0, 0, (1, 5.0, False)), Node(1, 0, None), Node(1, 1, None)]
    rule = ForestRule(grown([nodes], 2, 2))
    model = Model("rf", rule, plain(2), (11, 12), ("a", "b"), ("red", "nir"))
    return save_model(model, str(tmp_path / "m.owm"))


@pytest.fixture
def changed(forest, tmp_path):
    """Write the model with other parts: changed({name: bytes}) or changed(head={...})."""

    def make(parts=(), **head):
        with zipfile.ZipFile(forest) as file:
            found = {name: file.read(name) for name in file.namelist()}
        found["model.json"] = json.dumps({**json.loads(found["model.json"]), **head}).encode()
        found.update(parts)
        path = str(tmp_path / "changed.owm")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in found.items():
                file.writestr(name, content)
        return path

    return make


def stored(values, **how):
    stream = io.BytesIO()
    np.save(stream, np.asarray(values), **how)
    return stream.getvalue()


CLASSES = [{"label": 11, "name": "a"}, {"label": 12, "name": "b"}]


@pytest.mark.parametrize(
    "head",
    [
        {"version": "1"},
        {"classifier": ["rf"]},
        {"classes": []},
        {"classes": CLASSES[:1]},
        {"classes": [*CLASSES, {"label": 13, "name": "c"}]},
        {"features": ["red"]},
        {"features": [1, 2]},
        {"numbers": None},
        {"arrays": 5},
        {"arrays": ["../../etc/passwd"]},
    ],
)
def test_a_model_whose_head_does_not_fit_gets_a_sentence(changed, head):
    with pytest.raises(InvalidOption, match="changed.owm (is no .owm model|holds the unknown)"):
        load_model(changed(**head))


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"a":', "[" * 100_000])
def test_a_head_that_is_no_table_gets_a_sentence(changed, text):
    with pytest.raises(InvalidOption, match="is no .owm model, or a damaged one"):
        load_model(changed({"model.json": text.encode()}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("left", [1, 0, 2]),  # a question that leads back
        ("left", [2**30, 1, 2]),
        ("right", [-1, 1, 2]),
        ("index", [0, 0, 9]),
        ("variable", [7, 0, 0]),
        ("threshold", [5.0]),
        ("starts", [2]),
        ("starts", []),
        ("preparation_columns", [0, 5]),
    ],
)
def test_trees_that_lead_nowhere_are_refused_before_any_pixel(changed, name, values):
    values = np.asarray(values, np.float32 if name == "threshold" else np.int32)
    with pytest.raises(InvalidOption, match="is no .owm model, or a damaged one"):
        load_model(changed({f"{name}.npy": stored(values)}))


def test_pickled_cut_and_swollen_arrays_are_refused(changed, monkeypatch):
    trap = stored(np.array([{"a": 1}], object), allow_pickle=True)
    huge = stored(np.zeros(3)).replace(b"(3,)", b"(9999999999999,)", 1)
    for content in (trap, stored(np.zeros(3))[:-9], huge):
        with pytest.raises(InvalidOption, match="is no .owm model, or a damaged one"):
            load_model(changed({"threshold.npy": content}))
    monkeypatch.setattr(models, "LARGEST_MODEL", 1 << 20)
    with pytest.raises(InvalidOption, match="would unpack to 2 MiB; a model has at most 1"):
        load_model(changed({"more.npy": bytes(2 << 20)}))


def test_damaged_bytes_and_other_files_are_refused(forest, tmp_path):
    raw = Path(forest).read_bytes()
    middle = len(raw) // 3
    broken = (
        raw[:middle] + bytes(255 - byte for byte in raw[middle : middle + 40]) + raw[middle + 40 :]
    )
    for content in (broken, raw[: len(raw) // 2], b"", pickle.dumps({"a": 1})):
        path = tmp_path / "x.owm"
        path.write_bytes(content)
        with pytest.raises(InvalidOption, match="x.owm is n"):
            load_model(str(path))


def test_a_packed_text_is_not_unpacked_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(opencvforest, "LARGEST_TEXT", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"opencv_ml_rtrees:" + b" " * (3 << 20)))
    with pytest.raises(InvalidOption, match="bomb.gz holds more than 1 MiB"):
        load_model(str(path))
