"""`make lint` and the pre-commit hooks run the same, and clang-tidy passes over nothing."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def test_make_lint_and_pre_commit_run_the_same_commands():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2].partition("\n\n")[0]
    made = [line.partition("$(BIN)/")[2] for line in recipe.splitlines() if line.startswith("\t$(BIN)/")]
    hooks = re.findall(r"entry: \.venv/bin/(.*)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    # A hook gets the names of files that make finds itself.
    assert len(made) == len(hooks) and all(line.startswith(hook) for line, hook in zip(made, hooks, strict=True))


def test_each_excluded_check_has_its_reason():
    checks = "".join((ROOT / folder / ".clang-tidy").read_text(encoding="utf-8") for folder in (".", "tests"))
    excluded = re.findall(r"^ +- -(?!\*)(\S+)(.*)$", checks, re.MULTILINE)
    assert excluded
    assert [check for check, reason in excluded if not re.match(r" +# \w+", reason)] == []
    sources = [path for folder in ("csrc", "tests/cpp", "tests/fuzz") for path in (ROOT / folder).rglob("*.*pp")]
    silenced = [line for path in sources for line in path.read_text(encoding="utf-8").splitlines() if "NOLINT" in line]
    assert silenced
    reasoned = re.compile(r"// NOLINT(NEXTLINE|BEGIN)?\([a-z-]+(, [a-z-]+)*\): \w")
    assert [line for line in silenced if "NOLINTEND(" not in line and not reasoned.search(line)] == []


@pytest.fixture
def clang_tidy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """cmake/clang_tidy.py for a small project, with a clang-tidy that finds the word `fault` in a file."""
    spec = importlib.util.spec_from_file_location("clang_tidy_script", ROOT / "cmake" / "clang_tidy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for folder in ("build/lint", "csrc/examples", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "csrc" / "one.cpp").write_text('#include "outer.hpp"\n')
    (tmp_path / "csrc" / "outer.hpp").write_text('#include "part/inner.hpp"\n')
    (tmp_path / "csrc" / "part").mkdir()
    (tmp_path / "csrc" / "part" / "inner.hpp").write_text("// nothing\n")
    (tmp_path / "csrc" / "two.cpp").write_text("#include <vector>\n")
    (tmp_path / "csrc" / "nowhere.cpp").write_text("// built by no target\n")
    (tmp_path / ".clang-tidy").write_text("Checks: [bugprone-*]\n")
    entries = [
        {"directory": str(tmp_path), "file": str(tmp_path / "csrc" / name), "command": f"c++ -c {name} -o {target}.o"}
        for name, target in (("one.cpp", "one"), ("two.cpp", "two"), ("two.cpp", "two_again"))
    ]
    (tmp_path / "build" / "lint" / "compile_commands.json").write_text(json.dumps(entries))
    fake = tmp_path / "bin" / "clang-tidy"
    fake.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        "if sys.argv[1] == '--version': sys.exit(print('version 1'))\n"
        "if 'fault' in pathlib.Path(sys.argv[-1]).read_text(): sys.exit(print(sys.argv[-1] + ': found') or 1)\n"
    )
    fake.chmod(0o755)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "BUILD", tmp_path / "build" / "lint")
    monkeypatch.setattr(module, "BIN", tmp_path / "bin")
    monkeypatch.setattr(module, "configure", lambda: None)
    return module


def test_clang_tidy_checks_what_has_changed(clang_tidy, tmp_path, capsys):
    def lint() -> tuple[int, str]:
        clang_tidy.included_names.cache_clear()
        return clang_tidy.main(), capsys.readouterr().out

    code, said = lint()
    assert code == 0 and "2 files, 2 of them changed" in said
    assert "csrc/nowhere.cpp is not checked" in said
    assert "2 files, 0 of them changed" in lint()[1]

    (tmp_path / "csrc" / "part" / "inner.hpp").write_text("// a change two headers away\n")
    assert "2 files, 1 of them changed" in lint()[1]
    (tmp_path / ".clang-tidy").write_text("Checks: [performance-*]\n")
    assert "2 files, 2 of them changed" in lint()[1]

    # A finding is repeated until it is mended.
    (tmp_path / "csrc" / "two.cpp").write_text("// a fault\n")
    for _ in range(2):
        code, said = lint()
        assert code == 1 and "1 of them changed" in said and "two.cpp: found" in said
    (tmp_path / "csrc" / "two.cpp").write_text("// mended\n")
    assert lint()[0] == 0


def test_clang_tidy_says_why_it_cannot_begin(clang_tidy):
    with pytest.raises(SystemExit, match="no-such-file"):
        clang_tidy.output(sys.executable, "no-such-file.py")
    assert subprocess.run([sys.executable, ROOT / "cmake" / "clang_tidy.py", "--help"]).returncode == 0
