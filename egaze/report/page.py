"""Rendering the page from templates, style sheet and script, so that a browser runs nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

# The parts of the page's script in order; all but the first are needed for a gallery only.
_ALWAYS = ("page",)
_GALLERY = ("radiographs", "view", "scanpath", "panel", "hands", "gallery", "start")


def render(values: dict[str, object], *, gallery: bool, template: str = "report.html") -> Iterator[str]:
    """Yield the text of a page part by part, so that what `values` yields lazily is never in memory at once.

    The page's content security policy lets a browser run only the script and use only the style sheet whose digests it
    names, show embedded pictures, and make no connections. Text such as a case id can never be run.
    """
    style = _read("report.css")
    script = _script(_ALWAYS + _GALLERY if gallery else _ALWAYS)
    policy = "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return (
        _templates().get_template(template).generate(values, style=Markup(style), script=Markup(script), policy=policy)
    )


def _script(names: Sequence[str]) -> str:
    parts = "\n".join(_read(f"scripts/{name}.js") for name in names)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return (files("egaze.report") / "templates" / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(loader=PackageLoader("egaze.report", "templates"), autoescape=True, undefined=StrictUndefined)
