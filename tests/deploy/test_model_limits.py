"""The limits on a model's program have the same names, defaults and effects in Python, C and both commands."""

from __future__ import annotations

import ctypes
import re
from ctypes import c_char_p, c_void_p
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from deploy import running
from deploy.c_library import Checks
from deploy.c_library import ModelLimits as CModelLimits
from deploy.scripted_models import make_model, save_model

from egaze import _core
from egaze.cli import cli
from egaze.deploy import EXPORTS, ModelLimits, Predictor, check_model, export_run, export_torchscript
from egaze.deploy.spec import read_model
from egaze.errors import EgazeError, ModelFileError

NAMES = ["nodes", "nesting", "bytes_at_work", "multiplications"]
EXCEEDED = [("nodes", 3), ("nesting", 1), ("bytes_at_work", 1000), ("multiplications", 1000)]
LARGEST = {name: largest for name, _, largest in _core.model_limits()}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("limits") / "model.pt", make_model())


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    np.save(image := tmp_path_factory.mktemp("image") / "image.npy", np.zeros((32, 24), np.uint8))
    return image


def test_the_names_and_defaults_are_those_of_cpp():
    assert asdict(ModelLimits()) == {name: default for name, default, _ in _core.model_limits()}
    assert [name for name, _ in CModelLimits._fields_] == list(asdict(ModelLimits())) == NAMES


@pytest.mark.parametrize(("name", "value"), EXCEEDED)
def test_a_program_that_exceeds_a_limit_is_refused_everywhere(path, image, c_library, runner, name, value):
    for read in (check_model, Predictor):
        with pytest.raises(ModelFileError, match=f"limit {name}={value}") as caught:
            read(path, limits=ModelLimits(**{name: value}))
        assert caught.value.code == "model_operator"
    refusal = str(caught.value)
    assert c_library.code_of(path, **{name: value}) == "model_operator" and c_library.error() == refusal
    option = f"--model-limit={name}={value}"
    for words, message in [(["check"], f"{refusal} [model_operator]"), (["predict", str(image)], refusal)]:
        done = CliRunner().invoke(cli, [words[0], str(path), *words[1:], option])
        assert done.exit_code == 1 and str(done.exception) == message
    assert running.run(runner, path, image, option, code=1).stderr == f"egaze-run: {refusal}\n"


def test_a_program_within_the_limits_is_accepted_everywhere(path, image, c_library, runner):
    check_model(path, limits=ModelLimits(**LARGEST))
    assert c_library.code_of(path, **LARGEST) == "ok"
    assert c_library.code_of(path, nodes=1000) == "ok"  # the other limits are 0, which means their defaults
    options = [f"--model-limit={name}={value}" for name, value in LARGEST.items()]
    for words in (["check", str(path)], ["predict", str(path), str(image)]):
        assert CliRunner().invoke(cli, [*words, *options]).exit_code == 0
    assert running.run(runner, path, image, *options).stderr == ""


def test_the_check_says_which_limits_a_program_needs(path):
    needed = read_model(path).proof._asdict()
    assert 0 < needed.pop("seconds") < 10
    printed = CliRunner().invoke(cli, ["check", str(path)]).output
    for name, value in needed.items():
        assert re.search(rf"\b{value:,}\b", printed)
        check_model(path, limits=ModelLimits(**{name: value}))
        with pytest.raises(ModelFileError, match=name):
            check_model(path, limits=ModelLimits(**{name: value - 1}))


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_out_of_range_is_named(path, image, c_library, runner, name):
    expected = f"{name} must be a whole number from 1 to {LARGEST[name]}, got"
    for value in (0, -1, LARGEST[name] + 1, 1 << 70, 1.5, True, "7", None):
        with pytest.raises(ValueError, match=expected):
            ModelLimits(**{name: value})
    for value in (-1, LARGEST[name] + 1):
        assert c_library.code_of(path, **{name: value}) == "invalid_argument"
        assert c_library.error() == f"the limit {name} must be from 1 to {LARGEST[name]}, got {value}"
    for value in ("0", "-1", str(LARGEST[name] + 1), "9" * 5000, "1.5", "1e3", "1_000", "\u0663", "many", ""):
        option = f"--model-limit={name}={value}"
        for words in (["check", str(path)], ["predict", str(path), str(image)]):
            done = CliRunner().invoke(cli, [*words, option])
            assert done.exit_code == 2 and expected in done.output
        said = running.run(runner, path, image, option, code=2).stderr
        assert f"--model-limit {name} takes a number from 1 to {LARGEST[name]}, got '{value}'" in said
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["operators=3"], "one of nodes, nesting, bytes_at_work, multiplications, got 'operators=3'"),
        (["=3"], "one of nodes, nesting, bytes_at_work, multiplications, got '=3'"),
        (["nodes=3", "nesting=7", "nodes=4"], "nodes is given twice"),
        (["nodes"], "NAME=VALUE"),
    ],
)
def test_wrong_options_are_explained(path, image, runner, options, message):
    words = [word for option in options for word in ("--model-limit", option)]
    for command in (["check", str(path)], ["predict", str(path), str(image)]):
        done = CliRunner().invoke(cli, [*command, *words])
        assert done.exit_code == 2 and message in done.output
    said = running.run(runner, path, image, *words, code=2).stderr
    assert message in said and said.count("\n") == 1


def test_the_help_names_every_limit_with_its_default(runner):
    texts = [CliRunner().invoke(cli, [command, "--help"]).output for command in ("check", "predict")]
    for text in [*texts, running.run(runner, "--help").stdout]:
        for name, value in asdict(ModelLimits()).items():
            assert name in text and str(value) in text


def test_an_export_is_held_to_the_limits_too(run, tmp_path, monkeypatch):
    path, few = tmp_path / "model.pt", ModelLimits(nodes=3)
    with pytest.raises(EgazeError, match="cannot be exported: its program has more operators than the limit nodes=3"):
        export_run(run, path, limits=few)
    done = CliRunner().invoke(cli, ["export", str(run.path), str(path), "--model-limit", "nodes=3"])
    assert done.exit_code == 1 and "limit nodes=3" in str(done.exception) and not path.exists()
    monkeypatch.setitem(EXPORTS._own, "other", export_torchscript)
    with pytest.raises(EgazeError, match="'other' has no limits"):
        export_run(run, path, format="other", limits=few)


def test_c_refuses_keys_that_are_null(path, c_library):
    handle, create = c_void_p(), c_library.lib.egaze_create_checked
    for keys in (None, (c_char_p * 1)(None)):
        checks = Checks(keys, 1, CModelLimits())
        status = create(str(path).encode(), None, 0, ctypes.byref(checks), ctypes.byref(handle))
        assert c_library.lib.egaze_status_name(status) == b"invalid_argument" and "NULL" in c_library.error()
