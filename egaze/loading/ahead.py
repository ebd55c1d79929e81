"""Items produced by a thread, a few ahead of their consumer."""

from __future__ import annotations

import atexit
import os
import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Iterates over `items` in order, while a thread produces them up to `depth` ahead.

    An error in the thread is raised at the item that it belongs to. `close` must be called at the end; it may be called
    at any time, and more than once.

    Args:
        items: the iterable that the thread consumes.
        depth: the largest number of items that wait to be consumed.
        wake: called by `close` to wake an `items` that is waiting for something.
    """

    def __init__(self, items: Iterable[T], depth: int, wake: Callable[[], None] | None = None) -> None:
        self._ready: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
        self._stop = threading.Event()
        self._wake = wake
        self._process = os.getpid()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, args=(items,), name="egaze-loader", daemon=True)
        _open.add(self)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        while not isinstance(item := self._ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def close(self) -> None:
        """Stop the thread and wait until it has ended."""
        if self._is_closed:
            return  # `_close_all` may have closed it already, and modules may be gone by now
        self._is_closed = True
        _open.discard(self)
        if self._process != os.getpid():
            return  # a copy in a forked child process, which does not have the thread
        self._stop.set()
        if self._wake is not None:
            self._wake()
        # An empty queue has room for the item that the thread may be holding; after that the thread sees the stop flag.
        while True:
            try:
                self._ready.get_nowait()
            except queue.Empty:
                break
        self._thread.join()

    def _run(self, items: Iterable[T]) -> None:
        end = _End(None)
        try:
            for item in items:
                if self._stop.is_set():
                    return
                self._ready.put(item)
                del item  # so that the consumer alone keeps it alive
        except BaseException as error:
            end = _End(error)
        if not self._stop.is_set():
            self._ready.put(end)


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


_open: weakref.WeakSet[Ahead[Any]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close all threads at exit: one that is inside compiled code would crash the interpreter while it shuts down."""
    for ahead in list(_open):
        ahead.close()
