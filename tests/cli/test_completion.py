"""Completion by the shell: what is offered, how soon, and in the shells that are there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.cli.completing import FORMATS, METHODS
from egaze.cli.recipe_keys import RECIPE_KEYS

EGAZE = Path(sys.executable).with_name("egaze")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a study, a run, a set of runs, a model file and what is none of these."""
    for file in ("study/study.json", "run/run.json", "runs/runs.json", "raw/notes.txt", "model.pt", "mine.toml"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path)


def offered(line):
    """What bash is offered for a line, as (kind, value); and what was imported for it."""
    script = "import sys; sys.argv = ['egaze']; from egaze.cli import main\ntry: main()\n"
    script += "finally: print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    told = {"_EGAZE_COMPLETE": "bash_complete", "COMP_LINE": line, "COMP_WORDBREAKS": " =:"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, **told})
    assert done.returncode == 0, done.stderr
    return [tuple(item.split(",", 1)) for item in done.stdout.split()], set(done.stderr.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("egaze tra", ["train"]),
        ("egaze study v", ["verify"]),
        ("egaze gaze im", ["import"]),
        ("egaze prepare egd-cxr --gaze-t", ["--gaze-table"]),
        ("egaze prepare egd-cxr --gaze g --fit l", ["letterbox"]),
        ("egaze prepare table cases.csv --fi", ["--fixations", "--fit"]),
        ("egaze prepare vin", ["vindr-cxr"]),
        ("egaze train ", ["study"]),
        ("egaze evaluate ", ["run", "runs"]),
        ("egaze predict ", ["model.pt"]),
        ("egaze train study --recipe j", ["joint"]),
        ("egaze train study --recipe m", ["mine.toml"]),
        ("egaze train study --set stages.mon", ["stages.monitor="]),
        ("egaze train study --set stages.monitor=heatmap_n", ["heatmap_nss"]),
        ("egaze tune study --set model.encoder=resnet18", ["resnet18", "resnet18d"]),
        ("egaze heatmaps study --kinds heatmap,o", ["heatmap,overlay"]),
        ("egaze gaze import a.asc --detect i", ["ivt", "idt"]),
    ],
)
def test_what_is_offered_comes_without_slow_imports(folder, line, expected):
    found, imported = offered(line)
    assert found == [("plain", value) for value in expected]
    assert not imported & {"torch", "timm", "numpy", "polars"}


def test_any_file_is_offered_where_nothing_is_of_the_kind(folder):
    assert offered("egaze predict model.pt r")[0] == [("file", "r")]
    assert offered("egaze train ra")[0] == [("dir", "ra")]


def test_words_that_are_repeated_are_those_of_the_packages():
    from egaze.gaze.events import FIXATION_METHODS
    from egaze.gaze.formats import GAZE_FORMATS
    from egaze.gaze.heatmap import Weight
    from egaze.models import POOLINGS
    from egaze.targets import class_heatmaps, control
    from egaze.training import load_recipe, recipe, stage
    from egaze.training.losses import CLASSIFICATION_LOSSES
    from egaze.tuning.keys import key_types

    assert (tuple(FIXATION_METHODS), tuple(GAZE_FORMATS)) == (METHODS, FORMATS)
    types = {key: kind for key, kind in key_types(load_recipe("joint")).items() if not key.startswith("stages.0.")}
    assert list(RECIPE_KEYS) == list(types)
    values = {
        "heatmap_target": recipe.HEATMAP_TARGETS,
        "choose_on": recipe.CHOOSERS,
        "order.kind": recipe.ORDERS,
        "model.weights": ("none", "imagenet"),
        "model.pooling": POOLINGS,
        "heatmap.weight": Weight.__args__,
        "heatmap.prior": recipe.PRIORS,
        "control.gaze": control.GAZE,
        "class_heatmaps.gaze": class_heatmaps.GAZE,
        "class_heatmaps.regions": class_heatmaps.REGIONS,
        "stages.classification_loss": tuple(CLASSIFICATION_LOSSES),
        "stages.optimizer": stage.OPTIMIZERS,
        "stages.schedule": stage.SCHEDULES,
        "stages.monitor": stage.MONITORS,
        **{key: ("true", "false") for key, kind in types.items() if kind is bool},
    }
    assert {key: offered for key, offered in RECIPE_KEYS.items() if offered} == values


def script(shell):
    printed = CliRunner().invoke(cli, ["completion", shell])
    assert printed.exit_code == 0
    return printed.output


def in_shell(shell, *words):
    if shutil.which(shell) is None or not EGAZE.is_file():
        pytest.skip(f"no {shell} here, or no program egaze")
    there = {**os.environ, "PATH": f"{EGAZE.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([shell, *words], capture_output=True, text=True, env=there)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [("egaze tra", ["train"]), ("egaze train study --set model.encoder=resnet18", ["resnet18", "resnet18d"])],
)
def test_bash_replaces_its_own_last_word(folder, line, expected):
    # compopt, which asks for a place at a prompt, is put out of action.
    asked = f'compopt() {{ :; }}; COMP_LINE="{line}"; COMP_POINT={len(line)}; _egaze_completion egaze'
    assert in_shell("bash", "-c", script("bash") + asked + '; printf "%s\\n" "${COMPREPLY[@]}"') == expected


def test_fish_shows_what_commands_do(folder):
    found = in_shell("fish", "--no-config", "-c", script("fish") + "\ncomplete -C 'egaze tra'")
    assert [item.split("\t")[0] for item in found] == ["train"] and found[0].endswith("or in cross-validation.")


def test_zsh_takes_the_script(folder):
    checked = in_shell("zsh", "-f", "-c", f"compdef() {{ print $@ }}\n{script('zsh')}")
    assert checked == ["_egaze_completion egaze"]
