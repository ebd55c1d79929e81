"""Where atheris sees the code that it runs."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import SourceFileLoader


def require_ordinary_installation() -> None:
    """End the program where egaze is installed as editable: its loader hides the code from atheris's instruments."""
    spec = importlib.util.find_spec("egaze")
    if spec is None or not isinstance(spec.loader, SourceFileLoader):
        sys.exit('install egaze in the ordinary way to fuzz it: pip install ".[fuzz]", without --editable')
