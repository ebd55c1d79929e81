"""`egaze cmake-prefix`."""

from __future__ import annotations

import click

from egaze import cmake_prefix


@click.command()
def command() -> None:
    """Print the folder for CMAKE_PREFIX_PATH that find_package(egaze) needs.

    \b
    Example:
      cmake -S . -B build -DCMAKE_PREFIX_PATH="$(egaze cmake-prefix)"
    """
    click.echo(cmake_prefix())
