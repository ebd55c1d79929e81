"""Damaged, foreign and outdated model files are refused before anything is loaded: one verdict in Python and C++."""

from __future__ import annotations

import io
import zipfile

import pytest
import torch
from click.testing import CliRunner
from deploy.scripted_models import PROGRAM, SPEC_NAME, make_model, packed, quiet, zipped

from egaze.cli import cli
from egaze.deploy import check_model
from egaze.errors import ModelFileError


def test_a_valid_file_is_accepted(good, tmp_path, c_library):
    path = tmp_path / "model.pt"
    path.write_bytes(good)
    assert check_model(path).precision == "fp32"
    assert c_library.code_of(path) == "ok"


def jit_saved() -> bytes:
    buffer = io.BytesIO()
    with quiet():
        torch.jit.save(make_model(), buffer)
    return buffer.getvalue()


def torch_saved() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": torch.zeros(3)}, buffer)
    return buffer.getvalue()


FILES = {
    "empty": (lambda good: b"", "model_truncated", "empty"),
    "a byte": (lambda good: good[:1], "model_truncated", ""),
    "a hundredth": (lambda good: good[: len(good) // 100], "model_truncated", ""),
    "half": (lambda good: good[: len(good) // 2], "model_truncated", "is truncated"),
    "all but a byte": (lambda good: good[:-1], "model_truncated", ""),
    "more": (lambda good: good + b"\0", "model_truncated", "followed by other data"),
    "text": (lambda good: b"hello", "model_foreign", "not exported by egaze"),
    "a picture": (lambda good: b"\x89PNG\r\n\x1a\n" + bytes(500), "model_foreign", ""),
    "weights": (lambda good: torch_saved(), "model_foreign", "egaze_spec.json"),
    "another program": (lambda good: jit_saved(), "model_foreign", "egaze_spec.json"),
}


@pytest.mark.parametrize("name", FILES)
def test_truncated_and_foreign_files(good, refuse, name):
    make, code, message = FILES[name]
    refuse(make(good), code, message)


def test_no_file(tmp_path, refuse):
    refuse(tmp_path / "none.pt", "file_not_found", "no such file")
    refuse(tmp_path, "model_foreign", "not a file")


SPECS = [
    (
        {"format_version": 1},
        "model_version",
        "format version 1, this egaze reads versions 4 to 5: export the run again",
    ),
    ({"format_version": 6}, "model_version", "exported by a newer egaze"),
    ({"format_version": "4"}, "model_spec", "format_version"),
    ({"format_version": None}, "model_spec", "format_version"),
    ({"class_names": []}, "model_spec", "class_names"),
    ({"class_names": ["a", "a"]}, "model_spec", "class_names"),
    ({"input_width_px": 10**9}, "model_spec", "input_width_px"),
    ({"fit": "crop"}, "model_spec", "stretch, letterbox"),
    ({"precision": "fp8"}, "model_spec", "fp32, bf16"),
    ({"class_probs": "argmax"}, "model_spec", "softmax, sigmoid"),
    ({"label_kind": "several"}, "model_spec", "exclusive, independent"),
    ({"label_kind": "independent"}, "model_spec", "independent classes cannot have: softmax"),
    ({"thresholds": [0.5]}, "model_spec", "thresholds"),
    ({"thresholds": [0.5, None, 3]}, "model_spec", "neither null nor numbers from 0 to 2"),
    ({"thresholds": [0.5, None, 0.1]}, "model_spec", 'without a "threshold_rule"'),
    ({"threshold_rule": "Youden"}, "model_spec", "or the rule without them"),
    ({"recipe": 3}, "model_spec", "recipe"),
    ({"model_sha256": "a" * 64}, "model_digest", "SHA-256"),
    ({"model_sha256": "A" * 64}, "model_spec", "model_sha256"),
]


@pytest.mark.parametrize(("changes", "code", "message"), SPECS)
def test_specs_of_other_versions_and_invalid_specs(members, refuse, changes, code, message):
    refuse(packed(members, **changes), code, message)


@pytest.mark.parametrize("member", ["constants/2", PROGRAM, "data.pkl", "constants.pkl", f"extra/{SPEC_NAME}"])
def test_changed_contents_do_not_match_the_digest(good, refuse, member):
    with zipfile.ZipFile(io.BytesIO(good)) as file:
        contents = {info.filename.partition("/")[2]: file.read(info) for info in file.infolist()}
    if member.endswith(SPEC_NAME):
        contents[member] = contents[member].replace(b"pneumonia", b"pneumonib")
    else:
        contents[member] = bytes([contents[member][0] ^ 1]) + contents[member][1:]
    refuse(zipped(contents), "model_digest", "damaged or changed")


def test_the_command_prints_the_code(good, tmp_path):
    (tmp_path / "good.pt").write_bytes(good)
    (tmp_path / "cut.pt").write_bytes(good[:-9])
    done = CliRunner().invoke(cli, ["check", str(tmp_path / "good.pt")])
    assert done.exit_code == 0 and "proved by types and shapes" in done.output and "format_version: 4" in done.output
    done = CliRunner().invoke(cli, ["check", str(tmp_path / "cut.pt")])
    assert done.exit_code == 1 and done.output == "" and isinstance(done.exception, ModelFileError)
    assert str(done.exception).endswith("[model_truncated]") and "\n" not in str(done.exception)
