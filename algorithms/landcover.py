# SPDX-License-Identifier: GPL-2.0-or-later
"""The land cover workflow, in the Toolbox."""

from __future__ import annotations

from ..core.requests import landcover
from .base import OperationAlgorithm


class LandCover(OperationAlgorithm):
    """Makes a land cover map, with confidence and accuracy, of satellite images of many tiles and
    dates, from polygons whose class is known: all steps of the group in one run.

    <b>When to use it.</b> With a folder of products of a known sensor (sensor_data/T31TCJ/…), or
    one image of a series or of features for each tile; dates of one place first become one series
    with "Stack time series". Images, polygons and their field are enough; or give the
    configuration file of iota2 (the land cover chain of CESBIO) and nothing else.

    <b>What comes out.</b> The tree of files of iota2. In the folder <i>final</i>:
    Classif_Seed_0.tif, the same with colors, Confidence_Seed_0.tif, PixelsValidity.tif (clear
    dates), diff_seed_0.tif (right and wrong), the confusion matrix as a figure, RESULTS.txt and a
    report. In <i>logs/html</i> the status page shows every task, done, failed or not reached, with
    its log.

    <b>How it works.</b> Gaps by clouds are filled, indices computed, polygons split so that none
    learns and validates, a classifier is trained and applied, and tiles are put together. Each
    tile is classified straight from its images: no files of features are written.

    <b>If it stops.</b> Start it again: what is finished and unchanged is skipped. A tile that
    fails does not stop the others; the message names the tasks that failed.

    <b>Limits.</b> The accuracy is that of the polygons: they must be typical. Several tiles need
    the Python packages SciPy and Shapely; forests and vector machines need OpenCV.
    """

    operation = landcover
    title = "Land cover map"
    group_id = "landcover"
    keywords = (
        "iota2",
        "classification",
        "time series",
        "Sentinel-2",
        "Landsat",
        "Theia",
        "workflow",
        "machine learning",
    )
