"""Many radiographs read at once, each worker holding one."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from egaze.errors import StudyError
from egaze.imaging import Canvas
from egaze.study.placing import Failed, Placed, place_radiograph

Job = tuple[int, Path]
Outcome = tuple[int, Path, Placed | Failed]

# One radiograph being read and the next one at hand, so that no worker waits for this process.
_IN_HAND = 2

# A decoder that falls over a damaged radiograph ends its process so. SIGKILL is not among them: it comes from outside,
# as a rule because memory ran out, and says nothing of the radiograph.
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}


def read_radiographs(radiographs: Iterable[Job], canvas: Canvas, workers: int) -> Generator[Outcome, None, None]:
    """Yield every radiograph's outcome, in any order; a worker holds one radiograph, and the path of its next.

    Workers are processes, not threads. The JPEG 2000 decoder holds the interpreter's lock for 470 of the 530 ms of a
    3056x2544 radiograph, so that two threads were no faster than one; and a decoder that crashes, or whose memory runs
    out, takes its own process down and not the study. Uncompressed radiographs are as fast either way. One worker works
    in this process.

    Raises:
        StudyError: a worker was killed, or there is no memory for a radiograph; the message names the radiograph.
    """
    if workers == 1:
        for number, path in radiographs:
            try:
                outcome = place_radiograph(path, canvas)
            except MemoryError as error:
                raise _no_memory(path) from error
            yield number, path, outcome
        return
    yield from _read_in_processes(deque(radiographs), canvas, workers)


def _read_in_processes(radiographs: deque[Job], canvas: Canvas, workers: int) -> Generator[Outcome, None, None]:
    processes: list[_Worker] = []
    try:
        for _ in range(min(workers, len(radiographs))):
            processes.append(_Worker(canvas))
            processes[-1].feed(radiographs)
        while busy := {worker.connection: worker for worker in processes if worker.in_hand}:
            ready: list[Any] = wait(list(busy))
            for connection in ready:
                worker = busy[connection]
                try:
                    outcome = worker.connection.recv()
                except (EOFError, OSError):
                    number, path = worker.in_hand.popleft()
                    outcome = worker.why_it_died(path)
                    radiographs.extendleft(worker.in_hand)
                    processes[processes.index(worker)] = worker = _Worker(canvas)
                else:
                    number, path = worker.in_hand.popleft()
                if isinstance(outcome, MemoryError):
                    raise _no_memory(path)
                worker.feed(radiographs)
                yield number, path, outcome
    finally:
        for worker in processes:
            worker.stop()


class _Worker:
    """A worker process and the radiographs that it has been given, the one being read first."""

    def __init__(self, canvas: Canvas) -> None:
        self.in_hand: deque[Job] = deque()
        ours, theirs = socket.socketpair()
        # Not by multiprocessing, which would run the caller's script again in every worker.
        script = (
            f"import sys; sys.path[:] = {sys.path!r}; from egaze.study.decoding import serve; serve({theirs.fileno()})"
        )
        # Ctrl-C in a terminal reaches a session's processes; what it means is decided in this one alone.
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
                return  # it has died, as the next recv() will tell

    def why_it_died(self, path: Path) -> Failed:
        """What a crash says of the radiograph being read. Raises StudyError when it says nothing of the radiograph."""
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
        # It ends when the connection does, but a radiograph under way is not waited for.
        self.connection.close()
        if self.in_hand:
            self._process.kill()
        self._process.wait()


def serve(descriptor: int) -> None:
    """A worker's life: a canvas, then radiographs, each answered by what `place_radiograph` makes of it."""
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
            return  # the study is done, or its process is


def _no_memory(path: Path) -> StudyError:
    return StudyError(f"{path}: not enough memory to read this radiograph; try again with fewer workers")
