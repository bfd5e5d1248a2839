# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os

from orthoweave.core.workflow.names import Tree, parts_of_shapefile

TREE = Tree("out")


def test_files_have_the_names_of_iota2():
    found = [
        TREE.labels("T31TCJ", "1", 0),
        TREE.confidence("T31TCJ", "1", 0),
        TREE.samples("1", 0),
        TREE.part("T31TCJ", 0, "val"),
        TREE.reference("T31TCJ", "Sentinel2"),
        TREE.clear_area("T31TCJ", 2),
    ]
    assert [os.path.relpath(path, "out").replace(os.sep, "/") for path in found] == [
        "classif/Classif_T31TCJ_model_1_seed_0.tif",
        "classif/T31TCJ_model_1_confidence_seed_0.tif",
        "learningSamples/Samples_region_1_seed0_learn.sqlite",
        "dataAppVal/T31TCJ_seed_0_val.sqlite",
        "features/T31TCJ/tmp/Sentinel2_T31TCJ_reference.tif",
        "features/T31TCJ/CloudThreshold_2.shp",
    ]


def test_two_sources_of_one_sensor_have_masks_of_their_own():
    assert TREE.masks("T", "Sentinel2", 0) != TREE.masks("T", "Sentinel2", 1)


def test_a_shapefile_is_four_files():
    assert parts_of_shapefile("a/b.shp") == ("a/b.shp", "a/b.shx", "a/b.dbf", "a/b.prj", "a/b.cpg")
