"""What a source read, kept and dropped, as lines for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from egaze.cli.text import count_text

if TYPE_CHECKING:
    from egaze.study import Study
    from egaze.study.layout import SourceFacts

SHOWN_NOTES = 5


def hygiene_lines(source: SourceFacts) -> Iterator[str]:
    """One line a count above 0, and how many counts are 0; study.json holds them all.

    Args:
        source: a source's facts in study.json.
    """
    yield f"{source['key']}: {count_text(source['cases'], 'case')}"
    counts = source["hygiene"]
    for reason, count in counts.items():
        if count:
            yield f"  {count:>9,} {reason.replace('_', ' ')}"
    if zeros := sum(count == 0 for count in counts.values()):
        yield f"  {count_text(zeros, 'other count')} {'is' if zeros == 1 else 'are'} 0"


def relative_line(study: Study) -> str | None:
    """Of how many of a study's cases durations are relative, None where all are seconds."""
    count = int(study.is_relative.sum())
    return f"durations of {count_text(count, 'case')} are relative, and not shown as time" if count else None


def note_lines(vois: Iterable[str | None]) -> Iterator[str]:
    """What of radiographs' headers was not taken at its word, the most frequent first.

    Args:
        vois: the column `voi` of a study's cases.
    """
    from egaze.study.placing import notes_in

    noted = Counter(note for voi in vois for note in notes_in(voi))
    if noted:
        yield "of radiographs' headers not taken at its word:"
    for note, count in noted.most_common(SHOWN_NOTES):
        yield f"  {count_text(count, 'case')}: {note}"
    if (more := len(noted) - SHOWN_NOTES) > 0:
        yield f"  and {count_text(more, 'other note')}; the column voi of cases.parquet has all"
