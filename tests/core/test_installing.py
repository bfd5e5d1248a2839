# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import dataclasses
import os
import sys

import pytest
from orthoweave.core.installing import DEBIAN, WANTED, Home, install_line, this_home

PYTHON = f"python3.{sys.version_info.minor}"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / PYTHON).write_text("")
    prefix = str(tmp_path)
    return Home("darwin", prefix, prefix, prefix, ())


def test_debian_and_ubuntu_get_their_own_packages(home):
    debian = dataclasses.replace(home, platform="linux", path=("/usr/lib", DEBIAN))
    assert install_line(WANTED, debian, "1.24.2") == (
        "sudo apt install python3-opencv python3-scipy python3-shapely python3-matplotlib"
    )


def test_conda_gets_packages_of_conda_forge(home, tmp_path):
    (tmp_path / "conda-meta").mkdir()
    assert install_line(WANTED, home, "1.24.2") == (
        "conda install -c conda-forge opencv scipy shapely matplotlib"
    )


def test_others_get_a_pip_line_with_the_interpreter_below_exec_prefix(home, tmp_path):
    assert install_line(("cv2", "scipy"), home, "1.26.4") == (
        f"{tmp_path}/bin/{PYTHON} -m pip install --user opencv-python-headless scipy numpy==1.26.4"
    )


def test_a_virtual_environment_is_installed_into(home):
    inside = dataclasses.replace(home, base_prefix="/usr")
    assert "--user" not in install_line(("scipy",), inside, "1.26.4")


def test_flatpak_is_entered_first(home, tmp_path):
    line = install_line(("scipy",), dataclasses.replace(home, flatpak=True), "2.0.1")
    assert line == (
        f"flatpak run --command={tmp_path}/bin/{PYTHON} org.qgis.qgis -m pip install --user scipy "
        "numpy==2.0.1"
    )


def test_windows_finds_the_program_in_the_folder_itself_and_quotes_spaces(home, tmp_path):
    folder = tmp_path / "QGIS 3"
    folder.mkdir()
    (folder / "python.exe").write_text("")
    windows = dataclasses.replace(home, platform="win32", exec_prefix=str(folder))
    program = os.path.join(str(folder), "python.exe")
    assert install_line(("scipy",), windows, "1.26.4") == (
        f'"{program}" -m pip install --user scipy numpy==1.26.4'
    )


def test_without_an_interpreter_there_is_no_line(home, tmp_path):
    lost = dataclasses.replace(home, exec_prefix=str(tmp_path / "elsewhere"))
    assert install_line(WANTED, lost, "1.26.4") is None


def test_this_python_has_a_line():
    assert install_line(WANTED, this_home(), "1.26.4")
