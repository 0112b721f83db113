"""Calls that may block, in daemon threads: a file on a mount that hangs holds up neither the loop nor the exit.

The threads of `asyncio.to_thread` are joined when the process ends; these are not.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class _Workers:
    """Threads that are started when all others are busy, and never joined."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[Any]] = {}

    def submit(self, call: Callable[[], Any], key: Hashable) -> Future[Any]:
        """The result of `call`, or of the one with the same key that still runs: a file that hangs takes one thread."""
        with self._lock:
            if key is not None and (running := self._running.get(key)) is not None:
                return running
            future: Future[Any] = Future()
            future.set_running_or_notify_cancel()  # so that one caller cannot cancel it for the others
            if key is not None:
                self._running[key] = future
        if key is not None:
            future.add_done_callback(lambda _: self._forget(key))
        self._jobs.put((call, future))
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._work, daemon=True, name="background").start()
        return future

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            self._running.pop(key, None)

    def _work(self) -> None:
        while True:
            call, future = self._jobs.get()
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
                del error
            else:
                future.set_result(result)
                del result
            del call, future  # they may hold secrets, and keep their owner alive
            self._idle.release()


_WORKERS = _Workers()


async def in_background(call: Callable[[], T], key: Hashable = None) -> T:
    """The result of `call` in a thread. Cancelling stops the wait alone.

    Calls with the same key share one thread while it runs. Raises whatever `call` raises.
    """
    result: T = await asyncio.wrap_future(_WORKERS.submit(call, key))
    return result
