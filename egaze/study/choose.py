"""Which cases of a study a user means."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.study.study import Study


def choose_cases(study: Study, wanted: Sequence[str] = (), side: str | None = None) -> NDArray[np.int64]:
    """Indices of the cases with the given ids, on one side of the split where it is named.

    Args:
        study: the study.
        wanted: case ids, or patterns with `*`, `?` and `[...]`; none means all cases.
        side: "train", "validation", "test", or None for all.

    Returns:
        (K,) ascending, each case once.

    Raises:
        StudyError: an id or a pattern that fits no case, or none on that side; a side without a case.
    """
    case_ids = study.case_ids
    place = {case_id: index for index, case_id in enumerate(case_ids)}
    on_side = np.arange(len(study)) if side is None else study.split.indices(side)
    if not wanted:
        return on_side
    chosen: set[int] = set()
    for word in wanted:
        found = [place[word]] if word in place else [i for i, name in enumerate(case_ids) if fnmatchcase(name, word)]
        if not found:
            near = get_close_matches(word, case_ids, n=3)
            meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise StudyError(f"{study.path}: there is no case {word!r}{meant}")
        chosen.update(found)
    indices = np.intersect1d(on_side, sorted(chosen))
    if not indices.size:
        raise StudyError(f"{study.path}: none of the cases asked for is on the {side} side")
    return indices


def spread(cases: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of the cases, evenly spaced, the first and the last among them where there are two."""
    places = np.linspace(0, len(cases) - 1, min(count, len(cases))).round().astype(np.int64)
    chosen: NDArray[np.int64] = cases[np.unique(places)]
    return chosen
