# SPDX-License-Identifier: GPL-2.0-or-later
"""Random forests as OpenCV and Orfeo Toolbox store them: text in YAML, XML or JSON."""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ImageIOError, InvalidOption
from .forest import Forest, Node, grown

ROOT = "opencv_ml_rtrees"
OTHERS = {
    "opencv_ml_svm": "a support vector machine",
    "opencv_ml_ann_mlp": "a neural network",
    "opencv_ml_boost": "boosted trees",
    "opencv_ml_dtree": "a single decision tree",
    "opencv_ml_knn": "nearest neighbors",
    "opencv_ml_normalbayes": "a Bayes classifier",
}

HEAD, LARGEST_TEXT = 4000, 1 << 30
"""Bytes that tell what a file holds, and bytes of the text of a forest at most."""


@dataclass(frozen=True)
class Stored:
    """A forest with its labels in the order of its class numbers, and its number of features."""

    forest: Forest
    labels: tuple[int, ...]
    features: int


def read_forest(path: str) -> Stored:
    """Read a random forest that OpenCV or OTB's TrainVectorClassifier wrote (also .gz).

    Raises ImageIOError when the file cannot be read, InvalidOption when it holds something else
    or ends too early.
    """
    title = os.path.basename(path)
    text = _text(path, title)
    try:
        return forest_of(_parsed(text))
    except (KeyError, ValueError, IndexError, TypeError, InvalidOption) as error:
        raise InvalidOption(
            f"{title} cannot be read as a random forest of OpenCV: it is damaged or ends too "
            f"early ({error})."
        ) from error


def forest_of(model: Mapping[str, Any]) -> Stored:
    """Return the forest of the values under the root; raises InvalidOption when they do not fit."""
    labels = tuple(int(label) for label in model["class_labels"])
    features, count = int(model["var_count"]), int(model["ntrees"])
    trees = [list(_nodes(tree["nodes"])) for tree in model["trees"]]
    if len(trees) != count:
        raise InvalidOption(f"{len(trees)} of {count} trees are there")
    return Stored(grown(trees, len(labels), features), labels, features)


def json_model(text: str) -> Mapping[str, Any]:
    """Return the model of a text in OpenCV's JSON."""
    found = json.loads(text)
    return dict(found.get(ROOT, found))


def _nodes(listed: Sequence[Mapping[str, Any]]) -> Iterator[Node]:
    for node in listed:
        question = None
        if "splits" in node:
            split = node["splits"][0]
            straight = "le" in split
            limit = float(split["le"] if straight else split["gt"])
            question = (int(split["var"]), limit, straight)
        yield Node(int(node["depth"]), int(node["norm_class_idx"]), question)


def _text(path: str, title: str) -> str:
    """Return the text of a model; what is none is refused by its first lines."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            head = file.read(HEAD)
            _refuse_others(head.decode("utf-8", "replace"), title)
            raw = head + file.read(LARGEST_TEXT)
    except (OSError, EOFError, zlib.error) as error:
        raise ImageIOError(f"{title} cannot be read: {error}.") from error
    if len(raw) > LARGEST_TEXT:
        raise InvalidOption(f"{title} holds more than {LARGEST_TEXT >> 20} MiB; it is no forest.")
    return raw.decode("utf-8", "replace")


def _refuse_others(head: str, title: str) -> None:
    if ROOT in head:
        return
    for root, what in OTHERS.items():
        if root in head:
            raise InvalidOption(
                f"{title} holds {what}; of OpenCV's models only random forests are read. Train "
                "the classifier here instead."
            )
    raise InvalidOption(
        f"{title} is neither an .owm model nor a random forest of OpenCV or Orfeo Toolbox."
    )


def _parsed(text: str) -> Mapping[str, Any]:
    start = text.lstrip()[:1]
    if start == "{":
        return json_model(text)
    pieces = _xml_pieces(text) if start == "<" else _yaml_pieces(text)
    return _model(pieces)


@dataclass(frozen=True)
class _Pieces:
    """A text cut into its head (everything before the trees) and what each node says."""

    head: Mapping[str, str]
    trees: Sequence[Sequence[Mapping[str, Any]]]


def _model(pieces: _Pieces) -> Mapping[str, Any]:
    head = pieces.head
    return {
        "var_count": head["var_count"],
        "ntrees": head["ntrees"],
        "class_labels": head["class_labels"].split(),
        "trees": [{"nodes": nodes} for nodes in pieces.trees],
    }


_NUMBER = r"[-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|\.(?:inf|nan))"
_YAML_NODE = re.compile(
    rf"depth\s*:\s*(\d+)|norm_class_idx\s*:\s*(\d+)|(splits)\s*:|var\s*:\s*(\d+)"
    rf"|\b(le|gt)\s*:\s*({_NUMBER})",
    re.IGNORECASE,
)
_XML_NODE = re.compile(
    rf"<depth>\s*(\d+)|<norm_class_idx>\s*(\d+)|<(splits)>|<var>\s*(\d+)"
    rf"|<(le|gt)>\s*({_NUMBER})",
    re.IGNORECASE,
)


def _yaml_pieces(text: str) -> _Pieces:
    head, _, body = text.partition("\n   trees:")
    if not body:
        raise InvalidOption("it holds no trees")
    found = dict(re.findall(r"\b(var_count|ntrees)\s*:\s*(\d+)", head))
    labels = re.search(r"\bclass_labels\s*:\s*\[([^\]]*)\]", head)
    found["class_labels"] = labels.group(1).replace(",", " ") if labels else ""
    return _Pieces(found, [_listed(_YAML_NODE, t) for t in re.split(r"\bnodes\s*:", body)[1:]])


def _xml_pieces(text: str) -> _Pieces:
    head, _, body = text.partition("<trees>")
    if "</opencv_storage>" not in body:
        raise InvalidOption("its end is missing")
    found = dict(re.findall(r"<(var_count|ntrees|class_labels)>([^<]*)<", head))
    return _Pieces(found, [_listed(_XML_NODE, t) for t in body.split("<nodes>")[1:]])


def _listed(pattern: re.Pattern[str], text: str) -> list[dict[str, Any]]:
    """Return the nodes of a tree; line breaks between a key and its number do not matter."""
    nodes: list[dict[str, Any]] = []
    for depth, index, splits, variable, side, limit in pattern.findall(text):
        if depth:
            nodes.append({"depth": depth})
        elif index:
            nodes[-1]["norm_class_idx"] = index
        elif splits:
            nodes[-1]["splits"] = [{}]
        elif variable:
            nodes[-1]["splits"][0]["var"] = variable
        else:
            nodes[-1]["splits"][0].setdefault(side.lower(), limit.replace(".Inf", "inf"))
    return nodes
