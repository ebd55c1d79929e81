"""Choosing cases of a study by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.study.study import Study


def choose_cases(study: Study, wanted: Sequence[str] = (), split: str | None = None) -> NDArray[np.int64]:
    """The indices of the cases with the given ids, within one split or in the whole study.

    Args:
        study: the study.
        wanted: case ids, or patterns with `*`, `?` and `[...]`; empty for all cases.
        split: "train", "validation", "test", or None for all.

    Returns:
        (K,) in ascending order, without repetition.

    Raises:
        StudyError: an id or a pattern that matches no case, no match in the split, or an empty split.
    """
    case_ids = study.case_ids
    place = {case_id: index for index, case_id in enumerate(case_ids)}
    in_split = np.arange(len(study)) if split is None else study.splits.indices(split)
    if not wanted:
        return in_split
    chosen: set[int] = set()
    for word in wanted:
        found = [place[word]] if word in place else [i for i, name in enumerate(case_ids) if fnmatchcase(name, word)]
        if not found:
            near = get_close_matches(word, case_ids, n=3)
            ids = f"case ids are such as {case_ids[0]!r}, and the study's cases.parquet has all"
            meant = f"did you mean {' or '.join(map(repr, near))}?" if near else ids
            raise StudyError(f"{study.path}: there is no case {word!r}; {meant}")
        chosen.update(found)
    indices = np.intersect1d(in_split, sorted(chosen))
    if not indices.size:
        raise StudyError(f"{study.path}: none of the cases asked for is in the {split} split; choose another split")
    return indices


def spread(cases: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of the cases, evenly spaced, including the first and, if there are two or more, the last."""
    places = np.linspace(0, len(cases) - 1, min(count, len(cases))).round().astype(np.int64)
    chosen: NDArray[np.int64] = cases[np.unique(places)]
    return chosen
