"""`egaze check`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.pt")
def command(model: Path) -> None:
    """Prove an exported model file whole, without running it, and show what it says of itself.

    \b
    Example:
      egaze check model.pt
    """
    from egaze.deploy import verify_digest

    for name, value in asdict(verify_digest(model)).items():
        click.echo(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
    click.echo("the contents have the digest that the spec gives")
