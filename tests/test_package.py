import ast
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


def test_predicting_imports_neither_timm_nor_what_trains():
    script = "import sys, egaze; egaze.Predictor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"timm", "torchvision", "sklearn", "matplotlib", "egaze.training", "egaze.targets", "egaze.models"}
    assert not heavy & set(done.stdout.split())


# What Python has on Linux and macOS only.
POSIX_ONLY = ("fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")


def test_nothing_imports_what_only_posix_has():
    source = next(Path(folder) for folder in egaze.__path__ if (Path(folder) / "__init__.py").exists())
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & set(POSIX_ONLY), f"{path}:{node.lineno}"


def test_reading_heatmaps_and_predictor_do_without_what_only_posix_has(tmp_path):
    script = f"""
import sys
sys.modules.update(dict.fromkeys({POSIX_ONLY}))  # importing them fails
import numpy as np
import egaze
fixations = egaze.Fixations(x_px=[3], y_px=[4], duration_s=[0.2])
heatmap = egaze.rasterize_fixations(fixations, (16, 16), sigma_px=2)
np.save("radiograph.npy", heatmap / heatmap.max())
assert egaze.read_radiograph("radiograph.npy").pixels[4, 3] == 1
assert egaze.resize(heatmap, (8, 8)).shape == (8, 8)
try:
    egaze.Predictor("radiograph.npy")
except egaze.errors.ModelFileError:
    print("done")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "done\n", done.stderr
