# SPDX-License-Identifier: GPL-2.0-or-later
"""Forests of decision trees, evaluated with numpy alone: the votes of all trees for each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..errors import InvalidOption
from ..image import Array

BLOCK = 8192
"""Pixels that are sent down a tree together: what they need stays in the processor's cache."""

TOP = 3
"""Levels whose few questions are put to all pixels, which is cheaper than looking them up."""

PAUSES = (8, 12)
"""Levels after which pixels that have reached a leaf are left behind."""


class Node(NamedTuple):
    """A node as files list them, parents before children: depth, class index and question.

    The question is (variable, threshold, goes left when not above); None for a leaf.
    """

    depth: int
    number: int
    question: tuple[int, float, bool] | None


@dataclass(frozen=True)
class Forest:
    """Trees as five flat arrays, one tree behind the other; `starts` says where each begins.

    A pixel goes left when its value of `variable` is not above `threshold`. `left` and `right`
    count from the tree's first node; a leaf points to itself, with threshold +inf. `index` is the
    number of a class in ascending order of labels.
    """

    variable: Array
    threshold: Array
    index: Array
    left: Array
    right: Array
    starts: Array
    classes: int

    @property
    def trees(self) -> int:
        """Number of trees."""
        return len(self.starts)

    def refuse_damaged(self, features: int) -> None:
        """Raise ValueError unless every node asks for a feature and leads on to later nodes."""
        nodes = len(self.variable)
        sizes = np.diff([*self.starts.tolist(), nodes])
        columns = (self.variable, self.threshold, self.index, self.left, self.right)
        if any(column.shape != (nodes,) for column in columns) or not self.trees:
            raise ValueError("its trees have parts of different lengths")
        if self.starts[0] != 0 or sizes.min() < 1:
            raise ValueError("its trees do not follow each other")
        own = np.arange(nodes) - np.repeat(self.starts, sizes)
        leaf, most = self.left == own, np.repeat(sizes, sizes)
        onward = (np.minimum(self.left, self.right) > own) & (
            np.maximum(self.left, self.right) < most
        )
        known = (self.index >= 0) & (self.index < self.classes)
        asks = (self.variable >= 0) & (self.variable < features)
        if not ((leaf | onward) & (leaf | asks) & known).all():
            raise ValueError("a node of its trees asks for or leads to what is not there")

    def votes(self, columns: Array) -> Array:
        """Return votes[class, pixel] (int64) of columns[feature, pixel] (float32)."""
        count = columns.shape[1]
        found = np.empty((self.classes, count), np.int64)
        for start in range(0, count, BLOCK):
            block = np.ascontiguousarray(columns[:, start : start + BLOCK], np.float32)
            found[:, start : start + BLOCK] = self._block(block)
        return found

    def probabilities(self, columns: Array) -> Array:
        """Return the share[class, pixel] of the trees that vote for each class."""
        return self.votes(columns) / self.trees

    def _block(self, block: Array) -> Array:
        count = block.shape[1]
        places = np.arange(count)
        votes = np.zeros(self.classes * count, np.int64)
        room = _Room(count)
        for tree in self._prepared:
            found = tree.index.take(_reached(tree, block, places, room))
            found *= count
            found += places
            votes[found] += 1
        return votes.reshape(self.classes, count)

    @cached_property
    def _prepared(self) -> tuple[_Tree, ...]:
        """The trees without questions that do not change the vote, children side by side."""
        ends = [*self.starts[1:].tolist(), len(self.variable)]
        return tuple(self._tree(a, b) for a, b in zip(self.starts.tolist(), ends))

    def _tree(self, start: int, end: int) -> _Tree:
        parts = (self.variable, self.threshold, self.index, self.left, self.right)
        variable, threshold, index, left, right = (part[start:end].tolist() for part in parts)
        alike = _alike(index, left, right)
        order, first, leaf = [0], list[int](), list[bool]()
        for at, node in enumerate(order):  # grows while it is walked
            leaf.append(alike[node] >= 0)
            first.append(at if leaf[-1] else len(order))
            if not leaf[-1]:
                order += [left[node], right[node]]
        ended = np.array(leaf)
        kept = np.array(order)
        return _Tree(
            np.where(ended, 0, np.array(variable)[kept]),
            np.where(ended, np.float32(np.inf), np.array(threshold, np.float32)[kept]),
            np.where(ended, np.array(alike)[kept], np.array(index)[kept]),
            np.array(first),
            _deepest(first),
        )


@dataclass(frozen=True)
class _Tree:
    """A tree whose right children stand behind the left ones, and how deep it is."""

    variable: Array
    threshold: Array
    index: Array
    left: Array
    depth: int

    @cached_property
    def top(self) -> tuple[list[tuple[int, float]], Array]:
        """The questions of the first levels, level by level, and the nodes below them."""
        nodes, questions = [0], list[tuple[int, float]]()
        left, variable, threshold = self.left, self.variable, self.threshold
        for _ in range(TOP):
            questions += [(int(variable[node]), threshold[node]) for node in nodes]
            nodes = [int(left[n]) + side * int(left[n] != n) for n in nodes for side in (0, 1)]
        return questions, np.array(nodes)


class _Room:
    """Arrays that are used again for every level of every tree."""

    def __init__(self, count: int) -> None:
        self.at = np.empty(count, np.int64)
        self.value = np.empty(count, np.float32)
        self.limit = np.empty(count, np.float32)
        self.right = np.empty(count, bool)
        self.node = np.empty(count, np.int64)


def _alike(index: Sequence[int], left: Sequence[int], right: Sequence[int]) -> list[int]:
    """Return for each node the class of all leaves below it, -1 where they differ."""
    alike = list(index)
    for node in range(len(index) - 1, -1, -1):
        if left[node] != node:
            a, b = alike[left[node]], alike[right[node]]
            alike[node] = a if a == b else -1
    return alike


def _deepest(first: Sequence[int]) -> int:
    depths = [0] * len(first)
    for node, child in enumerate(first):
        if child != node:
            depths[child] = depths[child + 1] = depths[node] + 1
    return max(depths)


def _reached(tree: _Tree, block: Array, places: Array, room: _Room) -> Array:
    """Return the leaf that each pixel of a block reaches."""
    node = _below(tree, block)
    count, flat, pixels = len(places), block.reshape(-1), places
    offsets, final = tree.variable * count, None
    at, value, limit, right, child = room.at, room.value, room.limit, room.right, room.node
    for level in range(TOP, tree.depth):
        # mode="clip" spares a copy; all positions are inside
        np.take(offsets, node, out=at, mode="clip")
        at += pixels
        np.take(flat, at, out=value, mode="clip")
        np.take(tree.threshold, node, out=limit, mode="clip")
        np.greater(value, limit, out=right)
        np.take(tree.left, node, out=child, mode="clip")
        np.add(child, right, out=node)
        if level in PAUSES:
            final = _left_behind(final, pixels, node)
            walking = np.flatnonzero(tree.left.take(node) != node)
            pixels, node = pixels.take(walking), node.take(walking)
            size = len(walking)
            at, value, limit = at[:size], value[:size], limit[:size]
            right, child = right[:size], child[:size]
    return node if final is None else _left_behind(final, pixels, node)


def _left_behind(final: Array | None, pixels: Array, node: Array) -> Array:
    if final is None:
        return node.copy()
    final[pixels] = node
    return final


def _below(tree: _Tree, block: Array) -> Array:
    """Return the node of each pixel below the first three levels."""
    questions, nodes = tree.top
    a, b, c, d, e, f, g = (block[variable] > limit for variable, limit in questions)
    second = (b & ~a) | (c & a)
    low, high = np.where(a, f, d), np.where(a, g, e)
    third = np.where(second, high, low)
    code = a.astype(np.uint8)
    for bits in (second, third):
        code += code
        code += bits
    return np.asarray(nodes.take(code))


def grown(trees: Iterable[Sequence[Node]], classes: int, features: int) -> Forest:
    """Return the forest of trees whose nodes are listed parents first (pre-order).

    Raises InvalidOption when the nodes of a tree do not fit together.
    """
    parts: list[tuple[Array, ...]] = []
    starts = [0]
    for nodes in trees:
        parts.append(_flat(nodes, classes, features))
        starts.append(starts[-1] + len(nodes))
    if not parts:
        raise InvalidOption("The forest has no tree.")
    variable, threshold, index, left, right = (np.concatenate(part) for part in zip(*parts))
    return Forest(
        variable.astype(np.int32),
        threshold.astype(np.float32),
        index.astype(np.int32),
        left.astype(np.int32),
        right.astype(np.int32),
        np.array(starts[:-1], np.int64),
        classes,
    )


def _flat(nodes: Sequence[Node], classes: int, features: int) -> tuple[Array, ...]:
    count = len(nodes)
    variable, threshold = np.zeros(count, np.int64), np.full(count, np.inf, np.float32)
    left, right = np.arange(count), np.arange(count)
    waiting: list[int] = []
    for at, node in _checked(nodes, classes, features):
        if at and nodes[at - 1].question is None:
            parent = waiting.pop()
            left[parent], right[parent] = _children(nodes[parent], parent + 1, at)
        if node.question is not None:
            variable[at], threshold[at] = node.question[0], node.question[1]
            waiting.append(at)
    index = np.array([node.number for node in nodes])
    return variable, threshold, index, left, right


def _children(node: Node, first: int, second: int) -> tuple[int, int]:
    """Return left and right; a question the other way round has them exchanged."""
    straight = node.question is None or node.question[2]
    return (first, second) if straight else (second, first)


def _checked(nodes: Sequence[Node], classes: int, features: int) -> Iterator[tuple[int, Node]]:
    """Yield the nodes of a tree; raises InvalidOption when something is missing or too much."""
    depths = [0]
    for at, node in enumerate(nodes):
        if not depths or node.depth != depths.pop() or not 0 <= node.number < classes:
            raise InvalidOption(f"The forest is damaged: node {at} of a tree does not fit.")
        if node.question is not None:
            if not 0 <= node.question[0] < features:
                raise InvalidOption(
                    f"The forest is damaged: node {at} asks for feature {node.question[0] + 1} of "
                    f"{features}."
                )
            depths += [node.depth + 1] * 2
        yield at, node
    if depths:
        raise InvalidOption("The forest is damaged: a tree ends too early.")
