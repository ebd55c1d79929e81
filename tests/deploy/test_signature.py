"""A signature says who made a model file, in Python, in C++ and in C."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from deploy.scripted_models import packed, read_spec

from egaze.cli import cli
from egaze.deploy import EXPORTS, Predictor, check_model, export_run, export_torchscript
from egaze.deploy.signature import read_signing_key, sign_digest
from egaze.errors import EgazeError, ModelFileError


def private_pem(key, encryption=None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def public_pem(key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    """A folder with the pairs of two makers."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        key = Ed25519PrivateKey.generate()
        (folder / f"{name}.pem").write_bytes(private_pem(key))
        (folder / f"{name}.pub.pem").write_bytes(public_pem(key))
    return folder


@pytest.fixture(scope="module")
def signed(members, keys, tmp_path_factory):
    """A signed archive, with parts of its signature and of the rest changed."""
    path = tmp_path_factory.mktemp("model") / "model.pt"
    path.write_bytes(packed(members))
    mark = sign_digest(read_signing_key(keys / "mine.pem"), read_spec(path)["model_sha256"])

    def make(signature: bytes | None = mark, **changes: object) -> bytes:
        return packed(members if signature is None else {**members, "signature": signature}, **changes)

    make.mark = mark
    return make


@pytest.fixture
def verifies(c_library, signed, keys, tmp_path) -> bool:
    """Whether this build of the C++ library has OpenSSL; without it, trusting a key is an error that says so."""
    path = tmp_path / "asked.pt"
    path.write_bytes(signed())
    code, said = in_c(c_library, path, keys / "mine.pub.pem")
    if code == "ok":
        return True
    assert code == "invalid_argument" and "OpenSSL" in said
    return False


def in_c(library, path: Path, *keys: Path) -> tuple[str, str]:
    code = library.code_of(path, [key.read_bytes() for key in keys])
    return code, "" if code == "ok" else library.error()


FILES = {
    "signed": (lambda signed: signed(), ""),
    "stripped": (lambda signed: signed(None), "is not signed"),
    "a damaged mark": (lambda signed: signed(signed.mark[:-1] + bytes([signed.mark[-1] ^ 1])), "signature is damaged"),
    "a mark of zeros": (lambda signed: signed(signed.mark[:32] + bytes(64)), "signature is damaged"),
    "a damaged key": (lambda signed: signed(bytes([signed.mark[0] ^ 1]) + signed.mark[1:]), "which is not trusted"),
    "another model's": (lambda signed: signed(recipe="another"), "made for another model"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_a_signature_says(signed, keys, tmp_path, c_library, verifies, name):
    make, refusal = FILES[name]
    path, mine, other = tmp_path / "model.pt", keys / "mine.pub.pem", keys / "other.pub.pem"
    path.write_bytes(make(signed))
    check_model(path)
    assert in_c(c_library, path) == ("ok", "")
    for trust in ([mine], [other, mine]):
        if not refusal:
            check_model(path, trust)
            Predictor(path, trust=trust)
            assert not verifies or in_c(c_library, path, *trust) == ("ok", "")
            continue
        for read in (check_model, lambda path, trust: Predictor(path, trust=trust)):
            with pytest.raises(ModelFileError, match=refusal) as caught:
                read(path, trust)
            assert caught.value.code == "model_signature" and str(path) in str(caught.value)
        assert not verifies or in_c(c_library, path, *trust) == ("model_signature", str(caught.value))
    with pytest.raises(ModelFileError) as caught:
        check_model(path, [other])
    assert caught.value.code == "model_signature"
    assert not verifies or in_c(c_library, path, other) == ("model_signature", str(caught.value))


def test_a_damaged_model_is_damaged_whoever_signed_it(signed, keys, tmp_path, c_library):
    path = tmp_path / "model.pt"
    content = signed()
    at = content.index(b"torch.silu")
    path.write_bytes(content[:at] + b"T" + content[at + 1 :])
    for trust in ([], [keys / "mine.pub.pem"]):
        with pytest.raises(ModelFileError) as caught:
            check_model(path, trust)
        assert in_c(c_library, path, *trust) == (caught.value.code, str(caught.value))
        assert caught.value.code in ("model_archive", "model_digest")


def test_keys_that_are_none(signed, keys, tmp_path, c_library):
    path, key = tmp_path / "model.pt", tmp_path / "key.pem"
    path.write_bytes(signed())
    rsa = generate_private_key(65537, 2048)
    for content in (
        b"",
        b"hello",
        public_pem(rsa),
        (keys / "mine.pem").read_bytes(),
        (keys / "mine.pub.pem").read_bytes()[:40],
    ):
        key.write_bytes(content)
        with pytest.raises(EgazeError, match=str(key)):
            check_model(path, [key])
        assert in_c(c_library, path, key)[0] == "invalid_argument"
    with pytest.raises(EgazeError, match="no such file"):
        check_model(path, [tmp_path / "none.pem"])


def test_signing_keys_that_are_none(keys, tmp_path):
    key, own = tmp_path / "key.pem", read_signing_key(keys / "mine.pem")
    for content, message in (
        (b"hello", "no private key"),
        ((keys / "mine.pub.pem").read_bytes(), "no private key"),
        (private_pem(generate_private_key(65537, 2048)), "no Ed25519 key"),
        (private_pem(own, BestAvailableEncryption(b"secret")), "under a password"),
    ):
        key.write_bytes(content)
        with pytest.raises(EgazeError, match=message):
            read_signing_key(key)


def test_egaze_run_trusts(signed, keys, tmp_path, runner, verifies):
    if not verifies:
        pytest.skip("egaze-run was built without OpenSSL")
    path, image = tmp_path / "model.pt", tmp_path / "image.npy"
    path.write_bytes(signed())
    np.save(image, np.zeros((32, 24), np.uint8))

    def run(*options: object) -> tuple[int, str]:
        done = subprocess.run([runner, path, image, *options], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    assert run("--trust", keys / "other.pub.pem", "--trust", keys / "mine.pub.pem") == (0, "")
    code, said = run("--trust", keys / "other.pub.pem")
    assert code == 1 and "which is not trusted" in said
    code, said = run("--trust", tmp_path / "none.pem")
    assert code == 1 and "none.pem" in said


def test_export_signs(run, keys, tmp_path, monkeypatch):
    plain, path = tmp_path / "plain.pt", tmp_path / "signed.pt"
    unsigned = export_run(run, plain)
    assert export_run(run, path, sign=keys / "mine.pem") == unsigned
    assert check_model(path, [keys / "mine.pub.pem"]) == check_model(plain) == unsigned
    with pytest.raises(ModelFileError, match="is not signed"):
        check_model(plain, [keys / "mine.pub.pem"])
    monkeypatch.setitem(EXPORTS._own, "other", export_torchscript)
    with pytest.raises(EgazeError, match="'other' cannot be signed"):
        export_run(run, tmp_path / "other.pt", format="other", sign=keys / "mine.pem")


def test_a_key_is_not_written_over(run, keys):
    before = (keys / "mine.pem").read_bytes()
    for sign in (None, keys / "mine.pem"):
        with pytest.raises(EgazeError, match="holds a key"):
            export_run(run, keys / "mine.pem", sign=sign)
    assert (keys / "mine.pem").read_bytes() == before


def test_the_commands(run, keys, tmp_path):
    model = str(tmp_path / "model.pt")
    done = CliRunner().invoke(cli, ["export", str(run.path), model, "--sign", str(keys / "mine.pem")])
    assert done.exit_code == 0 and "signed with" in done.output
    done = CliRunner().invoke(cli, ["check", model])
    assert done.exit_code == 0 and "--trust KEY.pem verifies" in done.output
    done = CliRunner().invoke(cli, ["check", model, "--trust", str(keys / "mine.pub.pem")])
    assert done.exit_code == 0 and "signed by the trusted key" in done.output
    done = CliRunner().invoke(cli, ["check", model, "--trust", str(keys / "other.pub.pem")])
    assert done.exit_code == 1 and str(done.exception).endswith("[model_signature]")
