"""Checks that atheris can instrument the installed egaze."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import SourceFileLoader


def require_ordinary_installation() -> None:
    """End the program if egaze is installed as editable, because atheris cannot instrument code from its loader."""
    spec = importlib.util.find_spec("egaze")
    if spec is None or not isinstance(spec.loader, SourceFileLoader):
        sys.exit('install egaze in the ordinary way to fuzz it: pip install ".[fuzz]", without --editable')
