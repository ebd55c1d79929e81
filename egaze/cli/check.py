"""`egaze check`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.cli import progress
from egaze.cli.completing import MODEL
from egaze.cli.options import model_limit_option

if TYPE_CHECKING:
    from egaze.deploy import ModelLimits


@click.command()
@click.argument("model", type=MODEL, metavar="MODEL")
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="KEY.pem",
    help="An Ed25519 public key (PEM); the file must be signed by one of the keys given.",
)
@model_limit_option
def command(model: Path, trust: tuple[Path, ...], limits: ModelLimits) -> None:
    """Check an exported model file (.pt or .onnx) without running it, and show its spec.

    The check covers the file's layout, the format version, the digest of all contents, and the program: a sequence of
    allowed operators, which open no file and no connection, with a proof of the type and shape of every
    value and a bound on its work. An error message ends in its code, which is the same in C++. The digest detects
    damage; only a signature that --trust verifies says who made the file.

    \b
    Example:
      egaze check model.pt
      egaze check model.onnx
      egaze check model.pt --trust key.pub.pem
      egaze check model.pt --model-limit bytes_at_work=1073741824
    """
    from egaze.deploy.signature import fingerprint
    from egaze.deploy.spec import read_model
    from egaze.errors import ModelFileError

    try:
        with progress.waiting("checking"):
            spec, _, signature, proof = read_model(model, trust, limits)
    except ModelFileError as error:
        raise ModelFileError(f"{error} [{error.code}]", error.code) from error
    for name, value in asdict(spec).items():
        said = ", ".join(map(str, value)) if isinstance(value, tuple) else value
        click.echo(f"{name}: {'none' if said in ('', None) else said}")
    click.echo("the contents have the digest that the spec states, and the program is proved by types and shapes")
    click.echo(
        f"the program has {proof.nodes:,} operators and needs, for one image, {proof.bytes_at_work:,} bytes at work "
        f"and {proof.multiplications:,} multiplications"
    )
    if signature is None:
        click.echo("it is not signed")
    elif trust:
        click.echo(f"it is signed by the trusted key {fingerprint(signature)}")
    else:
        click.echo(f"it claims to be signed by the key {fingerprint(signature)}; --trust KEY.pem verifies that")
