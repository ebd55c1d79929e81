"""What is imported before anything is done: --help, completion and `import egaze` answer at once."""

import json
import subprocess
import sys

import pytest

from egaze.cli.prepare import _UNCERTAIN
from egaze.labels import UNCERTAIN

# Packages beside Python's own and egaze that may be imported.
ALLOWED = {"import": set(), "egaze --help": {"click"}}
BY_ANY_HELP = {"click", "filelock", "rich"}

SCRIPT = """
import json, sys
started = set(sys.modules)  # what an editable installation needs itself

def others():
    loaded = {name.partition(".")[0] for name in set(sys.modules) - started}
    return sorted(loaded - set(sys.stdlib_module_names) - {"egaze"})

import egaze
# Reading the version takes longer than all else that `import egaze` does.
slow = {"importlib.metadata"} & (set(sys.modules) - started)
found = {"import": [*others(), *slow]}
from egaze.cli import cli
import click

def ask(command, name):
    with click.Context(command, info_name=name) as context:
        command.get_help(context)
        found[f"{name} --help"] = others()
        if isinstance(command, click.Group):
            for part in command.list_commands(context):
                ask(command.get_command(context, part), f"{name} {part}")

ask(cli, "egaze")
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def imported():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_importing_egaze_imports_no_other_package(imported):
    assert imported["import"] == []


def test_no_help_imports_more_than_it_is_printed_with(imported):
    assert {"egaze train --help", "egaze gaze import --help", "egaze prepare vindr-cxr --help"} <= set(imported)
    # Everything ran in one process, so the first line that differs names the culprit.
    for asked, packages in imported.items():
        assert set(packages) <= ALLOWED.get(asked, BY_ANY_HELP), asked


def test_what_help_repeats_is_what_the_package_says():
    assert _UNCERTAIN == UNCERTAIN
