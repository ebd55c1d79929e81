"""The commands that take a model file take ONNX, and a signature says who made it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from egaze.cli import cli
from egaze.deploy import Predictor, check_model
from egaze.errors import EgazeError, ModelFileError

pytest.importorskip("onnxruntime")


def egaze(*words: object) -> str:
    done = CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=True)
    if done.exception is not None:
        raise done.exception
    return done.stdout


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path, made = tmp_path_factory.mktemp("key") / "key.pem", Ed25519PrivateKey.generate()
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.with_name("key.pub.pem").write_bytes(public)
    return path


@pytest.fixture(scope="module")
def signed(run, key, tmp_path_factory):
    path = tmp_path_factory.mktemp("signed") / "model.onnx"
    said = egaze("export", run.path, path, "--sign", key, "--thresholds", "youden")
    assert "normal, chf, pneumonia; 64x64 px input, fp32" in said and f"signed with {key}" in said
    return path


@pytest.fixture
def radiographs(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(3):
        np.save(tmp_path / "in" / f"{number}.npy", np.random.default_rng(number).random((50, 60), np.float32))
    (tmp_path / "in" / "3.png").write_bytes(b"nothing")
    return tmp_path / "in"


def test_check_shows_the_spec(signed, key):
    said = egaze("check", signed, "--trust", key.with_name("key.pub.pem"))
    assert "class_names: normal, chf, pneumonia" in said and "is signed by the trusted key" in said
    assert "the program is proved by types and shapes" in said and "multiplications" in said
    with pytest.raises(ModelFileError, match=r"limit nodes=9 \[model_operator\]"):
        egaze("check", signed, "--model-limit", "nodes=9")


def test_a_signature_is_verified(signed, key, tmp_path):
    trusted, content = [key.with_name("key.pub.pem")], signed.read_bytes()
    Predictor(signed, trust=trusted)
    at = content.rindex(b"egaze_signature")
    unsigned = content[: content.rindex(b"\x72", 0, at)]
    start = at + len(b"egaze_signature") + 3
    other = b"0" if content[start + 70 : start + 71] != b"0" else b"1"
    path = tmp_path / "model.onnx"
    for forged, message in [
        (unsigned, "not signed"),
        (content[: start + 70] + other + content[start + 71 :], "signature is damaged"),
        (content[:start] + b"00" * 32 + content[start + 64 :], "which is not trusted"),
    ]:
        path.write_bytes(forged)
        check_model(path)
        with pytest.raises(ModelFileError, match=message) as caught:
            check_model(path, trusted)
        assert caught.value.code == "model_signature"


def test_predict_writes_what_it_writes_for_torchscript(signed, model_file, radiographs, tmp_path):
    tables = []
    for model, name in ((signed, "onnx"), (model_file, "torchscript")):
        words = ("predict", model, radiographs, "--table", tmp_path / f"{name}.parquet", "--out", tmp_path / name)
        with pytest.raises(EgazeError, match="1 of 4 radiographs could not be predicted"):
            egaze(*words)
        tables.append(pl.read_parquet(tmp_path / f"{name}.parquet"))
    ours, theirs = tables
    for name in ("normal", "chf", "pneumonia"):
        np.testing.assert_allclose(ours[f"prob_{name}"][:3], theirs[f"prob_{name}"][:3], rtol=0, atol=1e-5)
    assert ours["error"].to_list() == theirs["error"].to_list()
    assert ours["above_threshold_chf"].null_count() < 4 and "above_threshold_chf" not in theirs.columns
    said = json.loads(egaze("predict", signed, radiographs / "0.npy", "--json", "--thresholds"))
    assert said["predictions"][0]["class_probs"]["chf"] == pytest.approx(ours["prob_chf"][0], abs=1e-6)
    with pytest.raises(EgazeError, match="device cuda: an ONNX model runs on the CPU only"):
        egaze("predict", signed, radiographs / "0.npy", "--device", "cuda")
