"""Choosing some of the classes that a data set has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from egaze.errors import SourceError
from egaze.sources.cell_names import folded
from egaze.tables.records import shorten


def chosen_classes(known: Sequence[str], given: Sequence[str] | None) -> tuple[str, ...]:
    """The classes that were asked for, in the order asked for; None takes all.

    Upper and lower case, spaces and underscores are equal, so that the names of torchxrayvision do too.

    Raises:
        SourceError: no class, one that the data set does not have, or one given twice.

    Example:
        >>> from egaze.sources.class_choice import chosen_classes
        >>> chosen_classes(("Edema", "Pleural thickening"), ["pleural_thickening"])
        ('Pleural thickening',)
    """
    if given is None:
        return tuple(known)
    by_name = {_plain(name): name for name in known}
    chosen: list[str] = []
    for name in given:
        plain = _plain(name)
        if (found := by_name.get(plain)) is None:
            near = get_close_matches(plain, by_name, n=1) or [other for other in by_name if plain in other]
            meant = f"did you mean {by_name[near[0]]!r}?" if near else f"they are {', '.join(known)}"
            raise SourceError(f"class {shorten(name)} is none of the data set's classes; {meant}")
        if found in chosen:
            raise SourceError(f"class names must differ, and {found!r} is given twice")
        chosen.append(found)
    if not chosen:
        raise SourceError("class names must not be empty, got none")
    return tuple(chosen)


def of_classes(certainties: Mapping[str, float], class_names: Sequence[str]) -> dict[str, float]:
    """What is known of these classes, in their order."""
    return {name: certainties[name] for name in class_names if name in certainties}


def _plain(name: str) -> str:
    return folded(name.replace("_", " "))
