"""`egaze check`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.pt")
def command(model: Path) -> None:
    """Check an exported model file without running it, and show its spec.

    The check covers the archive's layout, the format version, the digest of all contents, and that the program is a
    single forward function of allowed operators, which open no file and no connection. An error message ends in its
    code, which is the same in C++.

    \b
    Example:
      egaze check model.pt
    """
    from egaze.deploy import check_model
    from egaze.errors import ModelFileError

    try:
        spec = check_model(model)
    except ModelFileError as error:
        raise ModelFileError(f"{error} [{error.code}]", error.code) from error
    for name, value in asdict(spec).items():
        click.echo(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
    click.echo("the contents have the digest that the spec states, and the program uses only allowed operators")
