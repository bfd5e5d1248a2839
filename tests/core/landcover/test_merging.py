# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.landcover import merging
from orthoweave.core.landcover.merging import Graph, Merging


def speckled(seed, side=24):
    """Return regions of a noisy map as a graph, each pixel a region of its own at first."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, (side, side))
    regions = np.arange(side * side).reshape(side, side)
    across = np.stack([regions[:, :-1].ravel(), regions[:, 1:].ravel()])
    along = np.stack([regions[:-1].ravel(), regions[1:].ravel()])
    pairs = np.concatenate([across, along[::-1]], 1)
    sizes = random.integers(1, 9, side * side)
    lengths = random.integers(1, 4, pairs.shape[1])
    return Graph(labels.ravel(), sizes, pairs, lengths)


def one_by_one(graph, limit):
    """The rules of Merging, with all borders looked up anew for each merge."""
    owner, size = list(range(len(graph.labels))), graph.sizes.astype(float).tolist()
    label = graph.labels.tolist()
    borders = [{} for _ in owner]
    for a, b, length in zip(*graph.pairs.tolist(), graph.lengths.tolist()):
        borders[a][b] = borders[a].get(b, 0) + length
        borders[b][a] = borders[b].get(a, 0) + length
    alive = {at for at, one in enumerate(label) if one and size[at] < limit}
    while True:
        ready = sorted((size[at], at) for at in alive if any(label[o] for o in borders[at]))
        if not ready:
            return owner
        region = ready[0][1]
        near = [o for o in borders[region] if label[o]]
        target = max(near, key=lambda o: (borders[region][o], size[o], -label[o], -o))
        members = {region, target} | {o for o in near if label[o] == label[target]}
        keeper = min(members - {region})
        small = members <= alive
        size[keeper] = sum(size[m] for m in members)
        joined = {}
        for member in members:
            for other, length in borders[member].items():
                borders[other].pop(member, None)
                if other not in members:
                    joined[other] = joined.get(other, 0) + length
            borders[member] = {}
        alive -= members
        borders[keeper] = joined
        for other, length in joined.items():
            borders[other][keeper] = length
        if small and size[keeper] < limit:
            alive.add(keeper)
        owner = [keeper if one in members else one for one in owner]


@pytest.mark.parametrize("portion", [7, 100, 1 << 18])
@pytest.mark.parametrize("seed", range(4))
def test_merges_are_those_of_all_borders_looked_up_anew(monkeypatch, seed, portion):
    monkeypatch.setattr(merging, "PORTION", portion)
    graph = speckled(seed)
    found = Merging(graph, 20)
    found.go()
    assert found.owners().tolist() == one_by_one(graph, 20)


def test_a_second_pass_goes_on_with_what_the_first_could_not_place():
    graph = Graph(
        np.array([1, 2, 3]), np.array([1, 9, 9]), np.array([[0, 0], [1, 2]]), np.array([1, 2])
    )
    found = Merging(graph, 5)
    found.go({1: "a", 2: "b", 3: "b"})
    assert found.owners().tolist() == [0, 1, 2]
    found.go()
    assert found.owners().tolist() == [2, 1, 2]


def test_millions_of_regions_take_few_bytes_each():
    import tracemalloc

    graph = speckled(0, 500)
    tracemalloc.start()
    Merging(graph, 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 4 neighbors of 12 bytes, sorted; a dictionary for each region takes 232 and more
    assert peak / len(graph.labels) < 300
