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


def quality_lines(study: Study) -> Iterator[str]:
    """Yield what is known of the gaze's quality: a line for each reader, and for marks of readings and recordings."""
    facts = study.manifest["gaze"].get("quality")
    if facts is None or not facts["readers"]:
        return
    yield "gaze, medians by reader (study.json has the limits that mark a reading; none is left out):"
    for reader in facts["readers"]:
        parts = [count_text(reader["readings"], "reading"), f"{reader['fixations']:g} fixations"]
        if reader["fixation_s"] is not None:
            parts.append(f"{reader['fixation_s']:.2f} s each")
        if reader["fixated_frac"] is not None:
            parts.append(f"{100 * reader['fixated_frac']:.0f} % of the time in fixations")
        if reader["on_radiograph_frac"] is not None:
            parts.append(f"{100 * reader['on_radiograph_frac']:.0f} % of them on the part shown")
        yield f"  {reader['reader_id'] or 'no reader named'}: {', '.join(parts)}"
    marked = [(item["case_id"], item["marks"]) for item in facts["marked"]]
    for source in study.manifest["sources"]:
        recordings = source["options"].get("recordings")
        if isinstance(recordings, list):
            marked += [(item["name"], item["marks"]) for item in recordings if item["marks"]]
    for name, marks in marked[:SHOWN_NOTES]:
        yield f"  marked: {name}: {'; '.join(marks)}"
    if (more := len(marked) - SHOWN_NOTES) > 0:
        yield f"  and {more} more marked; study.json has all"


def relative_line(study: Study) -> str | None:
    """Say how many of a study's cases have relative durations; None if all durations are in seconds."""
    count = int(study.is_relative.sum())
    return f"durations of {count_text(count, 'case')} are relative, and not shown as time" if count else None


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
