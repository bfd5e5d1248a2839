# SPDX-License-Identifier: GPL-2.0-or-later
"""What every test has at hand: the package, rasters made from arrays, real data, silence."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
TRANSFORM = (500000.0, 10.0, 0.0, 5000000.0, 0.0, -10.0)
OTHERS_WARNINGS = (  # of QGIS's own Python code and the modules it imports
    "ignore::DeprecationWarning:(processing|qgis|pytest_qgis|console|osgeo|plugins)",
    "ignore::PendingDeprecationWarning:(processing|qgis|osgeo)",
    "ignore::ResourceWarning",
    "ignore:.*distutils:DeprecationWarning",
)


class Hidden(importlib.abc.MetaPathFinder):
    """Refuses to import packages, as on a machine that does not have them."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.packages = packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise ImportError for the hidden packages and everything below them."""
        if name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --hide, and --qgis_disable_init where pytest-qgis is not installed."""
    parser.addoption("--hide", default="", help="packages to hide: cv2,scipy,shapely,matplotlib")
    with contextlib.suppress(ValueError):  # pytest-qgis has added it
        parser.addoption("--qgis_disable_init", action="store_true", help="run without QGIS")


def pytest_configure(config: pytest.Config) -> None:
    """Hide packages, and let QGIS have its own warnings."""
    hidden = tuple(name for name in config.getoption("--hide").split(",") if name)
    if hidden:
        sys.meta_path.insert(0, Hidden(hidden))
        for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
            del sys.modules[name]
    # pyproject.toml makes every warning an error
    for line in OTHERS_WARNINGS:
        config.addinivalue_line("filterwarnings", line)
    config.addinivalue_line("markers", "noisy: the test expects messages of GDAL")


def register() -> None:
    """Make the repository importable as `orthoweave`, whatever its folder is called."""
    if "orthoweave" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "orthoweave", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["orthoweave"] = module
        spec.loader.exec_module(module)


register()


@pytest.fixture(autouse=True)
def silence(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Fail a test in which GDAL says something; a test marked `noisy` may look at the list."""
    gdal = pytest.importorskip("osgeo.gdal")
    heard: list[str] = []

    def hear(level: int, _number: int, text: str) -> None:
        if level >= gdal.CE_Warning:
            heard.append(text)

    gdal.SetErrorHandler(hear)
    yield heard
    gdal.SetErrorHandler("CPLDefaultErrorHandler")
    if heard and request.node.get_closest_marker("noisy") is None:
        pytest.fail(f"GDAL said: {heard}")


class Heard:
    """The words of a run, and the fractions of its progress."""

    def __init__(self, cancel_after: int | None = None) -> None:
        self.fractions: list[float] = []
        self.phases: list[str] = []
        self.infos: list[str] = []
        self.warnings: list[str] = []
        self.asked = 0
        self.cancel_after = cancel_after

    def cancelled(self) -> bool:
        """Return True from the given number of questions on."""
        self.asked += 1
        return self.cancel_after is not None and self.asked > self.cancel_after


@pytest.fixture
def listen() -> Callable[..., Any]:
    """Make a Progress that keeps what it hears: listen() or listen(cancel_after=3)."""
    from orthoweave.core.progress import Progress

    class Listener(Heard, Progress):
        def advance(self, fraction: float) -> None:
            self.fractions.append(fraction)

        def phase(self, text: str) -> None:
            self.phases.append(text)

        def info(self, text: str) -> None:
            self.infos.append(text)

        def warn(self, text: str) -> None:
            self.warnings.append(text)

    return Listener


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write an array as a raster in tmp_path with plain GDAL and return its path.

    write("a.tif", array[, nodata=0, transform=(x, a, b, y, d, e), crs="EPSG:32633" or None,
    alpha=array, mask=array, names=("red",), options=("TILED=YES",), driver="GTiff"])
    """

    def make(name: str, array: Any, **how: Any) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_raster(path, array, **how)
        return str(path)

    return make


def write_raster(path: Path, array: Any, **how: Any) -> None:
    """Write array[row, col] or array[band, row, col]; see the fixture `write`."""
    import numpy as np
    from osgeo import gdal, gdal_array, osr

    bands = np.atleast_3d(array) if np.ndim(array) < 2 else np.asarray(array)
    bands = bands[np.newaxis] if bands.ndim == 2 else bands
    alpha = how.get("alpha")
    if alpha is not None:
        bands = np.concatenate([bands, np.asarray(alpha, bands.dtype)[np.newaxis]])
    count, height, width = bands.shape
    code = gdal_array.NumericTypeCodeToGDALTypeCode(bands.dtype.type)
    options = [*how.get("options", ()), *(["ALPHA=NO"] if alpha is not None else [])]
    driver = gdal.GetDriverByName(how.get("driver", "GTiff"))
    dataset = driver.Create(str(path), width, height, count, code, options)
    transform = how.get("transform", TRANSFORM)
    if transform is not None:
        dataset.SetGeoTransform(transform)
    crs = how.get("crs", "EPSG:32633")
    if crs:
        reference = osr.SpatialReference()
        reference.SetFromUserInput(crs)
        dataset.SetProjection(reference.ExportToWkt())
    if how.get("nodata") is not None:
        for band in range(1, count + 1 - (alpha is not None)):
            dataset.GetRasterBand(band).SetNoDataValue(how["nodata"])
    for band, text in enumerate(how.get("names", ()), 1):
        dataset.GetRasterBand(band).SetDescription(text)
    if alpha is not None:
        dataset.GetRasterBand(count).SetColorInterpretation(gdal.GCI_AlphaBand)
    for band in range(count):
        dataset.GetRasterBand(band + 1).WriteArray(bands[band])
    if how.get("mask") is not None:
        dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
        usable = np.where(np.asarray(how["mask"]) != 0, 255, 0).astype("uint8")
        dataset.GetRasterBand(1).GetMaskBand().WriteArray(usable)
    dataset.FlushCache()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real imagery; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the real imagery is not at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def dialogs(qgis_iface: Any) -> Iterator[Any]:
    """Put real objects behind QGIS's interface: dialogs refuse anything else."""
    import qgis.utils
    from qgis.gui import QgsBrowserGuiModel, QgsLayerTreeView, QgsMessageBar
    from qgis.PyQt.QtWidgets import QMainWindow

    window, browser = QMainWindow(), QgsBrowserGuiModel()
    bar, tree = QgsMessageBar(window), QgsLayerTreeView(window)
    canvas = qgis_iface.mapCanvas()
    for name, value in (
        ("mainWindow", window),
        ("mapCanvas", canvas),
        ("mapCanvases", [canvas]),
        ("browserModel", browser),
        ("messageBar", bar),
        ("activeLayer", None),
        ("layerTreeView", tree),
    ):
        setattr(qgis_iface, name, lambda value=value: value)
    qgis.utils.iface = qgis_iface
    yield qgis_iface
    window.close()


@pytest.fixture(scope="session")
def toolbox(qgis_app: Any, dialogs: Any) -> Iterator[Any]:
    """Start Processing with Orthoweave in it; the value is QGIS's registry of algorithms."""
    import processing
    from orthoweave.plugin import OrthoweavePlugin
    from processing.core.Processing import Processing
    from qgis.core import QgsApplication

    assert processing.createAlgorithmDialog
    Processing.initialize()
    plugin = OrthoweavePlugin(dialogs)
    plugin.initGui()
    yield QgsApplication.processingRegistry()
    plugin.unload()


def qgis_process_path() -> str | None:
    """Return the real binary: Debian's wrapper adds an option that the program refuses."""
    if shutil.which("dpkg"):
        listed = subprocess.run(["dpkg", "-L", "qgis"], capture_output=True, text=True, check=False)
        for line in listed.stdout.splitlines():
            if line.endswith("qgis_process.bin"):
                return line
    return shutil.which("qgis_process")


@pytest.fixture(scope="session")
def headless(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call qgis_process in a profile of its own: headless("list") -> CompletedProcess."""
    program = qgis_process_path()
    if program is None:
        pytest.skip("qgis_process is not installed")
    box = tmp_path_factory.mktemp("box")
    for name in ("plugins", "home", "run"):
        (box / name).mkdir(mode=0o700)
    (box / "plugins" / "orthoweave").symlink_to(ROOT)
    changed = {
        "HOME": str(box / "home"),
        "QGIS_CUSTOM_CONFIG_PATH": str(box / "config"),
        "QGIS_PLUGINPATH": str(box / "plugins"),
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(box / "run"),
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def call(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments],
            env={**os.environ, **changed},
            cwd=cwd or box,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    call.enabled = call("plugins", "enable", "orthoweave")  # type: ignore[attr-defined]
    return call
