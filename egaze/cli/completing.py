"""What the shell offers for values: studies, runs, model files, recipes and their keys, encoders, formats.

Nothing here imports what takes long, so that the shell is not kept waiting. The words that the slow packages have are
repeated; a test compares them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egaze.cli.recipe_keys import RECIPE_KEYS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

#: The files by which folders are known: a study, and a run or a set of runs.
_STUDY, _RUN = ("study.json",), ("run.json", "runs.json")

#: egaze's own fixation methods and tracker formats.
METHODS = ("adaptive", "ivt", "idt")
FORMATS = (
    "bids",
    "eyelink-asc",
    "gazepoint",
    "pupil-labs",
    "smi-begaze",
    "tobii-glasses",
    "tobii-pro-lab",
    "tobii-sdk",
    "tobii-studio",
    "tobii-studio3",
    "vr-headset",
)


def _beginning(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _registered(group: str, own: Iterable[str]) -> list[str]:
    """egaze's own names and those that other packages register; see `egaze.registry`."""
    return [*own, *sorted(entry.name for entry in entry_points(group=group))]


def registered(group: str, own: Iterable[str]) -> Complete:
    """Make what completes the names of a registry."""
    return lambda context, option, incomplete: _beginning(_registered(group, own), incomplete)


def recipes(context: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of recipes, and files of them."""
    own = sorted(file.name for file in (resources.files("egaze") / "training" / "recipes").iterdir())
    names = _registered("egaze.recipes", (name[:-5] for name in own if name.endswith(".toml")))
    return _beginning(names, incomplete) + _entries(incomplete, _is_file_of((".toml",)))


def recipe_overrides(context: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The keys of recipes, and after the equals sign the key's values."""
    key, equals, begun = incomplete.partition("=")
    if not equals:
        return _beginning((f"{name}=" for name in RECIPE_KEYS), incomplete)
    values: Iterable[str] = RECIPE_KEYS.get(key, ())
    if key == "model.encoder":
        from egaze.models.catalogue import encoder_names_at_once

        values = encoder_names_at_once()
    return _beginning((f"{key}={value}" for value in values), f"{key}={begun}")


def files(context: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Any file, which the shell completes itself."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def encoders(context: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of encoders."""
    from egaze.models.catalogue import encoder_names_at_once

    return _beginning(encoder_names_at_once(), incomplete)


def parts_of(words: Iterable[str]) -> Complete:
    """Make what completes the last word of a list that commas separate."""

    def complete(context: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = incomplete.split(",")[:-1]
        before = "".join(f"{word}," for word in given)
        return _beginning((before + word for word in words if word not in given), incomplete)

    return complete


class _Place(click.Path):
    """A path of which the shell offers what is of its kind, and any path if nothing there is."""

    def __init__(self, is_of_kind: Callable[[os.DirEntry[str]], bool], *, folders: bool) -> None:
        super().__init__(path_type=Path)
        self._is_of_kind = is_of_kind
        self._folders = folders

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            if self._folders:  # Parquet's reader, which reads in studies and runs, takes none but UTF-8
                os.fsdecode(value).encode()
        except UnicodeEncodeError:
            self.fail(
                f"{os.fsencode(value)!r} is no name in UTF-8 as this locale reads it: rename it, or set LC_ALL=C.UTF-8",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found = _entries(incomplete, self._is_of_kind)
        return found or [CompletionItem(incomplete, type="dir" if self._folders else "file")]


def _entries(incomplete: str, is_of_kind: Callable[[os.DirEntry[str]], bool]) -> list[CompletionItem]:
    """What is of a kind in the folder that is being typed, as it would be typed."""
    folder = os.path.dirname(incomplete)
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and is_of_kind(entry)]
    except OSError:
        return []
    return _beginning((os.path.join(folder, name) for name in sorted(names)), incomplete)


def _is_folder_with(files: Iterable[str]) -> Callable[[os.DirEntry[str]], bool]:
    return lambda entry: any(os.path.isfile(os.path.join(entry.path, file)) for file in files)


def _is_file_of(suffixes: tuple[str, ...]) -> Callable[[os.DirEntry[str]], bool]:
    return lambda entry: entry.name.endswith(suffixes) and entry.is_file()


#: The types of arguments and options that name a study, a run or a set of runs, and a model file.
STUDY = _Place(_is_folder_with(_STUDY), folders=True)
RUN = _Place(_is_folder_with(_RUN), folders=True)
MODEL = _Place(_is_file_of((".pt", ".onnx")), folders=False)
