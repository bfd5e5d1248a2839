# SPDX-License-Identifier: GPL-2.0-or-later
"""What is left to correct in each block, so that all images of it agree and none is favored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..grid import Grid
from ..image import Array
from .cellmeans import CellMeans
from .positions import frame_positions
from .regression import connected

LEAST_TRUST = 0.02
"""Weight of an image's very edge; its middle has about 1."""

LEAST_MEAN = 0.05
"""Means below this part of the spread are too near 0 for ratios."""

FAR, LARGE = 4.0, 0.15
"""A block whose images differ by more than FAR times the scatter of the pair, and by more than
LARGE of its mean, begins to look like a cloud or real change; at twice that it is left alone."""

UNSEEN, TINY = 1e-6, 1e-99


@dataclass(frozen=True)
class Rating:
    """How blocks are judged: `weights`[band, cell] say how far cells are believed; bands with
    `logs`[band] are compared by ratios; `scale`[band] is their spread. `robust` leaves blocks alone
    that look changed."""

    weights: Array
    logs: Array
    scale: Array
    robust: bool = True


@dataclass(frozen=True)
class Steps:
    """Corrections of images in blocks: `step`[band, node] for the image and block (row, column) of
    each node. In `left` blocks two images differ so much that they were not compared."""

    images: Array
    blocks: Array
    step: Array
    left: int = 0

    def of(self, image: int) -> tuple[Array, Array]:
        """Return the blocks (row, column) [2, node] of an image and its steps [band, node]."""
        mine = self.images == image
        return self.blocks[:, mine], self.step[:, mine]


@dataclass(frozen=True)
class _Edges:
    """Two nodes that share pixels in a block: their numbers, weight and difference[band, edge]."""

    ends: Array
    weight: Array
    apart: Array
    left: int


def balanced_steps(cells: CellMeans, rating: Rating, blocks: Grid, grids: list[Grid]) -> Steps:
    """Return the smallest balanced corrections after which the images of each block agree.

    Bands with ratios are corrected by the exponential of a step, others by adding it. The steps of
    connected images of a block sum to 0, each weighted by how near the block is to the middle of
    the image.
    """
    inside = _inside(cells.blocks, blocks)
    edges, images, places = _edges(cells, rating, inside)
    trust = _trust(images, places, blocks, grids)
    group = connected(len(images), edges.ends.T) - 1
    step = np.zeros((len(rating.logs), len(images)))
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    for size in np.unique(sizes):
        nodes = order[starts[sizes == size, None] + np.arange(size)]
        step[:, nodes] = _solved(edges, nodes, trust)
    return Steps(images, places, step, edges.left)


def _inside(places: Array, blocks: Grid) -> Array:
    rows, cols = places
    return np.asarray((rows >= 0) & (rows < blocks.height) & (cols >= 0) & (cols < blocks.width))


def _edges(cells: CellMeans, rating: Rating, inside: Array) -> tuple[_Edges, Array, Array]:
    """Sum the cells of each pair in each block; name the nodes: their images and blocks."""
    pair = cells.overlaps.pair_of_cell[inside]
    rows, cols = cells.blocks[:, inside]
    keys = np.stack([pair, rows, cols])
    found, edge = np.unique(keys, axis=1, return_inverse=True)
    edge = edge.reshape(-1)
    believed = rating.weights[:, inside] * cells.weight[inside]
    weight = _summed(believed, edge, found.shape[1])
    means = np.stack(
        [_summed(believed * side[:, inside], edge, found.shape[1]) / weight for side in cells.means]
    )
    belief = _belief(means, found[0], rating)
    # a few dark pixels may have a mean that is 0 or less after their offset
    positive = np.maximum(means, LEAST_MEAN * rating.scale[:, None])
    means = np.where(rating.logs[:, None], np.log(positive), means)
    ends = cells.overlaps.pairs[found[0]].T
    nodes = np.concatenate([np.stack([images, *found[1:]]) for images in ends], axis=1)
    named, number = np.unique(nodes[[1, 2, 0]], axis=1, return_inverse=True)
    numbers = number.reshape(2, -1)
    apart = belief * (means[0] - means[1])
    left = np.unique(found[1:, belief == 0], axis=1).shape[1]
    believed = weight * np.maximum(belief, UNSEEN)
    return _Edges(numbers, believed, apart, left), named[2], named[:2]


def _belief(means: Array, pair: Array, rating: Rating) -> Array:
    """How far blocks [edge] look unchanged: 1 for most, 0 for a thick cloud in one image."""
    if not rating.robust or not len(pair):
        return np.ones(len(pair))
    apart = np.abs(means[0] - means[1])
    starts = np.flatnonzero(np.diff(pair, prepend=pair[0] - 1))
    scatter = np.empty_like(apart)
    for first, end in zip(starts, np.append(starts[1:], len(pair))):
        scatter[:, first:end] = 1.4826 * np.median(apart[:, first:end], axis=1)[:, None]
    level = np.where(rating.logs[:, None], np.abs(means).mean(0), rating.scale[:, None])
    limit = np.maximum(FAR * scatter, LARGE * level)
    return np.asarray(np.clip(2.0 - apart / np.maximum(limit, TINY), 0.0, 1.0).min(0))


def _summed(values: Array, at: Array, count: int) -> Array:
    return np.array([np.bincount(at, band, count) for band in values])


def _trust(images: Array, places: Array, blocks: Grid, grids: list[Grid]) -> Array:
    """Weight of each node: about 1 in the middle of its image, little at the edge."""
    x, y = blocks.to_map(places[1] + 0.5, places[0] + 0.5)
    trust = np.empty(len(images))
    for at, grid in enumerate(grids):
        mine = images == at
        u, v = frame_positions(grid, x[mine], y[mine])
        trust[mine] = np.maximum(0, 1 - u * u) * np.maximum(0, 1 - v * v) + LEAST_TRUST
    return trust


def _solved(edges: _Edges, nodes: Array, trust: Array) -> Array:
    """Steps[band, group, node] of all groups that have as many nodes as `nodes`[group, node]."""
    groups, size = nodes.shape
    if size == 1:
        return np.zeros((len(edges.weight), groups, 1))
    place = np.full(int(edges.ends.max()) + 1, -1)
    place[nodes] = np.arange(groups * size).reshape(groups, size)
    mine = np.flatnonzero(place[edges.ends[0]] >= 0)
    first, second = place[edges.ends[:, mine]]
    group, a, b = first // size, first % size, second % size
    bands = len(edges.weight)
    # the level that no difference tells is fixed by the trusted sum
    share = trust[nodes] / trust[nodes].max(1, keepdims=True)
    matrix = np.zeros((bands, groups, size, size))
    right = np.zeros((bands, groups, size))
    for band in range(bands):
        weight, apart = edges.weight[band, mine], edges.apart[band, mine]
        np.add.at(matrix[band], (group, a, a), weight)
        np.add.at(matrix[band], (group, b, b), weight)
        np.add.at(matrix[band], (group, a, b), -weight)
        np.add.at(matrix[band], (group, b, a), -weight)
        np.add.at(right[band], (group, a), -weight * apart)
        np.add.at(right[band], (group, b), weight * apart)
    typical = np.einsum("bgxx->bg", matrix)[..., None, None] / size
    matrix += typical * share[:, :, None] * share[:, None, :]
    return np.linalg.solve(matrix, right[..., None])[..., 0]
