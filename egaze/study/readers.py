"""Many films read at once, each worker holding one."""

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
from egaze.study.film import Failed, Placed, place_film

Job = tuple[int, Path]
Answer = tuple[int, Path, Placed | Failed]

# One film being read and the next one at hand, so that no worker waits for this process.
_IN_HAND = 2

# A decoder that falls over a damaged film ends its process so. SIGKILL is not among them: it comes from outside,
# as a rule because memory ran out, and says nothing of the film.
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}


def read_films(films: Iterable[Job], canvas: Canvas, workers: int) -> Generator[Answer, None, None]:
    """Yield every film's answer, in any order; a worker holds one film, and the path of its next.

    Workers are processes, not threads. The JPEG 2000 decoder holds the interpreter's lock for 470 of the 530 ms of a
    3056x2544 film, so that two threads were no faster than one; and a decoder that crashes, or whose memory runs out,
    takes its own process down and not the study. Uncompressed films are as fast either way. One worker works in this
    process.

    Raises:
        StudyError: a worker was killed, or there is no memory for a film; the message names the film.
    """
    if workers == 1:
        for number, path in films:
            try:
                answer = place_film(path, canvas)
            except MemoryError as error:
                raise _no_memory(path) from error
            yield number, path, answer
        return
    yield from _read_in_processes(deque(films), canvas, workers)


def _read_in_processes(films: deque[Job], canvas: Canvas, workers: int) -> Generator[Answer, None, None]:
    readers: list[_Reader] = []
    try:
        for _ in range(min(workers, len(films))):
            readers.append(_Reader(canvas))
            readers[-1].feed(films)
        while busy := {reader.connection: reader for reader in readers if reader.in_hand}:
            ready: list[Any] = wait(list(busy))
            for connection in ready:
                reader = busy[connection]
                try:
                    answer = reader.connection.recv()
                except (EOFError, OSError):
                    number, path = reader.in_hand.popleft()
                    answer = reader.why_it_died(path)
                    films.extendleft(reader.in_hand)
                    readers[readers.index(reader)] = reader = _Reader(canvas)
                else:
                    number, path = reader.in_hand.popleft()
                if isinstance(answer, MemoryError):
                    raise _no_memory(path)
                reader.feed(films)
                yield number, path, answer
    finally:
        for reader in readers:
            reader.stop()


class _Reader:
    """A worker process and the films that it has been given, the one being read first."""

    def __init__(self, canvas: Canvas) -> None:
        self.in_hand: deque[Job] = deque()
        ours, theirs = socket.socketpair()
        # Not by multiprocessing, which would run the caller's script again in every worker.
        script = (
            f"import sys; sys.path[:] = {sys.path!r}; from egaze.study.readers import serve; serve({theirs.fileno()})"
        )
        # Ctrl-C in a terminal reaches a session's processes; what it means is decided in this one alone.
        self._process = subprocess.Popen(
            [sys.executable, "-c", script], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self.connection.send(canvas)

    def feed(self, films: deque[Job]) -> None:
        while films and len(self.in_hand) < _IN_HAND:
            job = films.popleft()
            self.in_hand.append(job)
            try:
                self.connection.send(job[1])
            except OSError:
                return  # it has died, as the next recv() will tell

    def why_it_died(self, path: Path) -> Failed:
        """What a crash says of the film being read. Raises StudyError when it says nothing of the film."""
        self.connection.close()
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if -code in _CRASHES:
            return Failed(f"{path}: the decoder crashed ({how})")
        raise StudyError(
            f"{path}: the process that read this film was ended ({how}; out of memory?); the films before it are "
            "kept, so try again with fewer workers"
        )

    def stop(self) -> None:
        # It ends when the connection does, but a film under way is not waited for.
        self.connection.close()
        if self.in_hand:
            self._process.kill()
        self._process.wait()


def serve(descriptor: int) -> None:
    """A worker's life: a canvas, then films, each answered by what `place_film` makes of it."""
    with Connection(descriptor) as connection:
        try:
            canvas = connection.recv()
            while True:
                path = connection.recv()
                try:
                    answer: Placed | Failed | MemoryError = place_film(path, canvas)
                except MemoryError:
                    answer = MemoryError()
                connection.send(answer)
        except (EOFError, OSError):
            return  # the study is done, or its process is


def _no_memory(path: Path) -> StudyError:
    return StudyError(f"{path}: not enough memory to read this film; try again with fewer workers")
