"""The public workflows hold no logic of their own: each step is a target of the Makefile or a script of the project."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="a source distribution has no workflows")


def steps():
    """Each `run:` with the name of its file; where it takes its target from the matrix, once for each target."""
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        listed = re.findall(r"target: \[(.*)\]", text)
        targets = {name for line in listed for name in line.split(", ")} | set(re.findall(r"target: (\w+) }", text))
        for command in re.findall(r"^ +- run: (.*)$", text, re.MULTILINE):
            for target in targets if "$TARGET" in command else {""}:
                yield path.name, command.replace('"$TARGET"', target)


def test_each_step_is_there():
    commands = {command for _, command in steps()}
    assert {"make lint", "make test", "make sanitize", "make fuzz", "make wheels", "make sdist"} <= commands
    for command in commands:
        program, first, *_ = command.split()
        if program == "sh":
            subprocess.run(["sh", "-n", ROOT / first], check=True)
        else:
            assert program == "make", command
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{re.escape(first)}:", makefile, re.MULTILINE), command


def test_each_session_is_defined_by_noxfile():
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    sessions = re.search(r"session: \[(.*)\]", text)[1].split(", ")
    pythons = re.findall(r"Programming Language :: Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert sessions == [*(f"tests-{python}" for python in pythons), "oldest"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_no_secrets_and_use_fixed_actions(path):
    text = path.read_text(encoding="utf-8")
    assert "secrets." not in text and "pull_request_target" not in text
    assert re.search(r"^permissions:\n  contents: read\n", text, re.MULTILINE)
    actions = re.findall(r"uses: (.*)", text)
    assert actions and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action) for action in actions)
    # What comes from an event may hold anything, so a script gets it as a variable.
    assert not re.search(r"run:.*\$\{\{", text)
