# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import threading

import pytest
from orthoweave.core.errors import ImageIOError
from orthoweave.core.raster.errors import quiet, refusing
from osgeo import gdal


def fail(text="no such thing."):
    gdal.Error(gdal.CE_Failure, gdal.CPLE_AppDefined, text)


def test_a_failure_becomes_one_sentence():
    sentence = r"^a\.tif cannot be read: no such thing\.$"
    with pytest.raises(ImageIOError, match=sentence), refusing("a.tif cannot be read"):
        fail("no  such\nthing.")


def test_the_sentence_is_the_same_with_the_exceptions_of_gdal():
    gdal.UseExceptions()
    try:
        sentence = r"^x cannot be opened: .*none\.tif"
        with pytest.raises(ImageIOError, match=sentence), refusing("x cannot be opened"):
            gdal.OpenEx("/none.tif", gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR)
    finally:
        gdal.DontUseExceptions()


def test_warnings_and_older_failures_count_for_nothing():
    with quiet():
        fail()
    with refusing("x"):
        gdal.Error(gdal.CE_Warning, gdal.CPLE_AppDefined, "well")


def test_quiet_is_over_at_the_end(silence):
    with quiet():
        fail()
    assert not silence
    gdal.Error(gdal.CE_Debug, gdal.CPLE_AppDefined, "nothing")


def test_threads_do_not_hear_of_each_other():
    ready, done = threading.Event(), threading.Event()
    caught = []

    def other():
        try:
            with refusing("other"):
                ready.set()
                done.wait(5)
        except ImageIOError as error:
            caught.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait(5)
    with pytest.raises(ImageIOError), refusing("mine"):
        fail()
    done.set()
    thread.join()
    assert not caught


def test_a_failure_without_reason_says_so():
    with pytest.raises(ImageIOError, match="x: GDAL gives no reason."), refusing("x"):
        raise RuntimeError
