"""Starting the ranks of a training on this computer, and ending all of them when one ends.

The process that calls `train` is no rank itself: it starts one process for each device, calls the callbacks with what
rank 0 tells it, and ends the ranks if one of them fails, if a callback raises, or at Ctrl-C. Should it be killed, the
ranks end by themselves.
"""

from __future__ import annotations

import logging
import logging.handlers
import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric.plugins.environments.lightning import find_free_network_port
from torch import distributed

from egaze.errors import EgazeError
from egaze.study import Study
from egaze.study.layout import open_images
from egaze.training.ranks import Placement, is_lost_connection, name_rank, of_rank

logger = logging.getLogger(__name__)

# How long the others are listened to after one has failed: the first to tell is not always the first to fail.
_SETTLE_S = 1.0
# How long ranks have to end by themselves.
_END_S = 10.0


@dataclass(frozen=True, slots=True)
class _Task:
    """What each rank does; images that are mapped from a file are mapped anew."""

    function: Callable[..., Any]
    study: Study
    images: Path | None
    arguments: dict[str, Any]
    callbacks: tuple[str, ...]
    log_level: int

    def opened_study(self) -> Study:
        return self.study if self.images is None else replace(self.study, stored_images=open_images(self.images))


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a rank tells of its end. All processes of a computer have the same clock."""

    time_s: float
    error: EgazeError
    is_lost_connection: bool
    traceback: str


@dataclass(slots=True)
class _Rank:
    number: int
    process: SpawnProcess
    messages: Connection
    failure: _Failure | None = None
    is_told: bool = False  # whether all messages have been received

    @property
    def has_failed(self) -> bool:
        return self.failure is not None or self.process.exitcode not in (None, 0)


def launch(
    placement: Placement,
    function: Callable[..., Any],
    study: Study,
    arguments: Mapping[str, Any],
    callbacks: Mapping[str, Callable[..., object] | None],
) -> Any:
    """Call a function in one process for each device of this node, and return what it returns in the node's first.

    Args:
        placement: the devices and nodes.
        function: of a module, so that it is found by its name; called with the study, the arguments and the callbacks.
        study: given to each rank.
        arguments: that can be pickled.
        callbacks: called in this process with what rank 0 calls them with; the other ranks have none.

    Raises:
        EgazeError: a rank has failed; the message names it.
    """
    given = {name: callback for name, callback in callbacks.items() if callback is not None}
    mapped = _mapped_file(study)
    task = _Task(
        function,
        study if mapped is None else replace(study, stored_images=None),
        mapped,
        dict(arguments),
        tuple(given),
        logging.getLogger().getEffectiveLevel(),
    )
    with _started(placement, task) as ranks:
        return _result(ranks, placement.ranks, given)


def _mapped_file(study: Study) -> Path | None:
    """The file whose images, in whole and as they lie there, are the study's."""
    images = study.stored_images
    if not isinstance(images, np.memmap) or images.filename is None or not images.flags.c_contiguous:
        return None
    path = Path(images.filename)
    return path if open_images(path).shape == images.shape else None


@contextmanager
def _started(placement: Placement, task: _Task) -> Iterator[list[_Rank]]:
    """The ranks of this node, which are ended at the end of the block."""
    context = multiprocessing.get_context("spawn")
    node = int(os.environ.get("NODE_RANK", 0)) if placement.nodes > 1 else 0
    port = os.environ["MASTER_PORT"] if placement.nodes > 1 else str(find_free_network_port())
    ranks: list[_Rank] = []
    try:
        with _without_interrupts():
            for local_rank in range(placement.devices):
                ours, theirs = context.Pipe(duplex=False)
                number = node * placement.devices + local_rank
                process = context.Process(
                    target=_be_rank, args=(placement, node, local_rank, port, task, theirs), name=f"egaze-rank-{number}"
                )
                process.start()
                theirs.close()
                ranks.append(_Rank(number, process, ours))
        yield ranks
    finally:
        _end(ranks)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let processes that are started here take no notice of Ctrl-C: the one that starts them ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(ranks: Sequence[_Rank]) -> None:
    for rank in ranks:
        rank.process.terminate()
    until_s = time.monotonic() + _END_S
    for rank in ranks:
        rank.process.join(max(0.0, until_s - time.monotonic()))
        if rank.process.is_alive():
            rank.process.kill()
            rank.process.join()
        rank.messages.close()


def _result(ranks: Sequence[_Rank], in_all: int, callbacks: Mapping[str, Callable[..., object]]) -> Any:
    """Call the callbacks until all ranks have ended; return what the first returned."""
    results: list[Any] = []
    until_s = math.inf

    def take(rank: _Rank, kind: str, content: Any) -> None:
        if kind == "call":
            name, arguments = content
            callbacks[name](*arguments)
        elif kind == "log":
            logging.getLogger(content.name).handle(content)
        elif kind == "failure":
            rank.failure = content
        elif rank is ranks[0]:
            results.append(content)

    while True:
        running = [rank.process.sentinel for rank in ranks if rank.process.is_alive()]
        talking = [rank.messages for rank in ranks if not rank.is_told]
        if running or talking:
            wait([*talking, *running], None if until_s == math.inf else max(0.0, until_s - time.monotonic()))
        for rank in ranks:
            for message in _messages(rank):
                take(rank, *message)
        if any(rank.has_failed for rank in ranks):
            until_s = min(until_s, time.monotonic() + _SETTLE_S)
        have_ended = not any(rank.process.is_alive() for rank in ranks)
        if until_s < math.inf and (have_ended or time.monotonic() >= until_s):
            raise _cause(ranks, in_all)
        if have_ended and all(rank.is_told for rank in ranks):
            if not results:
                raise EgazeError(f"{of_rank(ranks[0].number, in_all)} ended without a result")
            return results[0]


def _messages(rank: _Rank) -> Iterator[tuple[str, Any]]:
    """What the rank has said since."""
    while not rank.is_told:
        try:
            if not rank.messages.poll():
                return
            message = rank.messages.recv_bytes()
        except (EOFError, OSError):
            rank.is_told = True
        else:
            yield pickle.loads(message)


def _cause(ranks: Sequence[_Rank], in_all: int) -> EgazeError:
    """The error of the rank that failed by itself, and not because another had ended."""
    told = [(rank, rank.failure) for rank in ranks if rank.failure is not None]
    by_themselves = [item for item in told if not item[1].is_lost_connection]
    silent = next((rank for rank in ranks if rank.failure is None and rank.has_failed), None)
    if silent is not None and not by_themselves:
        code = silent.process.exitcode or 0
        how = f"ended with exit code {code}"
        if code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += ", as by a system without memory"
        return EgazeError(f"{of_rank(silent.number, in_all)} {how}; what was finished is kept: go on with --resume")
    rank, failure = min(by_themselves or told, key=lambda item: item[1].time_s)
    logger.debug("rank %d: %s", rank.number, failure.traceback)
    return failure.error


class _Line:
    """The line of a rank to the process that has started it."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def send(self, kind: str, content: Any) -> None:
        # By `pickle` itself: a connection would share tensors, which end with the process that has made them.
        message = pickle.dumps((kind, content))
        with self._lock:
            self._connection.send_bytes(message)

    def callback(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.send("call", (name, arguments))

    def put_nowait(self, record: logging.LogRecord) -> None:
        """Pass on a log record, as the queue of a `QueueHandler`."""
        self.send("log", record)


def _be_rank(placement: Placement, node: int, local_rank: int, port: str, task: _Task, connection: Connection) -> None:
    """Carry out the task as one of the ranks."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    number, line = node * placement.devices + local_rank, _Line(connection)
    os.environ.update(LOCAL_RANK=str(local_rank), NODE_RANK=str(node), MASTER_PORT=port)
    if placement.nodes == 1:
        os.environ["MASTER_ADDR"] = "127.0.0.1"
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    _speak_through(line if number == 0 else None, task.log_level)
    callbacks = {name: line.callback(name) if number == 0 else None for name in task.callbacks}
    code = 1
    try:
        result = task.function(task.opened_study(), **task.arguments, **callbacks)
        line.send("result", result if local_rank == 0 else None)
        if distributed.is_initialized():
            distributed.destroy_process_group()
        code = 0
    except Exception as error:
        known = error if isinstance(error, EgazeError) else None
        told = known or EgazeError(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
        name_rank(told, number, placement.ranks)
        with suppress(OSError):  # nobody listens any more
            line.send("failure", _Failure(time.time(), told, is_lost_connection(error), traceback.format_exc()))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # taking torch apart takes seconds, and there is nothing left to be done


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _speak_through(line: _Line | None, level: int) -> None:
    """Log through the line; without one, be silent: rank 0 alone speaks."""
    root = logging.getLogger()
    root.setLevel(level)
    if line is None:
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
    else:
        root.handlers = [logging.handlers.QueueHandler(line)]  # type: ignore[arg-type]  # it only puts into it
