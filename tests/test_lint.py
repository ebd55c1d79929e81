"""`make lint` and the pre-commit hooks run the same."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_make_lint_and_pre_commit_run_the_same_commands():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2].partition("\n\n")[0]
    made = [line.partition("$(BIN)/")[2] for line in recipe.splitlines() if line.startswith("\t$(BIN)/")]
    hooks = re.findall(r"entry: \.venv/bin/(.*)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    # A hook gets the names of files that make finds itself.
    assert len(made) == len(hooks) and all(line.startswith(hook) for line, hook in zip(made, hooks, strict=True))
