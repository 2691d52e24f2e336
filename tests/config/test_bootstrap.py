"""`config/bootstrap.py` on machines that lack something: one line says what, and nothing is half made."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo import ROOT

BOOTSTRAP = ROOT / "config" / "bootstrap.py"
OLDEST_SYNTAX = (3, 5)


@pytest.fixture
def checkout(tmp_path):
    """A folder with the bootstrap alone, and an empty folder of programs to put in front of PATH."""
    (tmp_path / "config").mkdir()
    shutil.copy(BOOTSTRAP, tmp_path / "config")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / "bin").mkdir()
    return tmp_path


def _program(folder, name, script):
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _bootstrap(checkout, before=""):
    """Run the bootstrap, `before` in its module first; standard error is with the output."""
    code = f"import runpy, sys\n{before}\nsys.argv = ['bootstrap.py', 'production']\n"
    code += f"runpy.run_path({str(checkout / 'config' / 'bootstrap.py')!r}, run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": f"{checkout / 'bin'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def _only_line(done):
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout
    [line] = done.stdout.splitlines()
    assert line.startswith("error: ")
    return line


def test_an_old_python_can_read_it():
    ast.parse(BOOTSTRAP.read_text(), feature_version=OLDEST_SYNTAX)


def test_it_needs_nothing_but_the_standard_library():
    tree = ast.parse(BOOTSTRAP.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert names <= set(sys.stdlib_module_names)


def test_an_old_python_is_said_in_one_line(checkout):
    line = _only_line(_bootstrap(checkout, "sys.version_info = (3, 8, 10)"))

    assert "3.11" in line
    assert "3.8" in line
    assert "make run PYTHON=" in line
    assert not (checkout / ".venv").exists()


def test_an_old_python_takes_a_newer_one_it_finds(checkout):
    _program(checkout, "python3.12", f'echo "$@" >> {checkout}/asked; [ "$1" = -c ] && exit 0; exit 1')

    done = _bootstrap(checkout, "sys.version_info = (3, 8, 10)")

    assert "-m venv" in (checkout / "asked").read_text()
    assert "this folder writable" in done.stdout


def test_a_missing_venv_module_is_said_in_one_line(checkout):
    _program(checkout, "python3", "exit 1")

    line = _only_line(_bootstrap(checkout, f"sys.executable = {str(checkout / 'bin' / 'python3')!r}"))

    assert "apt-get install python3-venv" in line
    assert not (checkout / ".venv").exists()


def test_a_folder_where_no_environment_can_be_made_is_said(checkout):
    (checkout / ".venv").write_text("in the way")

    done = _bootstrap(checkout)

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("error: The folder .venv could not be made")
    assert "Traceback" not in done.stdout


def test_packages_that_cannot_be_had_are_said(checkout):
    python = _environment(checkout, installs=False)

    done = _bootstrap(checkout)

    assert done.returncode == 1
    assert "package registry" in done.stdout.splitlines()[-1]
    assert not (checkout / ".venv" / ".installed-production").exists()
    assert "--require-hashes" in python.with_name("asked").read_text()


def test_pip_takes_over_where_uv_fails(checkout):
    _environment(checkout, installs=True)

    done = _bootstrap(checkout)

    assert done.returncode == 0, done.stdout
    assert "with pip" in done.stdout
    assert (checkout / ".venv" / ".installed-production").exists()


def test_a_second_run_installs_nothing(checkout):
    python = _environment(checkout, installs=True, uv=True)
    first = _bootstrap(checkout)
    asked = python.with_name("asked")
    asked.write_text("")

    second = _bootstrap(checkout)

    assert (first.returncode, second.returncode) == (0, 0), first.stdout
    assert "install" not in asked.read_text()
    assert second.stdout == ""


def test_changed_requirements_are_installed(checkout):
    python = _environment(checkout, installs=True, uv=True)
    _bootstrap(checkout)
    asked = python.with_name("asked")
    asked.write_text("")
    with (checkout / "requirements" / "production.txt").open("a") as file:
        file.write("# changed\n")

    _bootstrap(checkout)

    assert "uv pip install" in asked.read_text()


def _environment(checkout, *, installs, uv=False) -> Path:
    """Put a Python into .venv that notes what it is asked and does as told; returns its path."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    answers = {"--version": 0, "uv": 0 if uv else 1, "pip": 0 if installs else 1}
    python.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {python.with_name("asked")}\n'
        f'case "$*" in *--version*) exit 0;; *"-m uv"*) exit {answers["uv"]};; *) exit {answers["pip"]};; esac\n'
    )
    python.chmod(0o755)
    return python
