"""A value that is fetched again before it ends: one fetch at a time, whoever asks."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from staging_exporter.core.model import ProbeFailed

T = TypeVar("T")

_MEMORY = 1.0  # seconds for which a failure is repeated to those who ask again


class Fetched(NamedTuple, Generic[T]):
    """A value, until when it is fresh and until when it can be used at all, by `time.monotonic()`."""

    value: T
    fresh: float
    usable: float = math.inf


class Renewed(Generic[T]):
    """Keeps what `fetch` gives. A value that is usable but no longer fresh is given out while the next is fetched.

    `pause` is seconds between such renewals, which may fail or give the same again.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Fetched[T]]], pause: float = 10.0) -> None:
        self._fetch, self._pause = fetch, pause
        self._kept: Fetched[T] | None = None
        self._task: asyncio.Task[Fetched[T]] | None = None
        self._failed: tuple[float, ProbeFailed] | None = None
        self._next = 0.0

    @property
    def value(self) -> T | None:
        """What is kept now, usable or not."""
        return self._kept.value if self._kept else None

    async def get(self, timeout: float) -> T:
        """The value, within `timeout` seconds; cancelling stops the wait, never the fetch.

        Raises ProbeFailed when the fetch fails, TimeoutError when it gives nothing in time: it goes on for the next.
        """
        now = time.monotonic()
        kept = self._kept
        if kept is not None and now < kept.fresh:
            return kept.value
        usable = kept is not None and now < kept.usable
        if kept is not None and usable:
            if now >= self._next:
                self._start()
            return kept.value
        if self._failed is not None and now < self._failed[0] + _MEMORY:
            raise ProbeFailed(self._failed[1].reason, self._failed[1].detail)
        task = self._start()
        await asyncio.wait({task}, timeout=timeout)
        if not task.done():
            raise TimeoutError
        return task.result().value

    def forget(self) -> None:
        """Fetch again for whoever asks next."""
        self._kept = None

    def _start(self) -> asyncio.Task[Fetched[T]]:
        if self._task is None:
            self._task = asyncio.create_task(self._fetched())
            self._task.add_done_callback(self._done)
        return self._task

    async def _fetched(self) -> Fetched[T]:
        return await self._fetch()

    def _done(self, task: asyncio.Task[Fetched[T]]) -> None:
        self._task, self._failed = None, None
        if task.cancelled():
            return
        self._next = time.monotonic() + self._pause
        error = task.exception()
        if error is None:
            self._kept = task.result()
        elif isinstance(error, ProbeFailed):
            self._failed = time.monotonic(), error
