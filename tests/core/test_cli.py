# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core import cli, operations
from orthoweave.core.operations import installed
from orthoweave.core.options import options_of
from orthoweave.core.version import package_version
from osgeo import gdal_array

ROOT = Path(__file__).resolve().parents[2]

SHRINK = '''
"""Make images smaller, 50 % at a time.

More about it.
"""
import os
import signal
from dataclasses import dataclass

from orthoweave.core.errors import NoSolution
from orthoweave.core.options import Kind, option, result, verify
from orthoweave.core.progress import SILENT


@dataclass(frozen=True)
class Request:
    images: tuple = option(Kind.RASTERS, "Images")
    factor: float = option(Kind.NUMBER, "Factor", 0.5, minimum=-9, help="Between 0 and 100 %.")
    extent: tuple = option(Kind.EXTENT, "Extent", None)
    rule: str = option(Kind.CHOICE, "Rule", "first", choices=("first", "fail", "stop"))
    load_outputs: bool = option(Kind.FLAG, "Load outputs", True, advanced=True)
    cog: bool = option(Kind.FLAG, "COG", False, advanced=True)
    output: str = option(Kind.RASTER_OUT, "Output", None)

    def __post_init__(self):
        verify(self)


@dataclass(frozen=True)
class Result:
    output: str = result(Kind.RASTER_OUT, "Output")
    layers: tuple = result(Kind.RASTERS, "Layers")
    factor: float = result(Kind.NUMBER, "Factor used, %")
    absent: float = result(Kind.NUMBER, "Absent")


def run(request, progress=SILENT):
    progress.phase("Shrinking")
    progress.info("The factor is what was asked for.")
    progress.warn("One image is small already.")
    progress.advance(0.5)
    if request.rule == "fail":
        raise NoSolution("The images do not overlap.")
    if request.rule == "stop":
        os.kill(os.getpid(), signal.SIGINT)
        progress.check()
    progress.part(0.0, 1.0).verdict("It is small now.")
    progress.advance(1.0)
    seen.append(request)
    return Result(request.output, request.images, request.factor)


seen = []
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with one operation and one module that is none."""
    folder = tmp_path / "faked_operations"
    folder.mkdir()
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "shrink.py").write_text(SHRINK, encoding="utf-8")
    (folder / "sizes.py").write_text("LARGE = 5\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import faked_operations

    yield faked_operations
    for name in [name for name in sys.modules if name.startswith("faked_operations")]:
        del sys.modules[name]


@pytest.fixture
def request_of(package):
    """Run `shrink` with arguments and return the request that it received."""

    def run(*arguments):
        assert cli.main(["shrink", *arguments], package) == 0
        return sys.modules["faked_operations.shrink"].seen[-1]

    return run


def test_only_modules_with_request_and_run_are_operations(package):
    assert list(installed(package)) == ["shrink"]


def test_options_reach_the_request_in_their_types(request_of):
    request = request_of("--images", "a.tif", "b.tif", "--factor", "2", "--output", "m.tif")
    assert request.images == ("a.tif", "b.tif")
    assert request.factor == 2.0
    assert request.output == os.path.abspath("m.tif")
    assert request.rule == "first"


def test_an_image_list_may_be_given_name_by_name(request_of):
    assert request_of("--images=a.tif", "--images=b.tif").images == ("a.tif", "b.tif")
    assert request_of("--images", "in/*.tif").images == ("in/*.tif",)


@pytest.mark.parametrize(
    ("arguments", "cog", "load"),
    [
        ((), False, True),
        (("--cog",), True, True),
        (("--cog=true", "--load-outputs=false"), True, False),
        (("--cog", "no", "--load-outputs", "no"), False, False),
    ],
)
def test_flags_stand_alone_or_take_a_word(request_of, arguments, cog, load):
    request = request_of("--images", "a.tif", *arguments)
    assert (request.cog, request.load_outputs) == (cog, load)


@pytest.mark.parametrize("form", [["--factor", "-1.5"], ["--factor=-1.5"], ["--factor", "-15e-1"]])
def test_negative_numbers_are_values(request_of, form):
    assert request_of("--images", "a.tif", *form).factor == -1.5


def test_an_extent_may_start_with_a_minus(request_of):
    request = request_of("--images", "a.tif", "--extent", "-10,20,-5,5")
    assert request.extent == (-10.0, 20.0, -5.0, 5.0)


def test_the_result_is_shown_as_lines_without_what_is_absent(package, capsys):
    cli.main(["shrink", "--images", "a.tif", "b.tif", "--output", "m.tif"], package)
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "Layers: a.tif",
        "Layers: b.tif",
        "Factor used: 0.5 %",
        f"Output: {os.path.abspath('m.tif')}",
    ]
    assert told.err == "Warning: One image is small already.\nIt is small now.\n"


def test_numbers_are_shown_with_the_digits_that_mean_something(package, capsys):
    given = ["shrink", "--images", "a.tif", "--output", "m.tif", "--factor", "0.14873885103286824"]
    cli.main(given, package)
    assert "Factor used: 0.148738851 %\n" in capsys.readouterr().out


def test_the_result_is_json_when_asked(package, capsys):
    cli.main(["shrink", "--images", "ä.tif", "--output", "m.tif", "--json"], package)
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "layers": ["ä.tif"],
        "factor": 0.5,
        "output": os.path.abspath("m.tif"),
    }
    assert "ä.tif" in told.out


def test_decisions_are_told_when_verbose(package, capsys):
    cli.main(["shrink", "--images", "a.tif", "--verbose"], package)
    assert capsys.readouterr().err.splitlines() == [
        "Shrinking",
        "The factor is what was asked for.",
        "Warning: One image is small already.",
        "It is small now.",
    ]


def test_how_good_the_result_is_is_always_said_but_not_among_the_json(package, capsys):
    cli.main(["shrink", "--images", "a.tif", "--json"], package)
    told = capsys.readouterr()
    assert told.err.splitlines() == ["Warning: One image is small already.", "It is small now."]
    assert "small" not in told.out and json.loads(told.out)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["shrink"], "Images (IMAGES) is missing."),
        (["shrink", "--images", "a.tif", "--factor", "-10"], "Factor: -10 is below -9."),
        (
            ["shrink", "--images", "a.tif", "--rule", "frist"],
            "Rule: 'frist' is not one of first, fail, stop. Did you mean first?",
        ),
        (
            ["shrink", "--images", "a.tif", "--factr", "3"],
            "--factr is not an option of shrink. Did you mean --factor?",
        ),
        (["shrink", "--images", "a.tif", "--zzz=3"], "--zzz is not an option of shrink."),
        (
            ["shrink", "--images", "a.tif", "--fact", "3"],
            "--fact is not an option of shrink. Did you mean --factor?",
        ),
        (["shrink", "--images"], "Argument --images: expected at least one argument."),
        ([], "Name an operation: shrink. --help says more."),
        (["shrink", "--images", "a.tif", "--rule", "fail"], "The images do not overlap."),
    ],
)
def test_a_mistake_gives_one_sentence_and_status_1(package, capsys, arguments, sentence):
    assert cli.main(arguments, package) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1] == sentence


def test_an_unknown_operation_is_refused_with_the_nearest_one(package, capsys):
    assert cli.main(["shrnk"], package) == 1
    told = "shrnk is not an operation. Did you mean shrink? --help lists them all.\n"
    assert capsys.readouterr().err == told


def test_ctrl_c_ends_with_130_and_gives_the_signal_back(package, capsys):
    before = signal.getsignal(signal.SIGINT)
    assert cli.main(["shrink", "--images", "a.tif", "--rule", "stop"], package) == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert capsys.readouterr().err.splitlines()[-1].startswith("Stopped")


def test_another_thread_may_run_it(package, capsys):
    ended = []
    arguments = ["shrink", "--images", "a.tif"]
    worker = threading.Thread(target=lambda: ended.append(cli.main(arguments, package)))
    worker.start()
    worker.join()
    assert ended == [0]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(written: str) -> list[str]:
    """What stays readable on a terminal: each line after its last carriage return."""
    return [line.split("\r")[-1].strip() for line in written.rstrip("\n").split("\n")]


def test_a_terminal_shows_a_moving_line_that_never_goes_back():
    stream = Terminal()
    with cli.Lines(stream, threading.Event()) as progress:
        progress.phase("Writing")
        for fraction in (0.1, 0.5, 0.3, 1.5):
            progress.advance(fraction)
        progress.warn("One image is dark.")
    written = stream.getvalue()
    percents = [int(found) for found in re.findall(r"(\d+) % Writing", written)]
    assert percents == [0, 10, 50, 100]
    assert shown(written) == ["Warning: One image is dark."]


def test_a_file_gets_no_moving_line():
    stream = io.StringIO()
    with cli.Lines(stream, threading.Event()) as progress:
        progress.phase("Writing")
        progress.advance(0.5)
    assert stream.getvalue() == ""


def test_help_lists_every_operation_with_its_sentence(package, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"], package)
    assert ended.value.code == 0
    assert re.search(r"shrink\s+Make images smaller, 50 % at a time\.", capsys.readouterr().out)


def test_help_of_an_operation_says_what_its_options_say(package, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["shrink", "--help"], package)
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "More about it." in told
    for name, declared in options_of(installed(package)["shrink"].Request).items():
        assert f"--{name.replace('_', '-')} " in told
        assert declared.summary in told


def test_the_version_is_that_of_the_metadata(package, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"], package)
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"orthoweave {package_version()}\n"


def test_every_operation_of_the_package_has_a_face_here(capsys):
    known = installed(operations)
    assert known
    for name in known:
        with pytest.raises(SystemExit) as ended:
            cli.main([name, "--help"])
        assert ended.value.code == 0
        told = capsys.readouterr().out
        for option in options_of(known[name].Request):
            assert f"--{option.replace('_', '-')} " in told


def test_it_runs_as_a_module_of_any_folder_called_orthoweave(tmp_path):
    (tmp_path / "orthoweave").symlink_to(ROOT, target_is_directory=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "orthoweave.core.cli"]
    told = subprocess.run(
        [*command, "mergerasters", "--images", "none-*.tif", "--output", str(tmp_path / "m.tif")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert told.stdout == ""
    assert len(told.stderr.splitlines()) == 1
    assert "none-*.tif" in told.stderr


def test_the_line_in_the_side_car_repeats_a_run(write, tmp_path, capsys):
    values = np.arange(64 * 48, dtype="uint16").reshape(48, 64) + 7
    aside = (500200.0, 10.0, 0.0, 4999900.0, 0.0, -10.0)
    images = [write("a.tif", values, nodata=0)]
    images.append(write("b.tif", values + 900, nodata=0, transform=aside))
    output = tmp_path / "m.tif"
    given = ["--rule", "minimum", "--extent=499900,500500,4999500,5000000", "--output-nodata", "5"]
    given += ["--build-overviews", "no", "--output", str(output)]
    assert cli.main(["mergerasters", "--images", *images, *given]) == 0
    before = gdal_array.LoadFile(str(output))
    line = json.loads(Path(f"{output}.orthoweave.json").read_text(encoding="utf-8"))["command"][1]
    output.unlink()
    words = shlex.split(line)
    assert cli.main(words[words.index("mergerasters") :]) == 0
    assert (gdal_array.LoadFile(str(output)) == before).all()
    assert len(np.unique(before)) > 1000
