"""Registries of named objects, such as losses and metrics: egaze's own and those of other installed packages.

A package registers an object by an entry point in its own `pyproject.toml`, in the group of its kind:

    [project.entry-points."egaze.heatmap_losses"]
    focal = "my_package.losses:focal"

docs/extending.md has an example of every kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from egaze.errors import EgazeError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from names to the objects of one kind.

    Iterating and testing for a name import nothing; a package is imported when its object is looked up.

    Args:
        group: of the entry points, such as "egaze.heatmap_losses".
        kind: the name of the kind in messages, such as "heatmap loss".
        own: egaze's own objects, in the order in which to list them.
        fits: whether an object is of this kind.

    Raises:
        KeyError: from `registry[name]`, for an unknown name.
        EgazeError: the object of a package cannot be imported or is not of this kind, or two packages, or a package and
            egaze, use the same name.

    Example:
        >>> shapes = Registry("egaze.shapes", "shape", {"square": str.upper}, fits=callable)
        >>> list(shapes), shapes["square"]("a"), "circle" in shapes
        (['square'], 'A', False)
    """

    def __init__(self, group: str, kind: str, own: Mapping[str, T], *, fits: Callable[[object], bool]) -> None:
        self.group = group
        self.kind = kind
        self._own = dict(own)
        self._fits = fits

    def __getitem__(self, name: str) -> T:
        if name in self._own:
            return self._own[name]
        entry = self._from_packages()[name]
        try:
            item = entry.load()
        except Exception as error:
            why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            raise EgazeError(f"{self.kind} {name!r} of {_package(entry)} cannot be imported: {why}") from error
        if not self._fits(item):
            raise EgazeError(f"{self.kind} {name!r} of {_package(entry)} is a {type(item).__name__}: see {self.group}")
        return item  # type: ignore[no-any-return]  # `_fits` has checked it

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._from_packages()

    def __iter__(self) -> Iterator[str]:
        return iter([*self._own, *sorted(self._from_packages())])

    def __len__(self) -> int:
        return len(self._own) + len(self._from_packages())

    def _from_packages(self) -> dict[str, EntryPoint]:
        """The entry points of other packages by name."""
        found: dict[str, EntryPoint] = {}
        for entry in entry_points(group=self.group):
            if entry.name in self._own:
                raise EgazeError(
                    f"{_package(entry)} registers a {self.kind} {entry.name!r}, a name that egaze itself uses"
                )
            earlier = found.setdefault(entry.name, entry)
            if earlier.value != entry.value:
                both = f"{_package(earlier)} and {_package(entry)}"
                raise EgazeError(f"{both} both register a {self.kind} {entry.name!r}; uninstall one of them")
        return found


def _package(entry: EntryPoint) -> str:
    return f"package {entry.dist.name}" if entry.dist else entry.value
