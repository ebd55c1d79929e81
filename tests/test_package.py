import os
import subprocess
import sys
from pathlib import Path

import pytest

import egaze


def test_every_public_name_is_there():
    for name in egaze.__all__:
        assert getattr(egaze, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        egaze.nonsense  # noqa: B018


def test_the_c_plus_plus_package_is_installed():
    prefix = egaze.cmake_prefix()
    assert (prefix / "include/egaze/heatmap.hpp").is_file()
    assert (prefix / "lib/cmake/egaze/egazeConfig.cmake").is_file()
    assert (prefix / "share/egaze/runtime/CMakeLists.txt").is_file()


def test_without_the_compiled_module_the_error_says_how_to_build_it(tmp_path):
    (tmp_path / "egaze").mkdir()
    source = next(Path(folder) for folder in egaze.__path__ if (Path(folder) / "__init__.py").exists())
    (tmp_path / "egaze" / "__init__.py").write_text((source / "__init__.py").read_text(encoding="utf-8"))
    script = f"import sys; sys.meta_path = sys.meta_path[-3:]; sys.path.insert(0, {str(tmp_path)!r}); import egaze"
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode != 0 and "did you forget to build it? Run `pip install .`" in done.stderr


def test_heatmaps_need_no_torch():
    script = "import sys, egaze; egaze.rasterize_fixations, egaze.read_radiograph; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


#: Of the standard library, and not there on Windows.
POSIX_ONLY = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")

WITHOUT_THEM = """
import importlib, sys
sys.dont_write_bytecode = True
# What egaze stands on sees to itself.
for name in ("PIL.Image", "filelock", "lightning_fabric", "matplotlib.figure", "multiprocessing.pool", "numpy",
             "polars", "pydicom", "rich.progress", "scipy.stats", "sklearn.metrics", "subprocess", "timm", "torch",
             "torchvision"):
    importlib.import_module(name)
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in {names}:
            raise ModuleNotFoundError(f"{{name}} is POSIX's only", name=name)
for name in {names}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocked())
import egaze
for name in egaze.__all__:
    getattr(egaze, name)
import egaze.cli, egaze.pictures, egaze.report, egaze.explain
for name in egaze.cli.COMMANDS:
    egaze.cli.cli.get_command(None, name)
"""


def test_nothing_needs_a_module_that_only_posix_has():
    script = WITHOUT_THEM.format(names=POSIX_ONLY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


PROJECT = Path(__file__).parent.parent


def check_machine(python, gigabytes=0, **environment):
    """Lines of what the machine lacks."""
    done = subprocess.run(
        ["sh", PROJECT / "cmake" / "check_machine.sh", str(python), str(gigabytes)],
        capture_output=True, text=True, cwd=PROJECT, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == (1 if done.stderr else 0) and not done.stdout
    return done.stderr.splitlines()


def test_what_the_machine_lacks_is_said_in_a_line_each(tmp_path):
    assert check_machine(sys._base_executable) == []
    (tmp_path / "python").write_text(
        f'#!/bin/sh\ncase "$2" in *ensurepip*|*Python.h*) exit 1;; esac\nexec {sys._base_executable} "$@"\n'
    )
    (tmp_path / "old-compiler").write_text("#!/bin/sh\nexit 1\n")
    for program in tmp_path.iterdir():
        program.chmod(0o755)
    lines = check_machine(tmp_path / "python", 10**6, CXX=str(tmp_path / "old-compiler"))
    for line, words in zip(
        lines, (["python3-venv"], ["Python.h", "python3-dev"], ["C++20"], ["1000000 GB"]), strict=True
    ):
        assert line.startswith("egaze needs ") and all(word in line for word in words)
    (line,) = check_machine("no-such-python")
    assert "Python 3.10 to 3.13" in line
    (tmp_path / "python").write_text('#!/bin/sh\ncase "$2" in *sys.exit*) exit 1;; *) echo 3.9.1;; esac\n')
    (line,) = check_machine(tmp_path / "python")
    assert f"{tmp_path / 'python'} is 3.9.1" in line
