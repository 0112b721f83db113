"""Run a program in a process group of its own, with its output bounded and nothing of it left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

_DRAIN = 0.1  # seconds that output may still come once the whole group is dead


class Output:
    """What a program wrote, its first `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.data = bytearray()

    @property
    def text(self) -> str:
        """The output as text, without the white space around it."""
        return self.data.decode(errors="replace").strip()


async def run(command: Sequence[str], env: Mapping[str, str], output: Output) -> int:
    """Run to the end and return the exit status, negative for a signal; `output` fills as it comes.

    Cancelling kills the program and its children. Raises OSError, ValueError when it cannot be started.
    """
    async with _pipe(output) as (descriptor, reading):
        try:
            process = await asyncio.create_subprocess_exec(
                *command, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=descriptor, stderr=descriptor,
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(descriptor)
        try:
            return await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await asyncio.wait({reading}, timeout=_DRAIN)


@asynccontextmanager
async def _pipe(output: Output) -> AsyncIterator[tuple[int, asyncio.Task[None]]]:
    """The writing end of a pipe, to be closed by the caller, and the task that reads the other end into `output`."""
    reader = asyncio.StreamReader()
    reading_end, writing_end = os.pipe()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading_end, "rb", buffering=0)
    )
    reading = asyncio.create_task(_read(reader, output))
    try:
        yield writing_end, reading
    finally:
        reading.cancel()
        transport.close()


async def _read(reader: asyncio.StreamReader, output: Output) -> None:
    while data := await reader.read(65536):
        output.data += data[: output.limit - len(output.data)]
