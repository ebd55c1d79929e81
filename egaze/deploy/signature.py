"""Who made a model file: Ed25519 signatures by the user's own keys.

A signed file has one member more, "signature": the 32 bytes of the public key, then the 64 of the signature over
"egaze model 1", an end of line and the digest in hexadecimal digits. The digest covers everything else, and leaves the
signature out, so that a file that loses it is the unsigned one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from egaze.errors import EgazeError, ModelFileError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_NAME = "signature"
_KEY_BYTES = 32


def read_signing_key(path: str | PathLike[str]) -> Ed25519PrivateKey:
    """The private key of a PEM file.

    Raises:
        EgazeError: no such file, or one that holds no Ed25519 private key, or one under a password.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(path), password=None)
    except TypeError as error:
        raise EgazeError(f"{path}: the key is under a password: give one without") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EgazeError(f"{path}: is no private key in PEM (make one: openssl genpkey -algorithm ed25519)") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise EgazeError(f"{path}: is no Ed25519 key (make one: openssl genpkey -algorithm ed25519)")
    return key


def read_trusted_keys(paths: Iterable[str | PathLike[str]]) -> list[Ed25519PublicKey]:
    """The public keys of PEM files.

    Raises:
        EgazeError: no such file, or one that holds no Ed25519 public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys = []
    for path in paths:
        content = _read(path)
        if b"PRIVATE KEY" in content:
            raise EgazeError(f"{path}: holds a private key: trust its public one (openssl pkey -pubout)")
        try:
            key = load_pem_public_key(content)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise EgazeError(f"{path}: is no public key in PEM (openssl pkey -pubout writes one)") from error
        if not isinstance(key, Ed25519PublicKey):
            raise EgazeError(f"{path}: is no Ed25519 key")
        keys.append(key)
    return keys


def sign_digest(key: Ed25519PrivateKey, model_sha256: str) -> bytes:
    """The content of the member "signature" of a model with this digest."""
    return key.public_key().public_bytes_raw() + key.sign(_message(model_sha256))


def require_trusted(
    path: str | PathLike[str], signature: bytes | None, model_sha256: str, trust: Iterable[str | PathLike[str]]
) -> None:
    """Let pass a model that one of the keys signed, and any where no keys are given.

    Args:
        path: the model file, for messages.
        signature: the content of its member "signature", if it has one.
        model_sha256: its digest, checked.
        trust: PEM files of Ed25519 public keys.

    Raises:
        ModelFileError: it is not signed, is signed by another key, or its signature is wrong: model_signature.
        EgazeError: as `read_trusted_keys`.
    """
    keys = {key.public_bytes_raw(): key for key in read_trusted_keys(trust)}
    if not keys:
        return

    def refuse(what: str) -> ModelFileError:
        return ModelFileError(f"{path}: {what}", "model_signature")

    if signature is None:
        raise refuse("is not signed, so that no trusted key vouches for it")
    named, mark = signature[:_KEY_BYTES], signature[_KEY_BYTES:]
    if named not in keys:
        raise refuse(f"is signed by the key {fingerprint(signature)}, which is not trusted")
    from cryptography.exceptions import InvalidSignature

    try:
        keys[named].verify(mark, _message(model_sha256))
    except InvalidSignature:
        raise refuse("its signature is damaged, or was made for another model") from None


def require_no_key(path: str | PathLike[str]) -> None:
    """Refuse a place for an output that holds a key: it could not be had again.

    Raises:
        EgazeError: the file begins as a PEM file does.
    """
    with suppress(OSError), Path(path).open("rb") as file:
        if file.read(11) == b"-----BEGIN ":
            raise EgazeError(f"{path}: holds a key, which is not written over")


def fingerprint(signature: bytes) -> str:
    """What messages call the key that a signature names: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(signature[:_KEY_BYTES]).hexdigest()[:16]


def _message(model_sha256: str) -> bytes:
    return f"egaze model 1\n{model_sha256}".encode()


def _read(path: str | PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise EgazeError(f"{path}: no such file") from None
    except OSError as error:
        raise EgazeError(f"{path}: cannot be read: {error.strerror}") from error
