"""Safe file names from case ids and paths of radiographs, which may contain any character."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence

_LONGEST = 64
# Windows reserves these names, with any suffix, for devices.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin|conout|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_names(case_ids: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """A unique file name for each case id, also on file systems that ignore case.

    An id of ASCII letters, digits, `.`, `_` and `-` is unchanged. Any other id is cleaned and shortened and ends with 8
    digits of its SHA-256, so that its name does not depend on the other ids.

    Args:
        case_ids: without repetition.
        taken: names that must not be used.
    """
    used = {name.casefold() for name in taken}
    names: dict[str, str] = {}
    # Ids that are valid names come first, so that cleaned ids cannot take their names.
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


# Only these suffixes are dropped, because the part after the last dot of a UID belongs to it.
_RADIOGRAPH_EXTENSION = re.compile(r"\.(dcm|dicom|dic|ima|png|jpg|jpeg|npy)\Z", re.IGNORECASE)


def radiograph_names(paths: Sequence[str]) -> list[str]:
    """A name for the outputs of each radiograph, the same as that of `egaze-run` (csrc/runner/output_names.cpp).

    It is the file name without the suffix of a radiograph, made safe as by `safe_names`. If several paths would have
    the same name, also on file systems that ignore case, all their names end with 8 digits of the SHA-256 of the path.
    Names depend only on the set of paths, neither on their order nor on the content of a folder; a path that is given
    twice has one name.
    """
    stems = {path: _RADIOGRAPH_EXTENSION.sub("", path.rpartition("/")[2]) for path in paths}
    plain = {path: stem if _is_safe(stem) else _with_digest(stem, _sha256(stem), 8) for path, stem in stems.items()}
    shared = Counter(name.casefold() for name in plain.values())
    names = {path: name for path, name in plain.items() if shared[name.casefold()] == 1}
    used = {name.casefold() for name in names.values()}
    for path in sorted(plain.keys() - names.keys(), key=os.fsencode):
        digits = 8
        while (name := _with_digest(stems[path], _sha256(path), digits)).casefold() in used:
            digits += 8
        used.add(name.casefold())
        names[path] = name
    return [names[path] for path in paths]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


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
