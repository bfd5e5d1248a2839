# SPDX-License-Identifier: GPL-2.0-or-later
"""Overviews of rasters that exist."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from osgeo import gdal

from ..errors import ImageIOError
from ..grid import Transform
from ..progress import SILENT, Progress
from ..stage import WorkingFolder, staged
from .config import config
from .copying import copy_placed
from .create import COG_SIDE, Format, arrange, heard, levels_of
from .errors import quiet, refusing
from .pyramids import fill, fill_beside, refuse_masked

OF_OVERVIEWS = ("COMPRESS", "PREDICTOR", "ZLEVEL", "JPEG_QUALITY", "WEBP_LEVEL", "INTERLEAVE")
"""Creation options that overviews can have too."""


@dataclass(frozen=True)
class Pyramid:
    """How overviews are made; no levels mean halving until the long side is below 256.

    `nodata` stands for the value that the file declares.
    """

    levels: tuple[int, ...] = ()
    resampling: str = "average"
    external: bool = False
    clean: bool = False
    form: Format = Format(())
    nodata: float | None = None


@dataclass(frozen=True)
class Stored:
    """What matters of a file here."""

    geotiff: bool
    cog: bool
    masked: bool
    """It holds a mask, of which GDAL makes no overviews beside the file."""
    classes: bool
    levels: tuple[int, ...]
    known: tuple[int, ...]
    format: Format
    transform: Transform
    files: tuple[str, ...]
    pixels: int


def stored(path: str) -> Stored:
    """Look at a file. Raises ImageIOError when it cannot be opened."""
    with refusing(f"{os.path.basename(path)} cannot be opened"):
        dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR)
    with quiet():
        band, structure = dataset.GetRasterBand(1), dataset.GetMetadata("IMAGE_STRUCTURE")
        names = {"COMPRESSION": "COMPRESS", "PREDICTOR": "PREDICTOR", "INTERLEAVE": "INTERLEAVE"}
        kept = [(names[key], value) for key, value in sorted(structure.items()) if key in names]
        sizes = [band.GetOverview(i).XSize for i in range(band.GetOverviewCount())]
        bits = band.GetMetadataItem("NBITS", "IMAGE_STRUCTURE")
        cog = structure.get("LAYOUT") == "COG"
        masked = band.GetMaskFlags() == gdal.GMF_PER_DATASET and not os.path.exists(path + ".msk")
        return Stored(
            geotiff=dataset.GetDriver().ShortName == "GTiff",
            cog=cog,
            masked=masked,
            classes=bool(band.GetColorTable() or band.GetCategoryNames() or bits == "1"),
            levels=tuple(levels_of(dataset, COG_SIDE if cog else 256)),
            known=tuple(round(dataset.RasterXSize / size) for size in sizes),
            format=Format(tuple((key, _creation(value)) for key, value in kept)),
            transform=tuple(dataset.GetGeoTransform()),
            files=tuple(dataset.GetFileList() or ()),
            pixels=dataset.RasterXSize * dataset.RasterYSize * dataset.RasterCount,
        )


def _creation(value: str) -> str:
    """What GDAL reports, as it wants it."""
    return {"YCbCr JPEG": "JPEG"}.get(value, value)


def build_overviews(path: str, how: Pyramid, progress: Progress = SILENT) -> str:
    """Add overviews to a file; return "inside", or "beside" for an .ovr file.

    Inside when the file can hold them and be changed. A Cloud-Optimized GeoTIFF is written anew
    as such. Raises ImageIOError with GDAL's reason.
    """
    found = stored(path)
    wanted = how.levels or found.levels
    changeable = os.access(path, os.W_OK)
    if found.cog and changeable and not how.external:
        _rewrite(path, replace(how, levels=wanted), found, progress)
        return "rewritten"
    inside = found.geotiff and changeable and not how.external
    mode = gdal.OF_UPDATE if inside else gdal.OF_READONLY
    title = os.path.basename(path)
    refusal = refusing(f"Overviews of {title} cannot be built")
    with _of_overviews(how.form, found), refusal:
        # GDAL puts those of files that it has opened for reading beside them
        dataset = gdal.OpenEx(path, gdal.OF_RASTER | mode)
        refuse_masked(dataset, how.nodata)
        if how.clean:
            dataset.BuildOverviews("NONE", [])
        if wanted and inside:
            fill(dataset, wanted, how.resampling, progress, how.nodata)
            _fill_mask(path + ".msk", wanted, how)
        del dataset
        if wanted and not inside:
            if found.masked:
                _fill_beside_masked(path, replace(how, levels=wanted), found, progress)
            else:
                fill_beside(path, wanted, how.resampling, progress, how.nodata)
    if how.clean and inside:
        _remove(path + ".ovr")
    return "inside" if inside else "beside"


def copy_raster(source: str, path: str, form: Format, progress: Progress = SILENT) -> None:
    """Copy a raster as GeoTIFF; byte for byte when it is one and no creation options are given."""
    found, title = stored(source), os.path.basename(path)
    with staged(path) as temporary:
        if found.geotiff and not form.options:
            shutil.copyfile(source, temporary)
        else:
            known = form if form.options else found.format
            copy_placed(source, temporary, found.transform, known, title, progress)
    for file in found.files if found.geotiff else ():
        # masks and statistics beside a file; another name for the same stem would not be found
        if file.startswith(source + "."):
            with staged(path + file[len(source) :]) as temporary:
                shutil.copyfile(file, temporary)


def _rewrite(path: str, how: Pyramid, found: Stored, progress: Progress) -> None:
    """Write a Cloud-Optimized GeoTIFF anew with its overviews."""
    title = os.path.basename(path)
    form = how.form if how.form.options else found.format
    with staged(path) as temporary:
        shutil.copyfile(path, temporary)
        with refusing(f"{title} cannot be written"):
            mode = gdal.OF_RASTER | gdal.OF_UPDATE
            dataset = gdal.OpenEx(temporary, mode, open_options=["IGNORE_COG_LAYOUT_BREAK=YES"])
            dataset.BuildOverviews("NONE", [])
            if how.levels:
                fill(dataset, how.levels, how.resampling, progress.part(0.0, 0.3), how.nodata)
            del dataset
        arrange(temporary, form, how.resampling.upper(), title, progress.part(0.3, 1.0))
    _remove(path + ".ovr")


def _fill_mask(path: str, levels: Sequence[int], how: Pyramid) -> None:
    """Build overviews of the mask beside a file, which GDAL forgets when it puts them inside."""
    if not (os.path.exists(path) and os.access(path, os.W_OK)):
        return
    dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_UPDATE)
    if how.clean:
        dataset.BuildOverviews("NONE", [])
    # means are above 0 where a pixel is valid
    fill(dataset, levels, "nearest" if how.resampling == "nearest" else "average")
    del dataset


def _fill_beside_masked(path: str, how: Pyramid, found: Stored, progress: Progress) -> None:
    """Build overviews inside of a copy, and write them with their masks as .ovr beside the file."""
    folder, name = os.path.split(os.path.abspath(path))
    kept = found.known if os.path.exists(path + ".ovr") and not how.clean else ()
    with staged(path + ".ovr") as temporary, WorkingFolder(name, folder) as place:
        copy = shutil.copyfile(path, os.path.join(place, name))
        dataset = gdal.OpenEx(copy, gdal.OF_RASTER | gdal.OF_UPDATE)
        dataset.BuildOverviews("NONE", [])
        fill(dataset, sorted({*how.levels, *kept}), how.resampling, progress.part(0.0, 0.8))
        del dataset
        source = gdal.OpenEx(copy, gdal.OF_RASTER, open_options=["OVERVIEW_LEVEL=0"])
        options = [f"{key}={value}" for key, value in _own(how.form, found).items()]
        options += ["COPY_SRC_OVERVIEWS=YES", "TILED=YES", "BIGTIFF=IF_SAFER"]
        flush, part = source.FlushCache, progress.part(0.8, 1.0)
        inner = config("GDAL_TIFF_INTERNAL_MASK", "YES")
        with inner, heard(part, flush) as callback:
            driver = gdal.GetDriverByName("GTiff")
            finished = driver.CreateCopy(temporary, source, 0, options, callback=callback)
        del finished, source, flush


@contextmanager
def _of_overviews(form: Format, found: Stored) -> Iterator[None]:
    """Compress overviews as asked for, else as the file."""
    with ExitStack() as stack:
        for key, value in _own(form, found).items():
            stack.enter_context(config(f"{key}_OVERVIEW", value))
        yield


def _own(form: Format, found: Stored) -> dict[str, str]:
    """Return the creation options that overviews can have, as asked for, else as the file's."""
    options = dict(form.options or found.format.options)
    return {key: options[key] for key in OF_OVERVIEWS if key in options}


def _remove(path: str) -> None:
    if os.path.exists(path):
        try:
            os.remove(path)
        except OSError as error:
            raise ImageIOError(f"{path} cannot be removed: {error.strerror}.") from error
