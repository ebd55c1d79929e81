"""A source of ready-made cases, and what the tests of studies share."""

from __future__ import annotations

from dataclasses import dataclass, field

from egaze.sources import Case


@dataclass
class Cases:
    """A source of ready-made cases."""

    given: list[Case]
    name: str = "given"
    synthetic: bool = False
    population: str | None = None
    class_names: tuple[str, ...] = ("normal", "chf")
    options: dict[str, object] = field(default_factory=dict)
    hygiene: dict[str, int] = field(default_factory=dict)

    @property
    def patient_order(self):
        return list(dict.fromkeys(case.patient_id for case in self.given))

    def cases(self):
        return self.given


def files(folder):
    """Everything in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
