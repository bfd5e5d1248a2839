# SPDX-License-Identifier: GPL-2.0-or-later
"""What seam cells of many footprints cost: a grid of rotated, overlapping rectangles.

.venv/bin/python bench/partition.py --side 32
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from time import process_time

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Divide side × side footprints and print seconds and exactness."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=32)
    side = parser.parse_args().side
    _register()
    from orthoweave.core.seams.ground import Rule
    from orthoweave.core.seams.voronoi import partition
    from orthoweave.core.vector.rings import wkb_of

    footprints = [wkb_of([(ring,)]) for ring in tiles(side)]
    started = process_time()
    found = partition(footprints, Rule(pixel=0.5))
    seconds = process_time() - started
    sys.stdout.write(
        f"{len(footprints)} footprints: {seconds:.1f} CPU s, {len(found.cells)} cells, "
        f"{len(found.cuts)} cuts, gaps {found.gap_area / found.union_area:.1e}, "
        f"overlaps {found.overlap_area / found.union_area:.1e} of the union\n"
    )


def tiles(side: int) -> list[np.ndarray]:
    """Return closed rings of 1300 × 1300 map units every 1000, each turned a little."""
    rng = np.random.default_rng(1)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * 650.0
    rings = []
    for row in range(side):
        for col in range(side):
            turn = np.radians(rng.uniform(-4, 4))
            wheel = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            rings.append(corners @ wheel.T + (500000 + 1000 * col, 5000000 + 1000 * row))
    return rings


def _register() -> None:
    spec = importlib.util.spec_from_file_location(
        "orthoweave", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"{ROOT} holds no package")
    sys.modules["orthoweave"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


if __name__ == "__main__":
    main()
