"""A Ray cluster as the place of long work: a function mapped over items, in order, with a bounded number in flight.

Ray's own processes exchange functions and results by pickling, within the cluster; nothing is loaded from a file. The
driver, which calls `Cluster.map`, must run on a machine of the cluster, and all machines must see the same folders.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import islice
from typing import Any, TypeVar

from egaze import _core
from egaze.errors import EgazeError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: How often work that was lost with its process or its machine is done again before that is an error.
RETRIES = 4
#: Of each worker: one item that it works on, and one that waits.
_IN_HAND = 2
_PROBE_S = 4.0

# Asks the head of a cluster for the cluster's id. Ray tries for 40 s if nothing answers, which no setting shortens, and
# only the end of its process stops it.
_PROBE = """
import sys
from ray._raylet import GcsClient
print(flush=True)
GcsClient(address=sys.argv[1])
"""
# Set before Ray is imported, so that it sends no statistics and does not print on stdout which machines have failed.
_QUIETLY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": ".", "RAY_BACKEND_LOG_LEVEL": "error"}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the driver works, and with what: workers must have the same, or their results would be others."""

    folder: str
    simd: str
    versions: tuple[tuple[str, str | None], ...]


class Cluster:
    """A cluster that this process is connected to; see `open_cluster`.

    Args:
        address: shown in messages.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def map(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        processors: int = 1,
        gpus: int = 0,
        alike: Sequence[str] = (),
        retry: Sequence[type[EgazeError]] = (),
    ) -> Generator[Result, None, None]:
        """Yield the result of `work` for each item, in order, as `map` does, computed by the cluster's processes.

        Work that is lost, because its process was killed or its machine failed, is done again elsewhere. Items are
        taken as room for them comes up. Closing the iterator cancels what is in flight.

        Args:
            work: a function of a module that is installed on all machines, or a `functools.partial` of one.
            items: what it is called with; pickled.
            processors: number of processors that each call takes, at most those of the largest machine.
            gpus: number of GPUs that each call takes.
            alike: packages whose versions must be those of this process, besides egaze.
            retry: errors after which an item is tried again as if its process had been lost.

        Raises:
            EgazeError: what `work` raises; the cluster has no processor or GPU, or another version of a package, lacks
                this process's folder, or loses the work on one item time and again.
        """
        ray, processors = _ray(), min(processors, self._largest("CPU"))
        place = _Place(os.getcwd(), _core.simd_level(), _versions(("egaze", "numpy", *alike)))
        given = ray.put((work, place))
        call = ray.remote(_called).options(
            num_cpus=processors,
            num_gpus=gpus and min(gpus, self._largest("GPU")),
            max_retries=RETRIES,
            retry_exceptions=list(retry),
            scheduling_strategy="SPREAD",
        )
        ahead: deque[Any] = deque()
        try:
            for item in items:
                while len(ahead) >= self._room(processors):
                    yield self._result(ahead.popleft())
                ahead.append(call.remote(given, item))
            while ahead:
                yield self._result(ahead.popleft())
        finally:
            for reference in ahead:
                with suppress(Exception):
                    ray.cancel(reference, force=True)

    def _result(self, reference: Any) -> Any:
        ray = _ray()
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, EgazeError):
                raise error.cause from error
            raise
        except ray.exceptions.RayError as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise EgazeError(
                f"{self._address}: the cluster lost the same work {RETRIES + 1} times, or cannot be reached: {why}"
            ) from error

    def _room(self, processors: int) -> int:
        """How many items may be in flight; more once machines have joined."""
        return _IN_HAND * max(1, int(_ray().cluster_resources().get("CPU", 0)) // processors)

    def _largest(self, kind: str) -> int:
        """The number of processors ("CPU") or GPUs of the machine that has the most."""
        machines = [node["Resources"] for node in _ray().nodes() if node["Alive"]]
        found = max((int(machine.get(kind, 0)) for machine in machines), default=0)
        if not found:
            raise EgazeError(f"{self._address}: no machine of the cluster offers a {kind}")
        return found


@contextmanager
def open_cluster(address: str) -> Iterator[Cluster]:
    """Connect to a running Ray cluster until the block ends.

    Args:
        address: HOST:PORT of its head, as `ray start --head` prints it.

    Raises:
        EgazeError: Ray is not installed, nothing answers there within seconds, or this machine is not of the cluster.
    """
    require_cluster(address)
    ray = _ray()
    if ray.is_initialized():  # by the program that calls egaze
        yield Cluster(address)
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # Ray raises many classes
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EgazeError(f"{address}: cannot join the Ray cluster: {why}") from error
    try:
        yield Cluster(address)
    finally:
        ray.shutdown()


def _ray() -> Any:
    """Ray, which takes a second to import."""
    for name, value in _QUIETLY.items():
        os.environ.setdefault(name, value)
    import ray

    return ray


def require_cluster(address: str) -> None:
    """Check that Ray is installed and that a cluster answers at the address, within seconds.

    Raises:
        EgazeError: it is not, or nothing does.
    """
    if find_spec("ray") is None:
        raise EgazeError("a Ray cluster needs Ray: pip install 'egaze[ray]'")
    named = re.fullmatch(r"\[?([^\s/@\[\]]+)\]?:([0-9]{1,5})", address)
    if named is None or not 0 < int(named[2]) < 65536:
        raise EgazeError(f"{address}: is not the address of a Ray cluster; give HOST:PORT of its head")
    try:
        socket.create_connection((named[1], int(named[2])), timeout=_PROBE_S).close()
    except OSError as error:
        raise EgazeError(
            f"{address}: no Ray cluster answers there ({error.strerror or error}); start one with `ray start --head`"
        ) from error
    command = [sys.executable, "-c", _PROBE, address]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | _QUIETLY
    ) as probe:
        assert probe.stdout is not None
        probe.stdout.readline()  # Ray is imported
        try:
            answers = probe.wait(_PROBE_S) == 0
        except subprocess.TimeoutExpired:
            answers = False
        finally:
            probe.kill()
    if not answers:
        raise EgazeError(
            f"{address}: what is there does not answer as a Ray cluster, or not to this version of Ray and its token"
        )


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of `size` items; the last may be shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def unseen(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """The files that this machine does not see; for a worker's result, which `require_alike` judges in the driver."""
    return [os.fspath(path) for path in paths if not os.path.exists(path)]


def require_alike(unseen_there: Iterable[str]) -> None:
    """Raise EgazeError if this machine sees a file that a machine of the cluster does not."""
    for path in unseen_there:
        if os.path.exists(path):
            raise EgazeError(f"{path}: a machine of the cluster does not see this file; all must share its folder")


def _called(given: tuple[Callable[[Any], Any], _Place], item: Any) -> Any:
    """Run in a worker: call the work where the driver would."""
    work, place = given
    _require_same(place)
    try:
        os.chdir(place.folder)
    except OSError as error:
        raise EgazeError(
            f"{place.folder}: a machine of the cluster does not have this folder; all must share it"
        ) from error
    return work(item)


@cache
def _require_same(place: _Place) -> None:
    own = _Place(place.folder, _core.simd_level(), _versions(tuple(name for name, _ in place.versions)))
    if own.simd != place.simd:
        raise EgazeError(
            f"a machine of the cluster computes with {own.simd} and this one with {place.simd}, so that last digits "
            "would differ; use machines of one kind, or set EGAZE_SIMD alike on all"
        )
    for (name, here), (_, there) in zip(place.versions, own.versions, strict=True):
        if here != there:
            raise EgazeError(f"a machine of the cluster has {name} {there or 'not installed'}, and this one {here}")


def _versions(names: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    return tuple((name, _version(name)) for name in names)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
