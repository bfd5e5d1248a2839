# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that many requests share, written once, with their checks."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidOption
from ..options import Kind, option, verify

RESAMPLINGS = ("nearest", "bilinear", "cubic", "lanczos", "average")
TYPES = ("same", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")


@dataclass(frozen=True)
class Threads:
    """Where windows are worked on."""

    threads: int = option(
        Kind.INTEGER,
        "Threads",
        0,
        minimum=0,
        maximum=1024,
        advanced=True,
        help="Number of threads; 0 uses every processor.",
    )
    scheduler: str | None = option(
        Kind.TEXT,
        "Dask scheduler",
        None,
        advanced=True,
        help="Address of a Dask scheduler, or the file that it wrote: windows are worked on by its "
        "workers; empty: by threads here. The result is the same.",
    )

    def __post_init__(self) -> None:
        """Check the options; a request with checks of its own calls this first."""
        verify(self)


@dataclass(frozen=True)
class Memory(Threads):
    """The windows in which pixels are computed and written."""

    memory: int = option(
        Kind.INTEGER,
        "Memory",
        256,
        unit="MiB",
        minimum=64,
        maximum=65536,
        advanced=True,
        help="Upper limit of the buffers of the windows that are written.",
    )
    window_size: int = option(
        Kind.INTEGER,
        "Window size",
        0,
        unit="px",
        minimum=0,
        maximum=65536,
        advanced=True,
        help="Side of the windows in which pixels are computed; 0 chooses it. "
        "The result does not depend on it.",
    )

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if 0 < self.window_size < 16:
            raise InvalidOption(f"Window size: {self.window_size} is below 16.")


@dataclass(frozen=True)
class Images(Threads):
    """The images of a run."""

    images: tuple[str, ...] = option(
        Kind.RASTERS,
        "Images",
        help="Files, folders or patterns. A folder means its *.tif, *.tiff, *.vrt and *.jp2.",
    )
    nodata: float | None = option(
        Kind.NUMBER,
        "Nodata value",
        None,
        finite=False,
        advanced=True,
        help="Replaces the declared nodata value of all images; empty keeps theirs.",
    )
    skip_unreadable: bool = option(
        Kind.FLAG,
        "Skip unreadable images",
        False,
        advanced=True,
        help="Leave out images that cannot be opened, with a warning, instead of stopping.",
    )


@dataclass(frozen=True)
class Writing(Memory):
    """How rasters are written."""

    output_type: str = option(
        Kind.CHOICE,
        "Output type",
        "same",
        choices=TYPES,
        advanced=True,
        help="Pixel type of the output; same: the type of the image, or the one that holds all.",
    )
    cog: bool = option(
        Kind.FLAG,
        "Cloud-optimized GeoTIFF",
        False,
        advanced=True,
        help="Write a Cloud-Optimized GeoTIFF, which always has overviews.",
    )
    creation_options: str | None = option(
        Kind.CREATION,
        "Creation options",
        "COMPRESS=DEFLATE|PREDICTOR=auto|TILED=YES",
        advanced=True,
        help="GDAL creation options of the GeoTIFF, KEY=VALUE separated by |. PREDICTOR=auto is "
        "2 for whole numbers and 3 for decimal numbers. Empty: the default; COMPRESS=NONE for "
        "uncompressed files",
    )
    build_overviews: bool = option(
        Kind.FLAG,
        "Build overviews",
        False,
        advanced=True,
        help="Add overviews, so that the image opens fast at every scale.",
    )


@dataclass(frozen=True)
class ManyOutputs:
    """One output image for each input image."""

    output_folder: str = option(
        Kind.FOLDER_OUT, "Output folder", help="Created when absent; nothing in it is deleted."
    )
    name_pattern: str = option(
        Kind.TEXT,
        "Names of the outputs",
        "$",
        advanced=True,
        help="$ is the image's name; an extension is added when missing.",
    )
    load_outputs: bool = option(
        Kind.FLAG,
        "Load outputs",
        True,
        advanced=True,
        help="Load the results into the project.",
    )


@dataclass(frozen=True)
class OneMosaic:
    """The grid and nodata value of one output made of many images."""

    output_nodata: float | None = option(
        Kind.NUMBER,
        "Output nodata value",
        None,
        finite=False,
        advanced=True,
        help="Value written where no image is valid; empty: NODATA, else the first declared one, "
        "else an alpha band or mask.",
    )
    extent: tuple[float, ...] | None = option(
        Kind.EXTENT,
        "Extent",
        None,
        advanced=True,
        help="Part of the ground to write, in the output CRS; empty: all images.",
    )
    crs: str | None = option(
        Kind.CRS, "CRS", None, advanced=True, help="CRS of the output; empty: of the first image."
    )
    resolution: str | float = option(
        Kind.CHOICE_OR_NUMBER,
        "Resolution",
        "highest",
        choices=("highest", "average", "lowest"),
        help="Pixel size of the output: that of the finest, average or coarsest image, or a "
        "number in map units.",
    )
    tap: bool = option(
        Kind.FLAG,
        "Snap to pixel multiples",
        False,
        advanced=True,
        help="Put the corners of the output on multiples of the pixel size.",
    )
    resampling: str = option(
        Kind.CHOICE,
        "Resampling",
        "bilinear",
        choices=RESAMPLINGS,
        advanced=True,
        help="Used only for images that do not lie on the pixels of the output.",
    )


@dataclass(frozen=True)
class StatisticsMask:
    """Polygons that limit which pixels are looked at."""

    vector_mask: str | None = option(
        Kind.VECTOR,
        "Polygons for statistics",
        None,
        help="Polygons inside (or outside) which pixels are looked at; the output is complete.",
    )
    mask_mode: str = option(
        Kind.CHOICE,
        "Polygon mode",
        "include",
        choices=("include", "exclude"),
        advanced=True,
        help="Whether pixels inside or outside the polygons are used.",
    )
    mask_field: str | None = option(
        Kind.FIELD,
        "Field of the polygons",
        None,
        parent="vector_mask",
        advanced=True,
        help="Only polygons whose value equals the image's name count for it; empty: all.",
    )


@dataclass(frozen=True)
class UsedPixels(StatisticsMask):
    """All that limits which pixels are looked at."""

    selection_masks: str | None = option(
        Kind.TEXT,
        "Masks for statistics",
        None,
        advanced=True,
        help="Rasters whose nonzero pixels are used in statistics, one for each image: a path with "
        "$ for the image's name, or a folder with files called $_PIF.",
    )
    ignore_saturated: bool = option(
        Kind.FLAG,
        "Ignore saturated pixels",
        True,
        advanced=True,
        help="Pixels at the top of the range of uint8 (255) and uint16 (from 65280), which are "
        "saturated or wrapped round below 0, take no part in statistics.",
    )


@dataclass(frozen=True)
class CorrectedOutputs(ManyOutputs):
    """One corrected image for each input image, unless only the model is wanted."""

    write_images: bool = option(
        Kind.FLAG,
        "Write the images",
        True,
        advanced=True,
        help="No: estimate, and save model and report only.",
    )


@dataclass(frozen=True)
class PairBands:
    """Which bands of a moving image and its reference are compared."""

    moving_band: int = option(
        Kind.BAND,
        "Band of the moving image",
        1,
        minimum=1,
        parent="moving",
        advanced=True,
        help="Number of the band that is compared.",
    )
    reference_band: int = option(
        Kind.BAND,
        "Band of the reference",
        1,
        minimum=1,
        parent="reference",
        advanced=True,
        help="Number of the band that is compared.",
    )


@dataclass(frozen=True)
class ImageField:
    """The attribute that ties polygons to images."""

    image_field_name: str = option(
        Kind.TEXT,
        "Field with the image's name",
        "image",
        advanced=True,
        help="Attribute of polygons that holds the name of their image.",
    )


@dataclass(frozen=True)
class EdgeTrim:
    """Whether the rim round invalid pixels of a result is cut, and how."""

    edge_trim: bool = option(
        Kind.FLAG,
        "Trim edges",
        False,
        advanced=True,
        help="Cut the rim round invalid pixels of the result, as the tool of that name does.",
    )
    edge_trim_depth: int = option(
        Kind.INTEGER,
        "Depth of trimmed edges",
        8,
        unit="px",
        minimum=0,
        advanced=True,
        help="Pixels so near to an invalid one, along rows and columns, become nodata.",
    )
    edge_trim_band: int = option(
        Kind.INTEGER,
        "Band for trimmed edges",
        1,
        minimum=0,
        advanced=True,
        help="Band in which invalid pixels are looked for; 0: in all.",
    )
    edge_trim_below: float | None = option(
        Kind.NUMBER,
        "Invalid up to",
        None,
        advanced=True,
        help="With trimmed edges, values up to this one are invalid too; empty: none.",
    )
    edge_trim_above: float | None = option(
        Kind.NUMBER,
        "Invalid from",
        None,
        advanced=True,
        help="With trimmed edges, values from this one on are invalid too; empty: none.",
    )


@dataclass(frozen=True)
class Planned:
    """What happens to outputs that exist already, and whether anything is written at all.

    `core.write.write` and `write_all` follow both; an operation that has these options and writes
    by other means asks `core.resuming` itself.
    """

    resume: str = option(
        Kind.CHOICE,
        "Resume",
        "no",
        choices=("no", "exists", "check"),
        advanced=True,
        help="no: everything is written anew. exists: outputs that exist are kept. check: they are "
        "kept when size, bands, type and the stored request are those of this run",
    )
    dry_run: bool = option(
        Kind.FLAG,
        "Plan only",
        False,
        advanced=True,
        help="Check, plan and estimate, and say what would be written, without writing images.",
    )


@dataclass(frozen=True)
class Calculated:
    """The precision of calculations."""

    calculation_type: str = option(
        Kind.CHOICE,
        "Calculation type",
        "auto",
        choices=("auto", "float32", "float64"),
        advanced=True,
        help="Precision of calculations; auto: float64 for 32-bit whole numbers and 64-bit types, "
        "else float32",
    )
