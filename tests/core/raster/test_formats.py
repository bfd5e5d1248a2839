# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from orthoweave.core.raster import formats


def test_geotiff_is_written_and_deflate_is_known():
    assert formats.formats()["GTiff"] == "reads and writes"
    assert formats.compressions()["DEFLATE"] is True
    assert formats.gdal_version()[0].isdigit()


def test_a_format_that_gdal_lacks_is_absent(monkeypatch):
    monkeypatch.setattr(formats, "FORMATS", ("NoSuchFormat",))
    assert formats.formats() == {"NoSuchFormat": "absent"}
