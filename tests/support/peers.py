"""Scripted TCP peers on loopback: what a real server never does on demand."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil
from staging_exporter.core.model import Observation

from tests.support.neighbour import neighbour
from tests.support.probing import probe

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A server whose every connection runs `handler`; yields its port. Connections still open at the end are cut."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Reads without end and sends nothing."""
    while await reader.read(65536):
        pass


async def hanging_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accepts and closes at once."""


def saying(*parts: bytes, wait: bool = True) -> Handler:
    """Answers each chunk that comes with the next of `parts`, then stays silent, or hangs up when not to `wait`."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            if not await reader.read(65536):
                return
            writer.write(part)
            await writer.drain()
        while wait and await reader.read(65536):
            pass

    return handler


def streaming(first: bytes, chunk: bytes) -> Handler:
    """Answers with `first`, then sends `chunk` without end."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(first)
        while True:
            writer.write(chunk)
            await writer.drain()

    return handler


async def watched(options: dict[str, Any], timeout: float) -> Observation:
    """One run against a hostile peer: asserts that it ends, takes little memory and delays no other task."""
    before = psutil.Process().memory_info().rss
    async with neighbour() as delays:
        seen = await probe(options, timeout=timeout)
    assert seen.duration < timeout + 1
    assert statistics.median(delays) < 0.05
    assert psutil.Process().memory_info().rss - before < 20e6
    return seen
