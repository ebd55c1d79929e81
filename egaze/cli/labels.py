"""The labels of a study as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from egaze.cli.text import percent_text

if TYPE_CHECKING:
    from egaze.study import Study

_TAUGHT = {
    "ignore": "teach nothing",
    "one": "teach that the class is present",
    "zero": "teach that the class is absent",
    "soft": "teach their certainty",
}


def label_lines(study: Study) -> Iterator[str]:
    """Yield what the labels are and how many cases have each class, with the class's prevalence."""
    if not study.class_names:
        return
    from egaze.labels import class_counts

    counts, uncertain = class_counts(study.labels), study.manifest["labels"]["uncertain"]
    if uncertain is None:
        yield "classes: exclusive, one per case"
    else:
        yield f"classes: independent, any number per case; uncertain labels {_TAUGHT[uncertain]}"
    width = max(12, *map(len, counts))
    columns = ("present", "absent", "uncertain", "unknown", "prevalence")
    yield f"  {'':<{width}}" + "".join(f"{column:>12}" for column in columns)
    for name, count in counts.items():
        cells = (count.present, count.absent, count.uncertain, count.unknown, percent_text(count.prevalence))
        yield f"  {name:<{width}}" + "".join(f"{cell:>12}" for cell in cells)
