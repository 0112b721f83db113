"""Kind `exec`: the exit status of a command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.check import Check
from staging_exporter.options.model import Listed
from staging_exporter.options.secrets import FromEnv, FromFile

_MAX_OUTPUT = 64 * 1024
_DRAIN = 0.1  # seconds to read the rest of the output after the process group has ended
_SHOWN = 400  # characters of the output in a detail: its beginning and end, since tools differ in where they explain
_INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR")  # not the exporter's own secrets


class Exec(Check):
    """Exit 0 is a pass, 1 a failure, 2 degraded; any other status is unknown."""

    phase_names: ClassVar[tuple[str, ...]] = ("run",)

    kind: Literal["exec"]
    command: Annotated[Listed[str], Field(min_length=1)]
    env: dict[str, str | FromEnv | FromFile] = Field(default_factory=dict)

    async def run(self, context: ProbeContext) -> None:
        """Run the command. Raises ProbeFailed, ProbeDegraded (`failed`, `probe_error`)."""
        output = _Output(_MAX_OUTPUT)
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        for name, value in self.env.items():
            env[name] = value if isinstance(value, str) else await context.reveal(value)
        await context.in_background("the command", self.command[0], lambda: _look_at(self.command[0], env))
        try:
            with context.phase("run"):
                status = await _execute(self.command, env, output)
        except (OSError, ValueError) as error:
            raise ProbeFailed(Reason.PROBE_ERROR, f"cannot run {self.command[0]!r}: {error}") from None
        finally:
            context.facts["output"] = _shown(output.text)
        context.facts["exit_status"] = status
        _judge(status, _shown(output.text))


def _look_at(command: str, env: Mapping[str, str]) -> None:
    """Read the first byte of the program, which hangs where its start would hold up the loop; says nothing else."""
    with contextlib.suppress(OSError, ValueError):
        path = Path(shutil.which(command, path=env.get("PATH")) or command)
        if path.is_file():
            with path.open("rb") as file:
                file.read(1)


def _judge(status: int, output: str) -> None:
    ended = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
    detail = f"{ended}, expected 0; output: {output or 'none'}"
    match status:
        case 0:
            return
        case 1:
            raise ProbeFailed(Reason.FAILED, detail)
        case 2:
            raise ProbeDegraded(Reason.FAILED, detail)
    raise ProbeFailed(Reason.PROBE_ERROR, detail)


def _shown(text: str) -> str:
    half = _SHOWN // 2
    return text if len(text) <= _SHOWN else f"{text[:half]} ... {text[-half:]}"


class _Output:
    """The output of a program, its first `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.data = bytearray()

    @property
    def text(self) -> str:
        """The output as text, without the white space around it."""
        return self.data.decode(errors="replace").strip()


async def _execute(command: Sequence[str], env: Mapping[str, str], output: _Output) -> int:
    """Run to the end and return the exit status, negative for a signal; `output` is filled meanwhile.

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
async def _pipe(output: _Output) -> AsyncIterator[tuple[int, asyncio.Task[None]]]:
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


async def _read(reader: asyncio.StreamReader, output: _Output) -> None:
    while data := await reader.read(65536):
        output.data += data[: output.limit - len(output.data)]
