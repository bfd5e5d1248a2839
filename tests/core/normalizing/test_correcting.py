# SPDX-License-Identifier: GPL-2.0-or-later
"""RESUME and DRY_RUN where each corrected image depends on all images."""

from __future__ import annotations

import os

import numpy as np
import pytest
from orthoweave.core.operations import (
    applyadjustments,
    globalregression,
    histogrammatch,
    lirrn,
    localblockadjustment,
    pseudoinvariantfeatures,
)

GAINS = (1.0, 0.8, 1.2)


@pytest.fixture
def images(write):
    """Write three overlapping images of one scene with different gains."""
    rng = np.random.default_rng(4)
    ground = 2000 + 300 * rng.random((2, 60, 160)).cumsum(2) / 12
    paths = []
    for number, gain in enumerate(GAINS):
        col = 40 * number
        part = np.rint(ground[:, :, col : col + 80] * gain).astype(np.uint16)
        transform = (500000.0 + 10 * col, 10.0, 0.0, 5000000.0, 0.0, -10.0)
        paths.append(write(f"in/{number}.tif", part, transform=transform))
    return tuple(paths)


@pytest.fixture
def known(images, tmp_path):
    """Save gains and offsets of the images."""
    model = str(tmp_path / "model.json")
    how = {"output_folder": str(tmp_path / "m"), "output_model": model, "write_images": False}
    globalregression.run(globalregression.Request(images=images, **how))
    return model


def usual(operation, images, model):
    if operation is applyadjustments:
        return {"model": model}
    return {"reference": images[0]} if operation in (histogrammatch, lirrn) else {}


ALL = (
    globalregression,
    localblockadjustment,
    histogrammatch,
    lirrn,
    pseudoinvariantfeatures,
    applyadjustments,
)


@pytest.mark.parametrize("operation", ALL, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_plan_writes_no_image_and_a_resumed_run_keeps_what_is_complete(
    operation, images, known, tmp_path
):
    out = tmp_path / "out"
    how = {"output_folder": str(out), **usual(operation, images, known)}
    planned = operation.run(operation.Request(images=images, dry_run=True, **how))
    assert planned.output_layers == () and not list(out.glob("*.tif"))
    done = operation.run(operation.Request(images=images, resume="check", **how))
    files = sorted(out.glob("*.tif"))
    assert len(done.output_layers) == 3 and len(files) >= 3
    before = {path: path.stat().st_mtime_ns for path in files}
    again = operation.run(operation.Request(images=images, resume="check", **how))
    assert again.output_layers == done.output_layers
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_when_one_image_or_the_list_changes_all_are_corrected_anew(images, tmp_path):
    out = tmp_path / "out"
    pattern = os.path.join(os.path.dirname(images[0]), "*.tif")

    def run():
        request = globalregression.Request(
            images=(pattern,), output_folder=str(out), resume="check"
        )
        globalregression.run(request)
        return {path: path.stat().st_mtime_ns for path in sorted(out.glob("*.tif"))}

    before = run()
    os.utime(images[2], (2e9, 2e9))
    after = run()
    assert all(after[path] != before[path] for path in before)
    os.utime(images[2], (1e9, 1e9))
    assert run() == after
    os.remove(images[2])
    last = run()
    assert all(last[out / f"{n}_Global.tif"] != after[out / f"{n}_Global.tif"] for n in (0, 1))


def test_masks_named_by_a_pattern_count(images, write, tmp_path):
    out = tmp_path / "out"
    marks = [
        write(
            f"masks/{n}_use.tif",
            np.ones((1, 60, 80), np.uint8),
            transform=(5e5 + 400 * n, 10, 0, 5e6, 0, -10),
        )
        for n in range(3)
    ]

    def run():
        request = globalregression.Request(
            images=images,
            output_folder=str(out),
            resume="check",
            selection_masks=str(tmp_path / "masks" / "$_use.tif"),
        )
        globalregression.run(request)
        return [path.stat().st_mtime_ns for path in sorted(out.glob("*.tif"))]

    before = run()
    assert run() == before
    os.utime(marks[1], (2e9, 2e9))
    assert all(a != b for a, b in zip(run(), before))
