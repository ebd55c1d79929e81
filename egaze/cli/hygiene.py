"""What a source read, kept and dropped, as lines of text."""

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
    """Yield one line per count above 0, and the number of counts that are 0; study.json has all of them. Of a synthetic
    source, the first says by which reader its gaze is.

    Args:
        source: a source's facts in study.json.
    """
    yield f"{source['key']}: {count_text(source['cases'], 'case')}"
    if (reader := source["options"].get("twin_reader_version")) is not None:
        quality = source["options"].get("twin_gaze_quality", "unknown")
        yield f"  synthetic reader: version {reader}, gaze quality {quality}"
    counts = source["hygiene"]
    for reason, count in counts.items():
        if count:
            yield f"  {count:>9,} {reason.replace('_', ' ')}"
    if zeros := sum(count == 0 for count in counts.values()):
        yield f"  {count_text(zeros, 'other count')} {'is' if zeros == 1 else 'are'} 0"


def relative_line(study: Study) -> str | None:
    """Say how many of a study's cases have relative durations; None if all durations are in seconds."""
    count = int(study.is_relative.sum())
    return f"durations of {count_text(count, 'case')} are relative, and not shown as time" if count else None


def no_images_line(study: Study) -> str:
    """Say what a study without images is for, and where its radiographs' shapes are not known."""
    said = "no images (--no-images): for measuring and drawing gaze, not for training"
    if unknown := int((~study.shape_is_known).sum()):
        said += f"; radiographs of unknown shape are taken for squares in {count_text(unknown, 'case')}"
    return said


def note_lines(vois: Iterable[str | None]) -> Iterator[str]:
    """Yield the notes on values of radiographs' headers that were overridden, the most frequent first.

    Args:
        vois: the column `voi` of a study's cases.
    """
    from egaze.study.placing import notes_in

    noted = Counter(note for voi in vois for note in notes_in(voi))
    if noted:
        yield "overridden values of radiographs' headers:"
    for note, count in noted.most_common(SHOWN_NOTES):
        yield f"  {count_text(count, 'case')}: {note}"
    if (more := len(noted) - SHOWN_NOTES) > 0:
        yield f"  and {count_text(more, 'other note')}; the column voi of cases.parquet has all"
