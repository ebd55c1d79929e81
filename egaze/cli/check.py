"""`egaze check`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.pt")
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="KEY.pem",
    help="An Ed25519 public key (PEM) that may have signed the file; one of those given must have.",
)
def command(model: Path, trust: tuple[Path, ...]) -> None:
    """Prove an exported model file whole and harmless, without running it, and show what it says of itself.

    \b
    Checked are the archive's layout, the format version, the digest over all contents, and that
    the program is one forward of allowed operators, which open no file and no connection. An
    error ends in its code, the same in C++.

    \b
    Example:
      egaze check model.pt
      egaze check model.pt --trust key.pub.pem
    """
    from egaze.deploy.signature import fingerprint
    from egaze.deploy.spec import read_model
    from egaze.errors import ModelFileError

    try:
        spec, _, signature = read_model(model, trust)
    except ModelFileError as error:
        raise ModelFileError(f"{error} [{error.code}]", error.code) from error
    for name, value in asdict(spec).items():
        click.echo(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
    click.echo("the contents have the digest that the spec gives, and the program uses only allowed operators")
    if signature is None:
        click.echo("it is not signed")
    elif trust:
        click.echo(f"it is signed by the trusted key {fingerprint(signature)}")
    else:
        click.echo(f"it says that the key {fingerprint(signature)} signed it, which --trust KEY.pem verifies")
