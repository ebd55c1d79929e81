"""What `egaze info` tells, and what it does not."""

import getpass
import importlib.metadata
import json
import os
import re
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import egaze
from egaze.cli import cli, installation


def info(*words):
    done = CliRunner().invoke(cli, ["info", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_info_is_for_people():
    said = info()
    assert "joint" in said and "JPEG 2000" in said and "no decoder" not in said
    assert f"numpy {importlib.metadata.version('numpy')}" in said and "devices: cpu (" in said
    assert max(map(len, said.splitlines())) <= 120


def test_info_as_json_has_what_a_report_of_a_fault_needs():
    facts = json.loads(info("--json"))
    assert facts["egaze"] == egaze.__version__
    assert facts["packages"]["torch"] == importlib.metadata.version("torch")
    assert facts["extras"]["dicom"].keys() == {"highdicom"} and "test" not in facts["extras"]
    assert facts["compiled_module"]["simd"] in facts["compiled_module"]["simd_levels"]
    assert facts["compiled_module"]["compiler"].startswith(("GCC ", "Clang "))
    assert facts["radiographs"]["libraries"]["pillow"] == importlib.metadata.version("pillow")
    assert all(facts["radiographs"]["dicom"].values())


def test_info_does_not_tell_whose_it_is(tmp_path, monkeypatch):
    home = tmp_path / "mustermann"
    home.mkdir()
    runner = home / "egaze-run"
    runner.write_text("#!/bin/sh\nprintf 'egaze-run 9.9.9, torch 9\\nnpy: yes\\ndicom: no\\n'\n")
    runner.chmod(0o755)
    monkeypatch.chdir(home)
    for name, value in {"HOME": home, "USER": "mustermann", "EGAZE_PACS_PASSWORD": "geheim", "PATH": home}.items():
        monkeypatch.setenv(name, str(value))
    for said in (info(), info("--json")):
        assert "egaze-run 9.9.9" in said and "EGAZE_PACS_PASSWORD" in said
        source = str(Path(egaze.__file__).parent)
        for secret in ("mustermann", "geheim", str(tmp_path), source, sys.prefix, os.path.expanduser("~")):
            assert secret not in said
        words = set(said.replace('"', " ").split())
        assert not {getpass.getuser(), socket.gethostname()} & words
    assert "npy yes, dicom no" in info()


def test_info_goes_on_where_something_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    monkeypatch.setattr("shutil.which", lambda program: None)
    monkeypatch.delenv("EGAZE_RUN", raising=False)
    monkeypatch.setenv("EGAZE_SIMD", "mmx")
    versions = installation.version
    missing = {"highdicom", "pillow"}

    def version(package):
        if package in missing:
            raise importlib.metadata.PackageNotFoundError(package)
        return versions(package)

    monkeypatch.setattr(installation, "version", version)
    said = info()
    assert "devices: torch cannot be imported (ModuleNotFoundError)" in said
    assert "  pillow is missing" in said and "  dicom: without highdicom" in said
    assert "egaze-run: not on the PATH" in said and re.search("set in the environment: .*EGAZE_SIMD", said)


@pytest.mark.parametrize("words", [("--json", "--encoders"), ("--encoders", "resnet*", "--json")])
def test_one_thing_is_told_at_a_time(words):
    assert CliRunner().invoke(cli, ["info", *words]).exit_code == 2


def test_info_lists_encoders():
    names = CliRunner().invoke(cli, ["info", "--encoders"]).output.split()
    assert names == sorted(names) and len(names) > 300
    assert {"tf_efficientnet_b0", "resnet18", "mobilenetv3_small_050", "convnext_atto", "regnetx_002"} <= set(names)
    counted = CliRunner().invoke(cli, ["info", "--encoders", "resnet1[08]"]).output.splitlines()
    assert [line.split() for line in counted] == [["resnet18", "11.2", "M", "parameters"]]
    none = CliRunner().invoke(cli, ["info", "--encoders", "vit_*"])
    assert none.exit_code == 1 and "no encoder is named 'vit_*'" in str(none.exception or none.output)
