"""Looking for words in everything a run has written."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import polars as pl

_CODINGS = ("utf-8", "utf-16-le", "utf-16-be")


def leaks(words: Collection[str], places: Iterable[Path]) -> list[str]:
    """Which words are in which files, by name or content, as "WORD in FILE".

    Contents are searched as they are, and unpacked where a format packs them: zip members, cells of Parquet tables,
    and what HTML embeds. A word may be in UTF-8 or UTF-16, in any case. A number counts only where it stands alone,
    since its digits may be part of another one's.
    """
    numbers = {word for word in words if word.isdecimal()}
    texts = {word: [word.lower().encode(coding) for coding in _CODINGS] for word in set(words) - numbers}
    found = []
    for place in places:
        for path in (place, *place.rglob("*")):
            told: set[str] = set()
            for content in (path.name.encode(), *(_contents(path.read_bytes()) if path.is_file() else [])):
                lower = content.lower()
                told |= {word for word, forms in texts.items() if any(form in lower for form in forms)}
                told |= numbers & _numbers(content)
            found += [f"{word} in {path}" for word in sorted(told)]
    return found


def _numbers(content: bytes) -> set[str]:
    """The whole numbers of more than three digits that stand alone in a content."""
    plain = re.findall(rb"(?<![0-9.])[0-9]{4,}(?![0-9])", content)
    wide = re.findall(rb"(?:[0-9]\0){4,}|(?:\0[0-9]){4,}", content)
    return {digits.replace(b"\0", b"").decode() for digits in (*plain, *wide)}


def _contents(content: bytes) -> Iterator[bytes]:
    yield content
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from _contents(archive.read(name))
    elif content.startswith(b"PAR1"):
        table = pl.read_parquet(content)
        yield "\n".join(table.columns).encode()
        for column in table:
            yield "\n".join(map(str, column.unique())).encode()
    elif b"<html" in content[:1000]:
        for embedded in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content):
            yield from _contents(base64.b64decode(embedded))
