"""Work done by a thread, some items ahead of who needs them."""

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
    """Iterates over what `items` gives, in order; a thread makes them, up to `depth` ahead.

    An error in the thread is raised where the iteration has come to it. `close` must be called; it may be called at
    any time, and again.

    Args:
        items: consumed by the thread.
        depth: items that wait at most.
        wake: called by `close`, so that `items` does not wait for something that will not come any more.
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
            return  # perhaps by `_close_all`, and now again while the interpreter takes modules down
        self._is_closed = True
        _open.discard(self)
        if self._process != os.getpid():
            return  # a copy in a forked child, where the thread does not run
        self._stop.set()
        if self._wake is not None:
            self._wake()
        # With an empty queue the thread can put the one item it may have in hand, and then sees that it must stop.
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
                del item  # what the other side has let go of must not live on here
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
    """A thread inside compiled code when the interpreter is taken down would crash it."""
    for ahead in list(_open):
        ahead.close()
