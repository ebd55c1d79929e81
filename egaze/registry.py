"""What goes by a name in recipes and on the command line: egaze's own, and what other installed packages bring.

A package brings something by an entry point of its own `pyproject.toml`, in the group of the kind:

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
    """The things of one kind by their names.

    Iterating and asking whether a name is there import nothing; a package is imported when what it brings is taken.

    Args:
        group: the entry points' group, such as "egaze.heatmap_losses".
        kind: what one of them is called in messages, such as "heatmap loss".
        own: egaze's own, in the order to be listed.
        fits: whether an object is of this kind.

    Raises:
        KeyError: from `registry[name]`, when no such name is there.
        EgazeError: a package's object cannot be imported or is not of this kind, or two packages, or a package and
            egaze, use one name.

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
        entry = self._brought()[name]
        try:
            item = entry.load()
        except Exception as error:
            why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            raise EgazeError(f"{self.kind} {name!r} of {_package(entry)} cannot be imported: {why}") from error
        if not self._fits(item):
            raise EgazeError(f"{self.kind} {name!r} of {_package(entry)} is a {type(item).__name__}: see {self.group}")
        return item  # type: ignore[no-any-return]  # `_fits` has looked at it

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._brought()

    def __iter__(self) -> Iterator[str]:
        return iter([*self._own, *sorted(self._brought())])

    def __len__(self) -> int:
        return len(self._own) + len(self._brought())

    def _brought(self) -> dict[str, EntryPoint]:
        """Other packages' entry points by name."""
        found: dict[str, EntryPoint] = {}
        for entry in entry_points(group=self.group):
            if entry.name in self._own:
                raise EgazeError(f"{_package(entry)} brings a {self.kind} {entry.name!r}, which is egaze's own name")
            earlier = found.setdefault(entry.name, entry)
            if earlier.value != entry.value:
                both = f"{_package(earlier)} and {_package(entry)}"
                raise EgazeError(f"{both} both bring a {self.kind} {entry.name!r}; uninstall one of them")
        return found


def _package(entry: EntryPoint) -> str:
    return f"package {entry.dist.name}" if entry.dist else entry.value
