"""What `make` says where a machine lacks something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


def check(python=sys.executable, folder=PROJECT, **environment):
    command = ["sh", PROJECT / "cmake" / "check_machine.sh", python, folder]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()[1:]


def test_each_missing_thing_is_a_line_with_its_command():
    code, lines = check("no-python", CXX="no-compiler")
    assert code == 1 and len(lines) == 2
    assert "missing: Python 3.10 or newer (no-python does not run" in lines[0] and "python3-dev" in lines[0]
    assert "missing: a C++20 compiler" in lines[1] and "apt-get install g++" in lines[1] and "no-compiler" in lines[1]


@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="no compiler")
def test_headers_venv_and_age(tmp_path):
    hook = tmp_path / "sitecustomize.py"
    hook.write_text("import sysconfig; sysconfig.get_path = lambda *names: '/nowhere'")
    code, (line,) = check(PYTHONPATH=str(tmp_path))
    assert code == 1 and "headers (Python.h): apt-get install python3" in line and "-dev" in line
    hook.write_text("import sys; sys.modules['ensurepip'] = None")
    code, (line,) = check(PYTHONPATH=str(tmp_path))
    assert code == 1 and "venv: apt-get install python3" in line
    hook.write_text("import sys; sys.version_info = (3, 9, 2)")
    code, (line,) = check(PYTHONPATH=str(tmp_path))
    assert code == 1 and "Python 3.10 or newer" in line and "is 3.9" in line


def test_too_little_disk_is_told(tmp_path):
    df = tmp_path / "df"
    df.write_text("#!/bin/sh\necho Filesystem\necho disk 9 9 2000000 9% /\n")
    df.chmod(0o755)
    code, lines = check(folder=tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}", TMPDIR="/tmp")
    assert code == 1 and f"GB of free disk in {tmp_path} (there are 2)" in "\n".join(lines)
