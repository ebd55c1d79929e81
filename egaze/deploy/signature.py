"""Signatures of model files by Ed25519 keys of the user, which prove who made a file.

A signed file has an additional member "signature". It consists of the 32 bytes of the public key and the 64 bytes of
the signature of this message: "egaze model 1", a line feed, and the digest as hexadecimal digits. The digest covers all
members except the signature, so that removing the signature gives the unsigned file.
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
    """Read an Ed25519 private key from a PEM file.

    Raises:
        EgazeError: there is no such file, it does not contain such a key, or the key is encrypted.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(path), password=None)
    except TypeError as error:
        raise EgazeError(f"{path}: the key is encrypted with a password; use a key without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EgazeError(f"{path}: not a private key in PEM (make one: openssl genpkey -algorithm ed25519)") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise EgazeError(f"{path}: not an Ed25519 key (make one: openssl genpkey -algorithm ed25519)")
    return key


def read_trusted_keys(paths: Iterable[str | PathLike[str]]) -> list[Ed25519PublicKey]:
    """Read Ed25519 public keys from PEM files.

    Raises:
        EgazeError: a file does not exist, or does not contain such a key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys = []
    for path in paths:
        content = _read(path)
        if b"PRIVATE KEY" in content:
            raise EgazeError(f"{path}: a private key; trust its public key instead (openssl pkey -pubout)")
        try:
            key = load_pem_public_key(content)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise EgazeError(f"{path}: not a public key in PEM (openssl pkey -pubout writes one)") from error
        if not isinstance(key, Ed25519PublicKey):
            raise EgazeError(f"{path}: not an Ed25519 key")
        keys.append(key)
    return keys


def sign_digest(key: Ed25519PrivateKey, model_sha256: str) -> bytes:
    """Return the content of the member "signature" for a model with this digest."""
    return key.public_key().public_bytes_raw() + key.sign(_message(model_sha256))


def require_trusted(
    path: str | PathLike[str], signature: bytes | None, model_sha256: str, trust: Iterable[str | PathLike[str]]
) -> None:
    """Check that a model was signed with one of the trusted keys; without keys, every model is accepted.

    Args:
        path: the model file, for messages.
        signature: the content of its member "signature", if it has one.
        model_sha256: its digest, which has been checked.
        trust: PEM files of Ed25519 public keys.

    Raises:
        ModelFileError: the model is not signed, is signed with another key, or has a wrong signature; its `code` is
            "model_signature".
        EgazeError: as for `read_trusted_keys`.
    """
    keys = {key.public_bytes_raw(): key for key in read_trusted_keys(trust)}
    if not keys:
        return

    def refuse(what: str) -> ModelFileError:
        return ModelFileError(f"{path}: {what}", "model_signature")

    if signature is None:
        raise refuse("not signed, but trusted keys are given")
    named, mark = signature[:_KEY_BYTES], signature[_KEY_BYTES:]
    if named not in keys:
        raise refuse(f"signed with the key {fingerprint(signature)}, which is not trusted")
    from cryptography.exceptions import InvalidSignature

    try:
        keys[named].verify(mark, _message(model_sha256))
    except InvalidSignature:
        raise refuse("the signature is damaged or belongs to another model") from None


def require_no_key(path: str | PathLike[str]) -> None:
    """Protect a key from being overwritten by an output.

    Raises:
        EgazeError: the file starts like a PEM file.
    """
    with suppress(OSError), Path(path).open("rb") as file:
        if file.read(11) == b"-----BEGIN ":
            raise EgazeError(f"{path}: contains a key, which is not overwritten")


def fingerprint(signature: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a signature's public key, for messages."""
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
