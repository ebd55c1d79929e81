"""Reading many radiographs in parallel, here or on a cluster, with at most one in the memory of each worker."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import lru_cache, partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from egaze.cluster import Cluster, in_batches, require_alike, unseen
from egaze.errors import StudyError
from egaze.imaging import Canvas
from egaze.study.placing import Failed, Placed, place_radiograph

Job = tuple[int, Path]
Outcome = tuple[int, Path, Placed | Failed]

# One radiograph being read and the path of the next one, so that no worker waits for this process.
_IN_HAND = 2

# So many radiographs go to a cluster together: seconds of work, of which one process at a time loses its own.
_BATCH = 8

# The signals by which a decoder that crashes on a damaged radiograph ends its process. SIGKILL is not among them: it is
# sent from outside, usually because memory ran out, and does not mean that the radiograph is damaged.
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}


def read_radiographs(radiographs: Iterable[Job], canvas: Canvas, workers: int) -> Generator[Outcome, None, None]:
    """Yield the outcome of every radiograph, in any order.

    Workers are processes, not threads: the JPEG 2000 decoder holds the interpreter lock for 470 of the 530 ms that a
    3056x2544 radiograph takes, so that two threads are no faster than one; and a decoder that crashes or runs out of
    memory ends only its own process. Uncompressed radiographs are equally fast either way. A single worker runs in this
    process.

    Args:
        radiographs: the number and path of each.
        canvas: where to place them.
        workers: the number of processes, at least 1.

    Raises:
        StudyError: a worker was killed, or memory ran out; the message names the radiograph.
    """
    if workers == 1:
        for number, path in radiographs:
            try:
                outcome = place_radiograph(path, canvas)
            except MemoryError as error:
                raise _no_memory(path) from error
            yield number, path, outcome
        return
    jobs, processes = deque(radiographs), list[_Worker]()
    try:
        for _ in range(min(workers, len(jobs))):
            processes.append(_Worker(canvas))
        yield from _read_with(processes, jobs, canvas)
    finally:
        for worker in processes:
            worker.stop()


def read_on_cluster(
    radiographs: Iterable[Job], canvas: Canvas, cluster: Cluster, alike: Sequence[str]
) -> Generator[Outcome, None, None]:
    """Yield the outcome of every radiograph as `read_radiographs` does, read by the processes of a cluster.

    A radiograph whose process or machine was lost is read again.

    Args:
        alike: packages whose versions decide the pixels.

    Raises:
        StudyError: as `read_radiographs`, once `egaze.cluster.RETRIES` further tries have failed.
        EgazeError: as `Cluster.map`; or a machine does not see a file that this one sees.
    """
    batches = in_batches(radiographs, _BATCH)
    with closing(cluster.map(partial(_read_there, canvas), batches, alike=alike, retry=[StudyError])) as read:
        for outcomes, unseen_there in read:
            require_alike(unseen_there)
            yield from outcomes


def _read_there(canvas: Canvas, jobs: Sequence[Job]) -> tuple[list[Outcome], list[str]]:
    """Run in a worker of a cluster: read radiographs, each in the process that a crash of a decoder may end.

    Also returns the files that this machine does not see.
    """
    processes = _kept_processes(canvas)
    try:
        return list(_read_with(processes, deque(jobs), canvas)), unseen(path for _, path in jobs)
    except BaseException:
        for worker in processes:
            worker.stop()
        _kept_processes.cache_clear()
        raise


@lru_cache(maxsize=1)
def _kept_processes(canvas: Canvas) -> list[_Worker]:
    """The process that reads for a worker of a cluster from one batch to the next; it ends with the worker."""
    return [_Worker(canvas)]


def _read_with(processes: list[_Worker], radiographs: deque[Job], canvas: Canvas) -> Generator[Outcome, None, None]:
    """Read with processes that have nothing in hand; one that crashes is replaced in the list."""
    for worker in processes:
        worker.feed(radiographs)
    while busy := {worker.connection: worker for worker in processes if worker.in_hand}:
        ready: list[Any] = wait(list(busy))
        for connection in ready:
            worker = busy[connection]
            try:
                outcome = worker.connection.recv()
            except (EOFError, OSError):
                number, path = worker.in_hand.popleft()
                outcome = worker.reason_of_death(path)
                radiographs.extendleft(worker.in_hand)
                processes[processes.index(worker)] = worker = _Worker(canvas)
            else:
                number, path = worker.in_hand.popleft()
            if isinstance(outcome, MemoryError):
                raise _no_memory(path)
            worker.feed(radiographs)
            yield number, path, outcome


class _Worker:
    """A worker process and the radiographs it has been given, beginning with the one that it reads."""

    def __init__(self, canvas: Canvas) -> None:
        self.in_hand: deque[Job] = deque()
        ours, theirs = socket.socketpair()
        # Not by multiprocessing, which would run the caller's script again in every worker.
        script = (
            f"import sys; sys.path[:] = {sys.path!r}; from egaze.study.decoding import serve; serve({theirs.fileno()})"
        )
        # A session of its own, because Ctrl-C reaches all processes of a session and must be handled here alone.
        self._process = subprocess.Popen(
            [sys.executable, "-c", script], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self.connection.send(canvas)

    def feed(self, radiographs: deque[Job]) -> None:
        while radiographs and len(self.in_hand) < _IN_HAND:
            job = radiographs.popleft()
            self.in_hand.append(job)
            try:
                self.connection.send(job[1])
            except OSError:
                return  # the worker has ended, and the next recv() will fail

    def reason_of_death(self, path: Path) -> Failed:
        """The outcome of the radiograph on which the decoder crashed.

        Raises:
            StudyError: the process was ended from outside, which does not mean that the radiograph is damaged.
        """
        self.connection.close()
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if -code in _CRASHES:
            return Failed(f"{path}: the decoder crashed ({how})")
        raise StudyError(
            f"{path}: the process that read this radiograph was ended ({how}; out of memory?); the radiographs before "
            "it are kept, so try again with fewer workers"
        )

    def stop(self) -> None:
        # A worker ends when its connection closes, but a radiograph that is being read is not waited for.
        self.connection.close()
        if self.in_hand:
            self._process.kill()
        self._process.wait()


def serve(descriptor: int) -> None:
    """Run a worker: receive a canvas, then paths of radiographs, and send back the result of `place_radiograph`."""
    with Connection(descriptor) as connection:
        try:
            canvas = connection.recv()
            while True:
                path = connection.recv()
                try:
                    outcome: Placed | Failed | MemoryError = place_radiograph(path, canvas)
                except MemoryError:
                    outcome = MemoryError()
                connection.send(outcome)
        except (EOFError, OSError):
            return  # the study is finished, or its process has ended


def _no_memory(path: Path) -> StudyError:
    return StudyError(f"{path}: not enough memory to read this radiograph; try again with fewer workers")
