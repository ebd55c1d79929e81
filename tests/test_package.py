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
