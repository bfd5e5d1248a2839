# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import math
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.options import Kind, build, option, options_of, result
from orthoweave.core.progress import SILENT
from orthoweave.core.provenance import commands, recorded, repetition, side_car_path, versions
from orthoweave.core.requests import Images
from orthoweave.core.version import package_version

KEYS = {
    *("algorithm", "version", "request", "inputs", "outputs", "result", "warnings", "versions"),
    *("started", "seconds", "peak_memory_mb", "command"),
}


@dataclass(frozen=True)
class Request(Images):
    extent: tuple[float, ...] | None = option(Kind.EXTENT, "Extent", None)
    names: tuple[str, ...] = option(Kind.NAMES, "Names", ())
    factor: float = option(Kind.NUMBER, "Factor", 1.0)
    cog: bool = option(Kind.FLAG, "COG", False)
    output: str | None = option(Kind.RASTER_OUT, "Output", None)
    output_folder: str | None = option(Kind.FOLDER_OUT, "Folder", None)


@dataclass(frozen=True)
class Result:
    output: str | None = result(Kind.RASTER_OUT, "Output")
    output_layers: tuple[str, ...] | None = result(Kind.RASTERS, "Images")
    count: int | None = result(Kind.INTEGER, "Count")
    spread: float | None = result(Kind.NUMBER, "Spread")


def named(function, algorithm):
    function.__module__ = f"orthoweave.core.operations.{algorithm}"
    return recorded(function)


@pytest.fixture
def image(write):
    return write("my image.tif", np.ones((2, 3, 4), "uint8"), nodata=0)


def side_car(path):
    return json.loads(Path(f"{path}.orthoweave.json").read_text(encoding="utf-8"))


def merged(request, progress=SILENT):
    """Make a file, as an operation does."""
    progress.warn("Something is odd.")
    progress.warn("Something is odd.")
    Path(request.output).write_text("pixels")
    return Result(request.output, count=3, spread=math.nan)


def test_everything_about_a_run_stands_beside_its_output(tmp_path, image, listen):
    output, heard = str(tmp_path / "mosaic.tif"), listen()
    wanted = Request(images=(image,), output=output, nodata=math.nan)
    named(merged, "pretend")(wanted, heard)
    facts = side_car(output)
    assert set(facts) == KEYS
    assert facts["algorithm"] == "pretend"
    assert facts["version"] == package_version()
    assert set(facts["request"]) == set(options_of(Request))
    assert facts["outputs"] == {"output": output}
    assert facts["result"] == {"count": 3, "spread": "nan"}
    assert facts["warnings"] == ["Something is odd."] == heard.warnings
    assert facts["started"].endswith("+00:00") and facts["seconds"] >= 0
    assert facts["peak_memory_mb"] > 10


def test_inputs_are_listed_with_size_and_bands(tmp_path, image):
    output = str(tmp_path / "out" / "mosaic.tif")
    Path(output).parent.mkdir()
    named(merged, "pretend")(Request(images=(str(tmp_path),), output=output))
    (found,) = side_car(output)["inputs"]
    assert found["path"] == image
    assert found["bytes"] == Path(image).stat().st_size
    assert (found["size"], found["bands"]) == ([4, 3], 2)
    assert found["modified"].startswith("20")


def test_an_output_in_the_folder_of_the_inputs_is_not_an_input(tmp_path, image):
    output = str(tmp_path / "mosaic.tif")
    named(merged, "pretend")(Request(images=(str(tmp_path),), output=output))
    assert [one["path"] for one in side_car(output)["inputs"]] == [image]


def test_the_request_of_a_side_car_can_be_used_again(tmp_path, image):
    output = str(tmp_path / "mosaic.tif")
    wanted = Request(images=(image,), output=output, extent=(0, 1.5, -2, 3), names=("a", "b"))
    named(merged, "pretend")(wanted)
    assert build(Request, side_car(output)["request"]) == wanted


def test_many_outputs_share_one_side_car_in_their_folder(tmp_path, image):
    def many(request, progress=SILENT):
        (Path(request.output_folder) / "a.tif").write_text("")
        return Result(output_layers=("a.tif",))

    named(many, "regress")(Request(images=(image,), output_folder=str(tmp_path)))
    assert (tmp_path / "regress.orthoweave.json").exists()
    assert side_car(tmp_path / "regress")["outputs"] == {"output_layers": ["a.tif"]}


def test_a_failed_run_leaves_no_side_car(tmp_path, image):
    def failing(request, progress=SILENT):
        raise InvalidOption("No.")

    with pytest.raises(InvalidOption):
        named(failing, "fail")(Request(images=(image,), output=str(tmp_path / "m.tif")))
    assert not list(tmp_path.glob("*.json"))


def test_a_run_inside_a_run_writes_its_own_and_warnings_reach_both(tmp_path, image, listen):
    inner = named(merged, "inner")

    def whole(request, progress=SILENT):
        inner(Request(images=request.images, output=str(tmp_path / "step.tif")), progress)
        Path(request.output).write_text("")
        return Result(request.output)

    heard = listen()
    named(whole, "outer")(Request(images=(image,), output=str(tmp_path / "m.tif")), heard)
    assert side_car(tmp_path / "step.tif")["algorithm"] == "inner"
    assert side_car(tmp_path / "m.tif")["warnings"] == ["Something is odd."] == heard.warnings


def test_the_plain_function_stays_reachable():
    assert recorded(merged).__wrapped__ is merged
    assert recorded(merged).__doc__ == merged.__doc__


def test_a_dry_run_and_a_run_without_outputs_have_no_side_car():
    @dataclass(frozen=True)
    class Dry:
        output: str = "m.tif"
        dry_run: bool = True

    assert side_car_path("x", Dry(), Result()) is None
    assert side_car_path("x", Request(images=("a.tif",)), Result()) is None


def test_commands_repeat_the_run_and_leave_defaults_out(tmp_path, image):
    wanted = Request(
        images=(image,),
        output=str(tmp_path / "m n.tif"),
        extent=(-1.0, 2.0, 0.5, 3.0),
        names=("a", "b"),
        cog=True,
        factor=2,
    )
    qgis, plain = map(shlex.split, commands("pretend", wanted))
    given = [f"={image}", "=-1,2,0.5,3", "=a,b", "=2", "=true", f"={tmp_path / 'm n.tif'}"]
    names = ["images", "extent", "names", "factor", "cog", "output"]
    assert qgis[:3] == ["qgis_process", "run", "orthoweave:pretend"]
    assert qgis[3:] == [f"--{name.upper()}{text}" for name, text in zip(names, given)]
    assert plain[:4] == ["python", "-m", "orthoweave.core.cli", "pretend"]
    assert plain[4:] == [f"--{name}{text}" for name, text in zip(names, given)]


def test_relative_paths_become_absolute_in_commands(tmp_path, monkeypatch, image):
    monkeypatch.chdir(tmp_path)
    wanted = Request(images=("my image.tif",), output="m.tif")
    words = shlex.split(commands("pretend", wanted)[0])
    assert words[3:] == [f"--IMAGES={image}", f"--OUTPUT={tmp_path / 'm.tif'}"]


def test_versions_name_what_computes_and_do_not_import_anything():
    found = versions()
    assert found["numpy"] == np.__version__
    assert found["GDAL"] and found["Python"]
    assert {"QGIS", "OpenCV", "SciPy", "Shapely", "Matplotlib"} <= set(found)
    about = repetition("pretend", Request(images=("a.tif",)))
    assert about.request["images"] == ["a.tif"] and len(about.commands) == 2
