"""Folder names from case ids, which come from a table and may hold anything."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence

_LONGEST = 64
# Windows takes these, with any ending, for devices.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin|conout|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_names(case_ids: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """One file name for each case id, all different, also where the file system ignores case.

    An id of ASCII letters, digits, `.`, `_` and `-` stays as it is. Another one is cleaned and shortened, and
    ends in 8 digits of its SHA-256, so that its name does not depend on the other ids.

    Args:
        case_ids: all different.
        taken: names that must not be given.
    """
    used = {name.casefold() for name in taken}
    names: dict[str, str] = {}
    # Ids that are names already come first, so that none of them has to give way to a cleaned one.
    for case_id in sorted(case_ids, key=lambda case_id: not _is_safe(case_id)):
        digest = hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).hexdigest()
        name, digits = case_id, 8
        if not _is_safe(case_id):
            name = _with_digest(case_id, digest, digits)
        while name.casefold() in used:
            name, digits = _with_digest(case_id, digest, digits), digits + 8
        used.add(name.casefold())
        names[case_id] = name
    return [names[case_id] for case_id in case_ids]


def _is_safe(case_id: str) -> bool:
    return (
        len(case_id) <= _LONGEST
        and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", case_id) is not None
        and not case_id.endswith(".")
        and _RESERVED.fullmatch(case_id) is None
    )


def _with_digest(case_id: str, digest: str, digits: int) -> str:
    cleaned = re.sub(r"[^A-Za-z0-9_-]+", "_", case_id).strip("_-")[: _LONGEST - 24]
    return f"{cleaned or 'case'}-{digest[:digits]}"
