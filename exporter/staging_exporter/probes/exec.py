"""Kind `exec`: the exit status of a command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.check import Check
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.secrets import AnySecret

_MAX_OUTPUT = 64 * 1024
_MAX_PERFORMANCE = 20
_MARK = "STAGING_EXPORTER_RUN"  # a variable that the children of a run inherit
_ROUNDS = 10  # looks for children, which may start others meanwhile
_DRAIN = 0.1  # seconds to read the rest of the output after the process group has ended
_CHUNK = 65536  # bytes that are read at once
_SHOWN = 400  # characters of the output in a detail: its beginning and end, since tools differ in where they explain
_INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR")  # not the exporter's own secrets


Codes = Annotated[Listed[Annotated[int, Field(ge=0, le=255)]], BeforeValidator(lambda v: [v] if type(v) is int else v)]


class ExitCodes(Model):
    """What the exit statuses mean; any other one, and a signal, is `probe_error`."""

    up: Codes = (0,)
    degraded: Codes = (2,)
    down: Codes = (1,)
    unknown: Codes = ()

    @model_validator(mode="after")
    def _each_once(self) -> ExitCodes:
        for code, count in Counter((*self.up, *self.degraded, *self.down, *self.unknown)).items():
            if count > 1:
                raise ValueError(f"exit_codes: {code} is listed twice; what is not listed keeps its default")
        return self


# https://nagios-plugins.org/doc/guidelines.html#AEN78
_NAGIOS = ExitCodes(up=(0,), degraded=(1,), down=(2,), unknown=(3,))
_PERFORMANCE = re.compile(r"(?:'((?:[^']|'')+)'|([^\s=']+))=(-?\d+(?:\.\d+)?)")


class Exec(Check):
    """The exit status decides: 0 is a pass, 1 a failure, 2 degraded, unless `exit_codes` says otherwise."""

    phase_names: ClassVar[tuple[str, ...]] = ("run",)

    runs_programs: ClassVar[bool] = True

    kind: Literal["exec"]
    command: Annotated[Listed[str], Field(min_length=1)]
    env: dict[str, str | AnySecret] = Field(default_factory=dict)
    exit_codes: Literal["nagios"] | ExitCodes = ExitCodes()

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
        if self.exit_codes == "nagios":
            text, performance = _plugin_output(output.text)
            if performance:
                context.facts["performance"] = performance
            _judge(status, _NAGIOS, text or f"exit status {status}, without output")
        else:
            ended = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
            wanted = " or ".join(map(str, self.exit_codes.up)) or "another"
            _judge(status, self.exit_codes, f"{ended}, expected {wanted}; output: {_shown(output.text) or 'none'}")


def _look_at(command: str, env: Mapping[str, str]) -> None:
    """Read the first byte of the program, which hangs where its start would hold up the loop; says nothing else."""
    with contextlib.suppress(OSError, ValueError):
        path = Path(shutil.which(command, path=env.get("PATH")) or command)
        if path.is_file():
            with path.open("rb") as file:
                file.read(1)


def _judge(status: int, codes: ExitCodes, detail: str) -> None:
    if status in codes.up:
        return
    if status in codes.degraded:
        raise ProbeDegraded(Reason.FAILED, detail)
    if status in codes.down:
        raise ProbeFailed(Reason.FAILED, detail)
    if status in codes.unknown:
        raise ProbeFailed(Reason.NO_EVIDENCE, detail)
    ended = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
    raise ProbeFailed(Reason.PROBE_ERROR, detail if detail.startswith(ended) else f"{ended}: {detail}")


def _plugin_output(output: str) -> tuple[str, dict[str, float]]:
    """The first line of a plugin for Nagios, and its performance data: label to value, at most 20."""
    first, _, rest = output.partition("\n")
    text, _, data = first.partition("|")
    data += " " + rest.partition("|")[2]
    found = _PERFORMANCE.findall(data)[:_MAX_PERFORMANCE]
    return _shown(text.strip()), {(quoted.replace("''", "'") or bare): float(value) for quoted, bare, value in found}


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

    In the end, also when it is cancelled, the program and its children are killed.
    Raises OSError, ValueError when it cannot be started.
    """
    async with _pipe(output) as (descriptor, ended):
        mark = str(uuid.uuid4())
        try:
            process = await asyncio.create_subprocess_exec(
                *command, env={**env, _MARK: mark}, stdin=asyncio.subprocess.DEVNULL, stdout=descriptor,
                stderr=descriptor, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(descriptor)
        try:
            return await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await asyncio.to_thread(_kill_marked, f"{_MARK}={mark}".encode())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _DRAIN)


def _kill_marked(mark: bytes) -> None:
    """Kill what a run left behind in other process groups: what has its mark in the environment (proc(5))."""
    for _ in range(_ROUNDS):
        left = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if mark in _environment_of(entry)]
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        if not left:
            return


def _environment_of(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # gone, or of another user
        return []


@asynccontextmanager
async def _pipe(output: _Output) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """The writing end of a pipe, to be closed by the caller, and what is set when the other end is read to its end.

    Not `connect_read_pipe`: uvloop closes the descriptor twice, and by then it may be that of another file.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(reading, _CHUNK)
            output.data += data[: output.limit - len(output.data)]
            if not data:
                loop.remove_reader(reading)
                ended.set()

    loop.add_reader(reading, read)
    try:
        yield writing, ended
    finally:
        loop.remove_reader(reading)
        os.close(reading)
