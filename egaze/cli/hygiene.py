"""What a source read, kept and dropped, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def hygiene_lines(source: dict[str, Any]) -> Iterator[str]:
    """One line a count above 0, and how many counts are 0; study.json holds them all.

    Args:
        source: a source's facts in study.json.
    """
    yield f"{source['key']}: {source['cases']:,} cases"
    counts = source["hygiene"]
    for reason, count in counts.items():
        if count:
            yield f"  {count:>9,} {reason.replace('_', ' ')}"
    if zeros := sum(count == 0 for count in counts.values()):
        yield f"  {zeros} other counts are 0"
