"""Where a search keeps its trials: Optuna's journal in a file, or a database, which many processes share."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from egaze.errors import EgazeError

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

#: The search's name within its storage, which other programs may share.
NAME = "egaze"
_FACTS = "egaze"


def require_optuna() -> None:
    """Raise EgazeError if Optuna is not installed; otherwise quieten it: the search says what there is to say."""
    try:
        import optuna
    except ImportError as error:
        raise EgazeError("a search needs Optuna: pip install 'egaze[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def open_search(storage: str, facts: dict[str, object]) -> optuna.Study:
    """Open the search in a storage, or begin it there.

    Args:
        storage: the URL of a database, such as "sqlite:///search.db" or "postgresql://user@host/name", or the path of a
            journal file.
        facts: what the search is of; a search that is there already must be of the same.

    Raises:
        EgazeError: the storage cannot be used, or holds another search.
    """
    import optuna

    where = _without_password(storage)
    with _told(where):
        opened = _storage(storage)
        try:
            search = optuna.load_study(storage=opened, study_name=NAME)
        except KeyError:
            search = optuna.create_study(storage=opened, study_name=NAME, direction="maximize", load_if_exists=True)
        if _FACTS not in search.user_attrs:
            if search.trials:
                raise EgazeError(f"{where}: holds a search named {NAME!r} that is not egaze's; choose another storage")
            search.set_user_attr(_FACTS, facts)
        then = search.user_attrs[_FACTS]
    for key, value in facts.items():
        if not isinstance(then, dict) or then.get(key) != value:
            found = then.get(key) if isinstance(then, dict) else None
            both = "" if key.endswith("sha256") else f": {found} there, {value} here"
            name = key.removesuffix("_sha256").replace("_", " ")
            raise EgazeError(
                f"{where}: holds another search: its {name} differs{both}; choose another storage or --out"
            )
    return search


def _storage(storage: str) -> BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalFileSymlinkLock

    if "://" in storage:
        return RDBStorage(storage)
    path = Path(storage)
    _require_journal(path)
    # A symbolic link is a lock on network disks too; Windows allows them to few users.
    lock = JournalFileOpenLock if sys.platform == "win32" else JournalFileSymlinkLock
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock(str(path))))


def _require_journal(path: Path) -> None:
    """Check that a file that is there is a journal, before anything is appended to it."""
    if path.is_dir() or not path.parent.is_dir():
        raise EgazeError(f"{path}: cannot be a journal file: it is a folder, or its folder is missing")
    if path.exists() and os.path.getsize(path):
        with path.open("rb") as file:
            first = file.readline(1 << 20)
        try:
            is_journal = "op_code" in json.loads(first)
        except (ValueError, TypeError):
            is_journal = False
        if not is_journal:
            raise EgazeError(f"{path}: is not the journal of a search; choose another storage")


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Turn whatever a storage raises while it is opened into an error of one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that parts of Optuna are experimental in some of its versions
            yield
    except EgazeError:
        raise
    except Exception as error:  # of Optuna, SQLAlchemy, a database's driver, or the file system
        why = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise EgazeError(f"{where}: cannot be used as the storage of a search: {why}") from error


def _without_password(storage: str) -> str:
    if "://" not in storage:
        return storage
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(storage).render_as_string(hide_password=True)
    except ArgumentError:
        return storage.partition("://")[0] + "://..."
