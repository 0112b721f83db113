"""A Redis for the demo: the real server where the machine has one, else a responder that knows a few commands."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from staging_exporter.demo.network import Listener, bind
from staging_exporter.demo.processes import Account, Leftovers, guarded, make_directory, read_log

_START = 10.0  # seconds to wait for its socket
_PAUSE = 0.02  # seconds between two attempts
_CONFIG = """\
port 0
unixsocket {socket}
requirepass {password}
save ""
appendonly no
hz 1
maxmemory 32mb
"""


@asynccontextmanager
async def redis_server(program: str, password: str, leftovers: Leftovers) -> AsyncIterator[Path]:
    """The real server; yields its unix socket. Raises RuntimeError when it does not start."""
    directory = make_directory(Account())
    leftovers.add(directory)
    socket = directory / "socket"
    config = directory / "redis.conf"
    config.write_text(_CONFIG.format(socket=socket, password=password), encoding="utf-8")
    try:
        async with guarded([program, str(config)], directory, Account(), signal.SIGKILL):  # it has no data to save
            await _wait_for(socket, directory / "log")
            yield socket
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _wait_for(socket: Path, log: Path) -> None:
    for _ in range(round(_START / _PAUSE)):
        if _exists(socket):
            return
        await asyncio.sleep(_PAUSE)
    raise RuntimeError(f"redis-server did not start: {read_log(log)}")


def _exists(path: Path) -> bool:
    return path.exists()


@asynccontextmanager
async def redis_responder(password: str) -> AsyncIterator[int]:
    """Speaks enough of RESP for AUTH and PING; yields its port on loopback."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(password)
        while words := await _read_command(reader):
            writer.write(session.answer(words))
            await writer.drain()

    listener = Listener(bind(0), converse)
    await listener.open()
    try:
        yield listener.port
    finally:
        await listener.close()


async def _read_command(reader: asyncio.StreamReader) -> list[str]:
    """One command as an array of bulk strings, or as a line of words; empty at the end."""
    line = (await reader.readline()).strip()
    if not line.startswith(b"*"):
        return line.decode(errors="replace").split()
    words = []
    for _ in range(min(int(line[1:]), 16)):
        size = min(int((await reader.readline())[1:]), 4096)
        words.append((await reader.readexactly(size + 2))[:-2].decode(errors="replace"))
    return words


class _Session:
    """One connection's state: whether it has logged in."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._known = False
        self._commands: dict[str, Callable[[list[str]], bytes]] = {
            "PING": lambda words: b"+PONG\r\n",
            "INFO": lambda words: _bulk("# Server\r\nredis_version:7.0.0\r\n"),
            "ECHO": lambda words: _bulk(words[-1]),
        }

    def answer(self, words: list[str]) -> bytes:
        """The reply to one command, worded like the real server."""
        name, *arguments = words
        name = name.upper()
        if name == "AUTH":
            self._known = arguments[-1:] == [self._password]
            return b"+OK\r\n" if self._known else b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        if not self._known:
            return b"-NOAUTH Authentication required.\r\n"
        if name not in self._commands:
            return f"-ERR unknown command '{name[:40]}'\r\n".encode()
        return self._commands[name](words)


def _bulk(text: str) -> bytes:
    data = text.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)
